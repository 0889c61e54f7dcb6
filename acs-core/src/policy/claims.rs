//! Conditions about what the 3DS Requestor and the DS say. None of it proves anything: rules decide
//! whom they believe.

use super::{Condition, Facts, one_of};
use crate::flow::currency;
use crate::message::{AuthenticationClaim, Recurring};

impl Condition {
    pub(super) fn claims_hold(&self, facts: &Facts<'_>) -> bool {
        let areq = facts.areq;
        let claims = &areq.claims;
        let (trust, binding) = (claims.trust_list.as_ref(), claims.device_binding.as_ref());
        one_of(&self.requestor_id, Some(areq.three_ds_requestor_id.as_str()))
            && one_of(&self.claimed_trust, trust.map(|trust| trust.status.as_str()))
            && one_of(&self.claimed_trust_source, trust.map(|trust| trust.source.as_str()))
            && one_of(&self.claimed_binding, binding.map(|binding| binding.status.as_str()))
            && one_of(
                &self.claimed_security_code,
                claims.security_code.as_ref().map(|code| code.status.as_str()),
            )
            && one_of(&self.prior_auth_method, claims.prior_methods.iter().map(String::as_str))
            && self.authentication_holds(facts, &claims.authentication)
            && self.recurring_holds(claims.recurring.as_ref())
            && at_least(self.instalments_at_least, claims.instalments)
            && self.multi_transaction_holds(facts)
    }

    /// All conditions about one and the same authentication by the requestor.
    fn authentication_holds(&self, facts: &Facts<'_>, said: &[AuthenticationClaim]) -> bool {
        let asked = !self.requestor_auth_method.is_empty()
            || !self.requestor_auth_result.is_empty()
            || self.requestor_auth_data.is_some()
            || self.requestor_auth_verified.is_some()
            || self.requestor_auth_minutes_below.is_some();
        let fits = |claim: &AuthenticationClaim| {
            let age = |limit: u32| {
                let age_ms = claim.at.map(|at| facts.now.0 - at.0);
                age_ms.is_some_and(|age| {
                    (-CLOCKS_DIFFER_MS..i64::from(limit) * 60_000).contains(&age)
                })
            };
            one_of(&self.requestor_auth_method, Some(claim.method.as_str()))
                && one_of(&self.requestor_auth_result, claim.ds_result.as_deref())
                && self.requestor_auth_data.is_none_or(|wanted| wanted == claim.has_data)
                && self
                    .requestor_auth_verified
                    .is_none_or(|wanted| wanted == claim.verified_by_ds())
                && self.requestor_auth_minutes_below.is_none_or(age)
        };
        !asked || said.iter().any(fits)
    }

    fn recurring_holds(&self, recurring: Option<&Recurring>) -> bool {
        let fixed = recurring.and_then(|recurring| recurring.amount_fixed);
        let amount = recurring.and_then(|recurring| recurring.amount.as_ref());
        let minor = amount.and_then(currency::minor_units);
        self.recurring.is_none_or(|wanted| wanted == recurring.is_some())
            && self.recurring_amount_fixed.is_none_or(|wanted| fixed == Some(wanted))
            && one_of(&self.recurring_currency, amount.map(|amount| amount.currency.as_str()))
            && self
                .recurring_amount_below
                .is_none_or(|limit| minor.is_some_and(|minor| minor < u128::from(limit)))
    }

    fn multi_transaction_holds(&self, facts: &Facts<'_>) -> bool {
        let multi = facts.areq.claims.multi_transaction.as_ref();
        let merchants = multi.map(|multi| u32::try_from(multi.merchants.len()).unwrap_or(u32::MAX));
        self.multi_transaction.is_none_or(|wanted| wanted == multi.is_some())
            && at_least(self.merchants_at_least, merchants)
    }
}

fn at_least(limit: Option<u32>, value: Option<u32>) -> bool {
    limit.is_none_or(|limit| value.is_some_and(|value| value >= limit))
}

/// A requestor's clock may be ahead of ours by so much.
const CLOCKS_DIFFER_MS: i64 = 120_000;

//! The earlier authentication that an AReq names in threeDSReqPriorRef [P-3RI-03].

use super::spc::ExpectSpc;
use super::transaction::Phase;
use super::{Transaction, currency};
use crate::UtcMillis;
use crate::element::{DeviceChannel, TransId, TransStatus};
use crate::message::{AReq, Merchant, Purchase};
use crate::profile::PriorFrictionless;

/// What the store knows of the authentication an AReq names.
#[derive(Debug, Clone, Default)]
pub enum Prior {
    /// The AReq names none.
    #[default]
    NotNamed,
    /// It names one that is not ours, or another issuer's.
    Unknown,
    /// The store did not answer: as good as unknown, but told apart in the *why*.
    Failed,
    Found(Box<PriorTransaction>),
}

/// An earlier authentication of this issuer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PriorTransaction {
    pub acs_trans_id: TransId,
    /// Its result; C or D while there is none yet.
    pub status: TransStatus,
    /// When its AReq came.
    pub created: UtcMillis,
    pub card_token: String,
    /// A 3RI answer given at once: no cardholder took part, and a status check proves nothing.
    pub unattended: bool,
    /// Its result was given at once, without a challenge.
    pub at_once: bool,
    pub purchase: Option<Purchase>,
    pub merchant: Merchant,
    /// `threeDSRequestorID`.
    pub requestor_id: String,
    /// When its challenge ended for the sake of a decoupled authentication, if it did.
    pub fell_back: Option<UtcMillis>,
    /// Its wait for a second AReq, while that lasts.
    pub spc: Option<Box<SpcWait>>,
}

/// The first half of a confirmation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpcWait {
    pub expected: ExpectSpc,
    /// The DS profile it came through.
    pub ds_id: String,
    pub purchase: Option<Purchase>,
}

impl SpcWait {
    fn of(stored: &Transaction) -> Option<Self> {
        let Phase::ExpectSpc(expected) = &stored.phase else { return None };
        Some(Self {
            expected: (**expected).clone(),
            ds_id: stored.ds_id.clone(),
            purchase: stored.purchase.clone(),
        })
    }
}

impl PriorTransaction {
    /// What a stored transaction means to later ones.
    #[must_use]
    pub fn of(stored: &Transaction) -> Self {
        Self {
            acs_trans_id: stored.acs_trans_id,
            status: match &stored.phase {
                Phase::Answered(answered) => answered.status,
                Phase::ExpectRRes(wait) => wait.decided.status,
                Phase::Ended(decided) => decided.status,
                Phase::ExpectCReq(_) | Phase::ExpectEntry(_) => TransStatus::ChallengeRequired,
                Phase::Decoupled(_) => TransStatus::Decoupled,
                Phase::ExpectSpc(_) => TransStatus::SpcRequired,
            },
            created: stored.created,
            card_token: stored.card_token.clone(),
            unattended: stored.channel == DeviceChannel::ThreeRi
                && matches!(stored.phase, Phase::Answered(_)),
            at_once: matches!(stored.phase, Phase::Answered(_)),
            purchase: stored.purchase.clone(),
            merchant: stored.merchant.clone(),
            requestor_id: stored.requestor_id.clone(),
            fell_back: stored.decided().and_then(|decided| decided.fell_back),
            spc: SpcWait::of(stored).map(Box::new),
        }
    }

    /// Whole days since then.
    pub(crate) fn age_days(&self, now: UtcMillis) -> u32 {
        let days = now.0.saturating_sub(self.created.0) / MILLIS_A_DAY;
        u32::try_from(days.max(0)).unwrap_or(u32::MAX)
    }

    /// Whether the cardholder was authenticated then. The Y of a status check, or one that itself
    /// leaned on an earlier transaction, carries no further one.
    pub(crate) fn authenticated(&self) -> bool {
        self.status == TransStatus::Authenticated && !self.unattended
    }

    /// Whether it reaches as far as this request: one with a challenge always, one without as far as
    /// the issuer says.
    pub(crate) fn reaches(&self, areq: &AReq, frictionless: PriorFrictionless) -> bool {
        if !self.at_once {
            return true;
        }
        match frictionless {
            PriorFrictionless::Any => true,
            PriorFrictionless::Never => false,
            PriorFrictionless::Amount => match (&self.purchase, &areq.purchase) {
                (None, None) => true,
                (Some(before), Some(now)) => {
                    let amounts = (currency::minor_units(before), currency::minor_units(now));
                    before.currency == now.currency
                        && matches!(amounts, (Some(before), Some(now)) if now <= before)
                }
                _ => false,
            },
        }
    }

    /// The result that rules see; none where nobody was authenticated.
    pub(crate) fn proven_status(&self) -> Option<TransStatus> {
        (self.status != TransStatus::Authenticated || self.authenticated()).then_some(self.status)
    }

    /// Whether it was the same merchant's: merchant ids are unique within their acquirer only, and
    /// where either AReq did without one of the two, it is the requestor that has to be the same.
    pub(crate) fn same_merchant(&self, areq: &AReq) -> bool {
        let pairs = [
            (&self.merchant.acquirer_merchant_id, &areq.merchant.acquirer_merchant_id),
            (&self.merchant.acquirer_bin, &areq.merchant.acquirer_bin),
        ];
        let named = pairs.iter().all(|(ours, theirs)| ours.is_some() && theirs.is_some());
        let differs = |(ours, theirs): &(&Option<String>, &Option<String>)| {
            ours.is_some() && theirs.is_some() && ours != theirs
        };
        let same_requestor =
            !self.requestor_id.is_empty() && self.requestor_id == areq.three_ds_requestor_id;
        !pairs.iter().any(differs) && (named || same_requestor)
    }
}

impl Prior {
    /// The transaction, where there is one.
    #[must_use]
    pub const fn found(&self) -> Option<&PriorTransaction> {
        match self {
            Self::Found(prior) => Some(prior),
            _ => None,
        }
    }

    /// For the *why*; `None` where the AReq names none.
    pub(super) const fn as_str(&self) -> Option<&'static str> {
        match self {
            Self::NotNamed => None,
            Self::Unknown => Some("unknown"),
            Self::Failed => Some("lookup-failed"),
            Self::Found(_) => Some("found"),
        }
    }
}

const MILLIS_A_DAY: i64 = 24 * 3600 * 1000;

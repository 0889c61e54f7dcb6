//! The earlier authentication that an AReq names in threeDSReqPriorRef [P-3RI-03].

use super::Transaction;
use super::spc::ExpectSpc;
use super::transaction::Phase;
use crate::UtcMillis;
use crate::element::{TransId, TransStatus};
use crate::message::{Merchant, Purchase};

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
    Found(PriorTransaction),
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
    pub merchant: Merchant,
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
            merchant: stored.merchant.clone(),
            spc: SpcWait::of(stored).map(Box::new),
        }
    }

    /// Whole days since then.
    pub(crate) fn age_days(&self, now: UtcMillis) -> u32 {
        let days = now.0.saturating_sub(self.created.0) / MILLIS_A_DAY;
        u32::try_from(days.max(0)).unwrap_or(u32::MAX)
    }

    /// Whether the cardholder was authenticated then.
    pub(crate) fn authenticated(&self) -> bool {
        self.status == TransStatus::Authenticated
    }

    /// Whether it was the same merchant's, as far as both name one: merchant ids are unique within
    /// their acquirer only.
    pub(crate) fn same_merchant(&self, merchant: &Merchant) -> bool {
        let same = |ours: &Option<String>, theirs: &Option<String>| {
            ours.is_none() || theirs.is_none() || ours == theirs
        };
        same(&self.merchant.acquirer_merchant_id, &merchant.acquirer_merchant_id)
            && same(&self.merchant.acquirer_bin, &merchant.acquirer_bin)
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

//! Form tokens: `acsTransID | revision | 16 random bytes | MAC`, base64url. Good for one accepted
//! step, as each moves the revision on; anybody may hold one, nobody else can make one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::Random;
use crate::crypto::{ChallengeKeys, mac};
use crate::element::TransId;
use crate::flow::Transaction;

/// What a genuine token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) acs_trans_id: TransId,
    pub(super) revision: u32,
    random: [u8; 16],
}

impl Opened {
    /// What tells this token from others of the same revision.
    pub(super) fn mark(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random)
    }
}

/// A token for the transaction as it stands.
pub(super) fn seal(
    transaction: &Transaction,
    keys: &ChallengeKeys,
    random: &mut dyn Random,
) -> String {
    let mut bytes = [0; LENGTH];
    bytes[..16].copy_from_slice(transaction.acs_trans_id.0.as_bytes());
    bytes[16..20].copy_from_slice(&transaction.revision.to_be_bytes());
    random.fill(&mut bytes[20..SIGNED]);
    let tag = tag(&bytes[..SIGNED], keys);
    bytes[SIGNED..].copy_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a token; `None` for one that this ACS did not make.
pub(super) fn open(token: &str, keys: &ChallengeKeys) -> Option<Opened> {
    if token.len() != LENGTH.div_ceil(3) * 4 - PADDING {
        return None;
    }
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let genuine = tag(&bytes[..SIGNED], keys).ct_eq(&bytes[SIGNED..]);
    if !bool::from(genuine) {
        return None;
    }
    let id = Uuid::from_slice(&bytes[..16]).ok()?;
    let revision = u32::from_be_bytes(bytes[16..20].try_into().ok()?);
    let random = bytes[20..SIGNED].try_into().ok()?;
    Some(Opened { acs_trans_id: TransId(id), revision, random })
}

fn tag(signed: &[u8], keys: &ChallengeKeys) -> [u8; TAG] {
    let mut tag = [0; TAG];
    tag.copy_from_slice(&mac(&keys.token, &[b"form token 1", signed])[..TAG]);
    tag
}

const SIGNED: usize = 16 + 4 + 16;
const TAG: usize = 16;
const LENGTH: usize = SIGNED + TAG;
/// Characters that base64 would pad `LENGTH` bytes with.
const PADDING: usize = (3 - LENGTH % 3) % 3;

//! Short-lived keys under which ARes bytes are kept for the repeat window. Deleting the key makes
//! the bytes unreadable; no row needs a second write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acs_core::UtcMillis;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::storage::TransactionNumber;
use crate::vault::{Purpose, Vault, VaultError};

/// One key, in memory and as its row will hold it.
pub(super) struct ReplyKey {
    pub(super) id: i64,
    pub(super) expires: UtcMillis,
    /// The key, sealed by the vault.
    pub(super) sealed: Vec<u8>,
    since: UtcMillis,
    aead: LessSafeKey,
}

/// A sealed reply, with the key its commit must store if no earlier one did.
#[derive(Debug)]
pub(super) struct SealedReply {
    pub(super) key: Arc<ReplyKey>,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct ReplyKeys {
    state: Mutex<State>,
    window_ms: i64,
}

impl ReplyKeys {
    /// `rows` are the keys of earlier runs: they open, but seal no more, so that a transaction
    /// number drawn again after a crash never meets its old nonce under the same key. One that does
    /// not open is passed over: it is worth a minute of repeats, no service that does not start.
    pub(super) fn new(vault: &Vault, rows: Vec<(i64, UtcMillis, Vec<u8>)>, window_ms: i64) -> Self {
        let mut known = BTreeMap::new();
        for (id, expires, sealed) in rows {
            let key = vault.open(Purpose::ReplyKey, &id.to_be_bytes(), &sealed);
            match key.and_then(|key| aead(&key)) {
                Ok(aead) => {
                    let key = ReplyKey { id, expires, sealed, since: expires, aead };
                    known.insert(id, Arc::new(key));
                }
                Err(error) => tracing::warn!(%error, "a reply key was passed over"),
            }
        }
        Self { state: Mutex::new(State { known, current: None }), window_ms }
    }

    /// Seals the reply of a transaction created at `at`, where it stands: nothing of it is left. The
    /// number is the nonce: a row is inserted once, and its reply never changes.
    pub(super) fn seal(
        &self,
        vault: &Vault,
        number: TransactionNumber,
        at: UtcMillis,
        mut reply: Vec<u8>,
    ) -> Result<SealedReply, VaultError> {
        let key = self.key_at(vault, at)?;
        // The tag apart: a vector that grew before would leave a copy in clear behind.
        let tag = key
            .aead
            .seal_in_place_separate_tag(nonce(number), Aad::empty(), &mut reply)
            .map_err(|_| VaultError::Random)?;
        reply.extend_from_slice(tag.as_ref());
        Ok(SealedReply { key, bytes: reply })
    }

    /// Opens a stored reply; `None` once its key is gone.
    pub(super) fn open(
        &self,
        number: TransactionNumber,
        key_id: i64,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(key) = self.state().known.get(&key_id).cloned() else {
            return Ok(None);
        };
        let mut bytes = sealed.to_vec();
        let length = key
            .aead
            .open_in_place(nonce(number), Aad::empty(), &mut bytes)
            .map_err(|_| VaultError::Forged)?
            .len();
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    /// Forgets the keys past their time and says whether there were any.
    pub(super) fn expire(&self, now: UtcMillis) -> bool {
        let mut state = self.state();
        let before = state.known.len();
        state.known.retain(|_, key| key.expires > now);
        if state.current.as_ref().is_some_and(|key| key.expires <= now) {
            state.current = None;
        }
        before != state.known.len()
    }

    /// Whether this key still opens anything.
    pub(super) fn knows(&self, id: i64) -> bool {
        self.state().known.contains_key(&id)
    }

    fn key_at(&self, vault: &Vault, at: UtcMillis) -> Result<Arc<ReplyKey>, VaultError> {
        let mut state = self.state();
        if let Some(key) = state.current.as_ref().filter(|key| key.covers(at)) {
            return Ok(Arc::clone(key));
        }
        let id = random_id()?;
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes).map_err(|_| VaultError::Random)?;
        let key = Arc::new(ReplyKey {
            id,
            since: at,
            expires: UtcMillis(at.0 + KEY_LIFE_MS + self.window_ms),
            sealed: vault.seal(Purpose::ReplyKey, &id.to_be_bytes(), &*bytes)?,
            aead: aead(&*bytes)?,
        });
        state.known.insert(id, Arc::clone(&key));
        state.current = Some(Arc::clone(&key));
        Ok(key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    known: BTreeMap<i64, Arc<ReplyKey>>,
    current: Option<Arc<ReplyKey>>,
}

impl ReplyKey {
    /// A little before its start too: times are taken before they get here.
    fn covers(&self, at: UtcMillis) -> bool {
        (self.since.0 - KEY_LIFE_MS / 2..self.since.0 + KEY_LIFE_MS).contains(&at.0)
    }
}

impl fmt::Debug for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Never drawn twice: rows outlive the keys they name.
fn random_id() -> Result<i64, VaultError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| VaultError::Random)?;
    Ok(i64::from_be_bytes(bytes) & i64::MAX)
}

fn aead(key: &[u8]) -> Result<LessSafeKey, VaultError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| VaultError::Forged)
}

fn nonce(number: TransactionNumber) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&number.0.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// How long a key seals.
const KEY_LIFE_MS: i64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_opens_within_the_window_and_never_after() {
        let vault = Vault::ephemeral().unwrap();
        let keys = ReplyKeys::new(&vault, Vec::new(), 60_000);
        let number = TransactionNumber(9);
        let sealed = keys.seal(&vault, number, UtcMillis(1000), b"ARes".to_vec()).unwrap();
        let same =
            keys.seal(&vault, TransactionNumber(10), UtcMillis(60_999), b"ARes".to_vec()).unwrap();
        let next =
            keys.seal(&vault, TransactionNumber(11), UtcMillis(61_000), b"ARes".to_vec()).unwrap();
        assert_eq!(same.key.id, sealed.key.id);
        assert_ne!(next.key.id, sealed.key.id);
        let open = |sealed: &SealedReply| keys.open(number, sealed.key.id, &sealed.bytes).unwrap();
        assert!(!keys.expire(UtcMillis(120_999)));
        assert_eq!(open(&sealed).as_deref(), Some(b"ARes".as_slice()));
        assert!(keys.expire(UtcMillis(121_000)));
        assert_eq!(open(&sealed), None);
    }

    #[test]
    fn keys_of_an_earlier_run_open_but_do_not_seal() {
        let vault = Vault::ephemeral().unwrap();
        let keys = ReplyKeys::new(&vault, Vec::new(), 60_000);
        let number = TransactionNumber(9);
        let old = keys.seal(&vault, number, UtcMillis(0), b"ARes".to_vec()).unwrap();
        let rows = vec![(old.key.id, old.key.expires, old.key.sealed.clone())];
        let keys = ReplyKeys::new(&vault, rows, 60_000);
        let new = keys.seal(&vault, number, UtcMillis(1), b"other".to_vec()).unwrap();
        assert_ne!(new.key.id, old.key.id);
        let opened = keys.open(number, old.key.id, &old.bytes).unwrap();
        assert_eq!(opened.as_deref(), Some(b"ARes".as_slice()));
    }

    #[test]
    fn keys_of_an_unknown_vault_key_do_not_stop_the_store() {
        let (lost, vault) = (Vault::ephemeral().unwrap(), Vault::ephemeral().unwrap());
        let number = TransactionNumber(9);
        let keys = ReplyKeys::new(&lost, Vec::new(), 60_000);
        let old = keys.seal(&lost, number, UtcMillis(0), b"ARes".to_vec()).unwrap();
        let rows = vec![
            (old.key.id, old.key.expires, old.key.sealed.clone()),
            (7, old.key.expires, b"rot".to_vec()),
        ];
        let keys = ReplyKeys::new(&vault, rows, 60_000);
        assert_eq!(keys.open(number, old.key.id, &old.bytes).unwrap(), None);
        assert!(keys.seal(&vault, number, UtcMillis(0), b"ARes".to_vec()).is_ok());
    }
}

//! Short-lived keys under which ARes bytes are kept for the repeat window. Deleting the key makes
//! the bytes unreadable; no row needs a second write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acs_core::UtcMillis;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::reply_texts::{ReplyText, ReplyTexts};
use crate::storage::TransactionNumber;
use crate::storage::reply::{CommonText, StoredReply};
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
    /// What the message has beside, in clear, and where.
    pub(super) text: Option<(ReplyText, u32)>,
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
        texts: &ReplyTexts,
        number: TransactionNumber,
        at: UtcMillis,
        reply: StoredReply,
    ) -> Result<SealedReply, VaultError> {
        let key = self.key_at(vault, at)?;
        let StoredReply { own: mut bytes, common } = reply;
        let text = common.map(|CommonText { at, text }| (texts.of(&text), at));
        // The tag apart: a vector that grew before would leave a copy in clear behind.
        let tag = key
            .aead
            .seal_in_place_separate_tag(nonce(number), associated_data(text.as_ref()), &mut bytes)
            .map_err(|_| VaultError::Random)?;
        bytes.extend_from_slice(tag.as_ref());
        Ok(SealedReply { key, bytes, text })
    }

    /// Opens a stored reply, which is without a text if its number and place are there; `None` once
    /// its key is gone.
    pub(super) fn open(
        &self,
        texts: &ReplyTexts,
        number: TransactionNumber,
        key_id: i64,
        sealed: &[u8],
        text: Option<(i64, u32)>,
    ) -> Result<Option<StoredReply>, VaultError> {
        let Some(key) = self.state().known.get(&key_id).cloned() else {
            return Ok(None);
        };
        let text = match text {
            Some((id, at)) => Some((texts.get(id).ok_or(VaultError::Forged)?, at)),
            None => None,
        };
        let mut own = sealed.to_vec();
        let length = key
            .aead
            .open_in_place(nonce(number), associated_data(text.as_ref()), &mut own)
            .map_err(|_| VaultError::Forged)?
            .len();
        own.truncate(length);
        let common = text.map(|(ReplyText { text, .. }, at)| CommonText { at, text });
        Ok(Some(StoredReply { own, common }))
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

fn associated_data(text: Option<&(ReplyText, u32)>) -> Aad<Vec<u8>> {
    Aad::from(text.map(|(text, at)| text.associated_data(*at).to_vec()).unwrap_or_default())
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

    struct Keys {
        vault: Vault,
        texts: ReplyTexts,
        keys: ReplyKeys,
    }

    impl Keys {
        fn new(vault: Vault, rows: Vec<(i64, UtcMillis, Vec<u8>)>) -> Self {
            let keys = ReplyKeys::new(&vault, rows, 60_000);
            Self { vault, texts: ReplyTexts::new(Vec::new()), keys }
        }

        fn fresh() -> Self {
            Self::new(Vault::ephemeral().unwrap(), Vec::new())
        }

        fn seal(&self, number: u64, at: i64, reply: StoredReply) -> SealedReply {
            let (number, at) = (TransactionNumber(number), UtcMillis(at));
            self.keys.seal(&self.vault, &self.texts, number, at, reply).unwrap()
        }

        fn open(&self, number: u64, sealed: &SealedReply) -> Option<StoredReply> {
            let text = sealed.text.as_ref().map(|(text, at)| (text.id, *at));
            self.try_open(number, sealed, text).unwrap()
        }

        fn try_open(
            &self,
            number: u64,
            sealed: &SealedReply,
            text: Option<(i64, u32)>,
        ) -> Result<Option<StoredReply>, VaultError> {
            let number = TransactionNumber(number);
            self.keys.open(&self.texts, number, sealed.key.id, &sealed.bytes, text)
        }
    }

    fn ares() -> StoredReply {
        StoredReply::new(b"ARes".to_vec())
    }

    fn row(sealed: &SealedReply) -> (i64, UtcMillis, Vec<u8>) {
        (sealed.key.id, sealed.key.expires, sealed.key.sealed.clone())
    }

    #[test]
    fn a_reply_opens_within_the_window_and_never_after() {
        let keys = Keys::fresh();
        let sealed = keys.seal(9, 1000, ares());
        let same = keys.seal(10, 60_999, ares());
        let next = keys.seal(11, 61_000, ares());
        assert_eq!(same.key.id, sealed.key.id);
        assert_ne!(next.key.id, sealed.key.id);
        assert!(!keys.keys.expire(UtcMillis(120_999)));
        assert_eq!(keys.open(9, &sealed), Some(ares()));
        assert!(keys.keys.expire(UtcMillis(121_000)));
        assert_eq!(keys.open(9, &sealed), None);
    }

    #[test]
    fn a_reply_opens_with_its_text_at_its_place_only() {
        let keys = Keys::fresh();
        let whole = b"{\"a\":\"header.b\"}";
        let sealed = keys.seal(9, 0, StoredReply::around(whole, 6, "header".into()));
        keys.texts.of(&"another".into());
        assert!(!sealed.bytes.windows(6).any(|bytes| bytes == b"header"));
        assert_eq!(keys.open(9, &sealed).unwrap().into_message(), whole);
        for text in [None, Some((1, 5)), Some((2, 6)), Some((3, 6))] {
            assert!(keys.try_open(9, &sealed, text).is_err(), "{text:?}");
        }
        let mut keys = keys;
        for rows in [Vec::new(), vec![(1, None)], vec![(1, Some("hEader".into()))]] {
            keys.texts = ReplyTexts::new(rows);
            assert!(keys.try_open(9, &sealed, Some((1, 6))).is_err(), "{:?}", keys.texts);
        }
        keys.texts = ReplyTexts::new(vec![(1, Some("header".into()))]);
        assert_eq!(keys.open(9, &sealed).unwrap().into_message(), whole);
    }

    #[test]
    fn keys_of_an_earlier_run_open_but_do_not_seal() {
        let first = Keys::fresh();
        let old = first.seal(9, 0, ares());
        let second = Keys::new(first.vault, vec![row(&old)]);
        let new = second.seal(9, 1, StoredReply::new(b"other".to_vec()));
        assert_ne!(new.key.id, old.key.id);
        assert_eq!(second.open(9, &old), Some(ares()));
    }

    #[test]
    fn keys_of_an_unknown_vault_key_do_not_stop_the_store() {
        let old = Keys::fresh().seal(9, 0, ares());
        let rows = vec![row(&old), (7, old.key.expires, b"rot".to_vec())];
        let keys = Keys::new(Vault::ephemeral().unwrap(), rows);
        assert_eq!(keys.open(9, &old), None);
        keys.seal(9, 0, ares());
    }
}

//! The key file and what it protects: AES-256-GCM sealing of rows, the keyed hash that finds
//! cards, and the sub-keys of everything else that is keyed (invariant 7).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use acs_core::crypto::ChallengeKeys;
use acs_core::element::Pan;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::storage::ReplayKey;
use crate::trans_id::TransIdKey;

/// What a value is sealed for. Each purpose has a key of its own under every key of the file, so a
/// value moved to another column does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    CardPan,
    CardContacts,
    Outgoing,
    ReplyKey,
    TransactionSecret,
    CardSecurityCode,
}

/// Keys in memory. `Debug` is silent; key bytes are wiped when dropped.
pub struct Vault {
    keys: Vec<SealingKeys>,
    current: usize,
    index: hmac::Key,
    replay: hmac::Key,
    areq: LessSafeKey,
    areq_end: EncryptingKey,
    challenge: ChallengeKeys,
    trans_id: TransIdKey,
}

/// Why the key file was not accepted, or a sealed value did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    #[error("key file {0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("key file {0} is readable by others (mode {1:03o}): use chmod 600")]
    Exposed(PathBuf, u32),
    #[error("key file {0}: {1}")]
    Content(PathBuf, String),
    #[error("the random source failed")]
    Random,
    #[error("a sealed value names key \"{0}\", which the key file does not hold")]
    UnknownKey(String),
    #[error("a sealed value does not open: it was changed, moved or cut")]
    Forged,
}

impl Vault {
    /// Makes a key file with one fresh key, readable by its owner only. An existing file is never
    /// overwritten.
    ///
    /// # Errors
    /// [`VaultError::File`] when it exists or cannot be written.
    pub fn create(path: &Path) -> Result<(), VaultError> {
        let mut file = KeyFile {
            current: "k1".to_owned(),
            keys: std::iter::once(("k1".to_owned(), random_key()?)).collect(),
            index: random_key()?,
        };
        let text = Zeroizing::new(
            serde_json::to_vec_pretty(&file)
                .map_err(|error| VaultError::Content(path.to_owned(), error.to_string()))?,
        );
        file.wipe();
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        written
            .and_then(|mut out| {
                out.write_all(&text)?;
                out.write_all(b"\n")?;
                out.sync_all()
            })
            .map_err(|error| VaultError::File(path.to_owned(), error))
    }

    /// Reads a key file. The key named `current` seals, all of them open.
    ///
    /// # Errors
    /// Any [`VaultError`] about the file: missing, readable by others, not the expected JSON.
    pub fn load(path: &Path) -> Result<Self, VaultError> {
        let text = read_private(path)?;
        let mut file: KeyFile = serde_json::from_slice(&text)
            .map_err(|error| VaultError::Content(path.to_owned(), error.to_string()))?;
        let vault =
            Self::from_file(&file).map_err(|text| VaultError::Content(path.to_owned(), text));
        file.wipe();
        vault
    }

    /// A vault with fresh keys that no file holds, for tests.
    ///
    /// # Errors
    /// [`VaultError::Random`].
    pub fn ephemeral() -> Result<Self, VaultError> {
        let file = KeyFile {
            current: "k1".to_owned(),
            keys: std::iter::once(("k1".to_owned(), random_key()?)).collect(),
            index: random_key()?,
        };
        Self::from_file(&file).map_err(|text| VaultError::Content(PathBuf::new(), text))
    }

    /// Seals `plain` under the current key, bound to its purpose and to the row it belongs to.
    ///
    /// # Errors
    /// [`VaultError::Random`].
    pub fn seal(&self, purpose: Purpose, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let key = &self.keys[self.current];
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| VaultError::Random)?;
        let head = 2 + key.id.len() + NONCE_LEN;
        let mut sealed = Vec::with_capacity(head + plain.len() + AES_256_GCM.tag_len());
        sealed.push(SEALED_FORMAT);
        sealed.push(key.id_len);
        sealed.extend_from_slice(key.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = key
            .aead(purpose)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated_data(purpose, &key.id, row)),
                &mut sealed[head..],
            )
            .map_err(|_| VaultError::Random)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same purpose and row.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] or [`VaultError::Forged`].
    pub fn open(
        &self,
        purpose: Purpose,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (id, nonce, body) = split_sealed(sealed).ok_or(VaultError::Forged)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id.as_bytes() == id)
            .ok_or_else(|| VaultError::UnknownKey(String::from_utf8_lossy(id).into_owned()))?;
        let mut plain = Zeroizing::new(body.to_vec());
        let length = key
            .aead(purpose)
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated_data(purpose, &key.id, row)),
                &mut plain,
            )
            .map_err(|_| VaultError::Forged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// The key that a sealed value names and the key file does not hold; its first bytes
    /// ([`KEY_NAME_BYTES`]) are enough.
    pub(crate) fn missing_key(&self, sealed: &[u8]) -> Option<String> {
        let (&[format, id_len], rest) = sealed.split_first_chunk()?;
        let id = rest.get(..usize::from(id_len)).filter(|_| format == SEALED_FORMAT)?;
        let held = self.keys.iter().any(|key| key.id.as_bytes() == id);
        (!held).then(|| String::from_utf8_lossy(id).into_owned())
    }

    /// Keyed hash of a PAN: finds the card without holding its number.
    #[must_use]
    pub fn card_index(&self, pan: &Pan) -> [u8; 16] {
        first_half(hmac::sign(&self.index, pan.expose_digits().as_bytes()).as_ref())
    }

    /// [`Self::card_index`] in lower-case hex: the card token of states and events.
    #[must_use]
    pub fn card_token(&self, pan: &Pan) -> String {
        hex(&self.card_index(pan))
    }

    /// The keyed digests by which a repeated AReq is recognised [P-AREQ-20].
    #[must_use]
    pub fn replay_key(&self, ds_id: &str, ds_trans_id: &[u8; 16], body: &[u8]) -> ReplayKey {
        let mut ids = hmac::Context::with_key(&self.replay);
        ids.update(b"ds\0");
        ids.update(ds_trans_id);
        ids.update(ds_id.as_bytes());
        let ds_trans = first_half(ids.sign().as_ref());
        ReplayKey { ds_trans, body: self.areq_digest(&ds_trans, body), server: None }
    }

    /// GMAC over an AReq, with the digest of its dsTransID for a nonce: a tenth of the time of a
    /// keyed hash. A dsTransID that the window has forgotten may come with another AReq, so the tag is
    /// encrypted once more: of two tags under one nonce the algebra would tell the key of the hash.
    /// What is left to tell is whether two are equal.
    fn areq_digest(&self, ds_trans: &[u8; 16], body: &[u8]) -> [u8; 16] {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&ds_trans[..NONCE_LEN]);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .areq
            .seal_in_place_separate_tag(nonce, Aad::from(body), &mut [])
            .expect("a body of at most some megabytes is sealed");
        let mut digest = first_half(tag.as_ref());
        self.areq_end
            .less_safe_encrypt(&mut digest, EncryptionContext::None)
            .expect("ECB over a whole block has no failing input");
        digest
    }

    /// The keyed digest by which a repeated part of a notice is recognised [P-OPR-02].
    #[must_use]
    pub fn notice_digest(&self, body: &[u8]) -> [u8; 16] {
        let mut content = hmac::Context::with_key(&self.replay);
        content.update(b"body\0");
        content.update(body);
        first_half(content.sign().as_ref())
    }

    /// The keyed digest of a threeDSServerTransID [P-AREQ-20].
    #[must_use]
    pub fn server_id_key(&self, ds_id: &str, id: &[u8; 16]) -> [u8; 16] {
        let mut ids = hmac::Context::with_key(&self.replay);
        ids.update(b"3dss\0");
        ids.update(id);
        ids.update(ds_id.as_bytes());
        first_half(ids.sign().as_ref())
    }

    /// Keys for one-time passwords and form tokens.
    #[must_use]
    pub const fn challenge_keys(&self) -> &ChallengeKeys {
        &self.challenge
    }

    /// The key that turns transaction numbers into acsTransIDs.
    #[must_use]
    pub const fn trans_id_key(&self) -> &TransIdKey {
        &self.trans_id
    }

    fn from_file(file: &KeyFile) -> Result<Self, String> {
        let mut keys = Vec::with_capacity(file.keys.len());
        for (id, key) in &file.keys {
            keys.push(SealingKeys::new(id, key)?);
        }
        let current = keys
            .iter()
            .position(|key| key.id == file.current)
            .ok_or_else(|| format!("\"current\" names \"{}\", which is not there", file.current))?;
        let root = decode_key("index", &file.index)?;
        let sub = |label| expand(&root, label);
        Ok(Self {
            keys,
            current,
            index: hmac::Key::new(hmac::HMAC_SHA256, &*sub("card index")?),
            replay: hmac::Key::new(hmac::HMAC_SHA256, &*sub("replay digest")?),
            areq: aead(&*sub("AReq digest")?)?,
            areq_end: UnboundCipherKey::new(&AES_256, &*sub("AReq digest end")?)
                .and_then(EncryptingKey::ecb)
                .map_err(|_| "cipher key failed".to_owned())?,
            challenge: ChallengeKeys { otp: sub("otp hash")?, token: sub("form token")? },
            trans_id: TransIdKey::new(&*sub("acsTransID")?)?,
        })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::CardPan,
        Self::CardContacts,
        Self::Outgoing,
        Self::ReplyKey,
        Self::TransactionSecret,
        Self::CardSecurityCode,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::CardPan => "card pan",
            Self::CardContacts => "card contacts",
            Self::Outgoing => "outgoing",
            Self::ReplyKey => "reply key",
            Self::TransactionSecret => "transaction secret",
            Self::CardSecurityCode => "card security code",
        }
    }
}

/// One key of the file, spread over the purposes.
struct SealingKeys {
    id: String,
    id_len: u8,
    aeads: Vec<LessSafeKey>,
}

impl SealingKeys {
    fn new(id: &str, key: &str) -> Result<Self, String> {
        let id_len = u8::try_from(id.len()).ok().filter(|length| (1..=16).contains(length));
        let id_len = id_len.ok_or_else(|| format!("key id \"{id}\" is not 1 to 16 bytes"))?;
        let root = decode_key(id, key)?;
        let aeads = Purpose::ALL
            .into_iter()
            .map(|purpose| aead(&*expand(&root, purpose.label())?))
            .collect::<Result<_, String>>()?;
        Ok(Self { id: id.to_owned(), id_len, aeads })
    }

    fn aead(&self, purpose: Purpose) -> &LessSafeKey {
        &self.aeads[purpose as usize]
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    current: String,
    keys: std::collections::BTreeMap<String, String>,
    /// Root of everything that must stay findable across rotations: keyed hashes, acsTransIDs.
    index: String,
}

impl KeyFile {
    fn wipe(&mut self) {
        self.index.zeroize();
        self.keys.values_mut().for_each(Zeroize::zeroize);
    }
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let file_error = |error| VaultError::File(path.to_owned(), error);
    let file = File::open(path).map_err(file_error)?;
    let meta: fs::Metadata = file.metadata().map_err(file_error)?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed(path.to_owned(), mode));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    file.take(MAX_KEY_FILE).read_to_end(&mut text).map_err(file_error)?;
    Ok(text)
}

fn random_key() -> Result<String, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(&mut *key).map_err(|_| VaultError::Random)?;
    Ok(BASE64.encode(*key))
}

fn decode_key(name: &str, text: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let bytes = BASE64.decode(text).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| format!("\"{name}\" is not base64"))?;
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    key.map_err(|_| format!("\"{name}\" holds {} bytes, expected 32", bytes.len()))
}

fn expand(root: &[u8; 32], label: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"acs vault 1")
        .extract(root)
        .expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| "key derivation failed".to_owned())?;
    Ok(key)
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey, String> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| "unusable key")?;
    Ok(LessSafeKey::new(key))
}

/// Purpose and key id are bound as well as the row, although each has its own key already: a value
/// says what it is even if two purposes should ever share a key.
fn associated_data(purpose: Purpose, key_id: &str, row: &[u8]) -> Vec<u8> {
    let label = purpose.label().as_bytes();
    [label, &[0], key_id.as_bytes(), &[0], row].concat()
}

fn split_sealed(sealed: &[u8]) -> Option<(&[u8], [u8; NONCE_LEN], &[u8])> {
    let (&[format, id_len], rest) = sealed.split_first_chunk()?;
    if format != SEALED_FORMAT {
        return None;
    }
    let (id, rest) = rest.split_at_checked(usize::from(id_len))?;
    let (nonce, body) = rest.split_first_chunk()?;
    Some((id, *nonce, body))
}

fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 0xf].map(|half| HEX[usize::from(half)]);
    bytes.iter().flat_map(digits).map(char::from).collect()
}

/// The bytes of [`hex`]; `None` for any other text.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| HEX.iter().position(|known| *known == digit);
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(value(*high)? << 4 | value(*low)?).ok()?;
    }
    Some(bytes)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Of a sealed value, enough to say which key it names.
pub(crate) const KEY_NAME_BYTES: u32 = 2 + 16;
/// First byte of every sealed value.
const SEALED_FORMAT: u8 = 1;
const MAX_KEY_FILE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(current: &str, ids: &[&str]) -> KeyFile {
        KeyFile {
            current: current.to_owned(),
            keys: ids.iter().map(|id| ((*id).to_owned(), random_key().unwrap())).collect(),
            index: random_key().unwrap(),
        }
    }

    #[test]
    fn created_file_is_private_loads_and_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.key");
        Vault::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = Vault::load(&path).unwrap().seal(Purpose::CardPan, b"row", b"text").unwrap();
        let opened = Vault::load(&path).unwrap().open(Purpose::CardPan, b"row", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"text");
        assert!(matches!(Vault::create(&path), Err(VaultError::File(..))));
    }

    #[test]
    fn world_readable_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.key");
        Vault::create(&path).unwrap();
        for mode in [0o644, 0o640, 0o604] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Vault::load(&path), Err(VaultError::Exposed(_, m)) if m == mode));
        }
    }

    #[test]
    fn malformed_files_are_refused_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("json", "{"),
            ("current", r#"{"current":"k2","keys":{},"index":""}"#),
            ("short", r#"{"current":"k1","keys":{"k1":"AAAA"},"index":"AAAA"}"#),
            ("unknown", r#"{"current":"k1","keys":{},"index":"","extra":1}"#),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(Vault::load(&path), Err(VaultError::Content(..))), "{name}");
        }
    }

    #[test]
    fn rotated_key_still_opens_and_hashes_stay() {
        let mut file = file("a", &["a", "b"]);
        let before = Vault::from_file(&file).unwrap();
        file.current = "b".to_owned();
        let after = Vault::from_file(&file).unwrap();
        let old = before.seal(Purpose::Outgoing, b"7", b"x").unwrap();
        let new = after.seal(Purpose::Outgoing, b"7", b"x").unwrap();
        assert_eq!(after.open(Purpose::Outgoing, b"7", &old).unwrap().as_slice(), b"x");
        assert_eq!(before.open(Purpose::Outgoing, b"7", &new).unwrap().as_slice(), b"x");
        let pan = Pan::parse("4000000000001000").unwrap();
        assert_eq!(before.card_token(&pan), after.card_token(&pan));
        file.keys.remove("a");
        let gone = Vault::from_file(&file).unwrap();
        let head = usize::try_from(KEY_NAME_BYTES).unwrap();
        assert_eq!(gone.missing_key(&old[..head]).as_deref(), Some("a"));
        assert_eq!((gone.missing_key(&new[..head]), gone.missing_key(b"")), (None, None));
        let error = gone.open(Purpose::Outgoing, b"7", &old).unwrap_err();
        assert!(matches!(error, VaultError::UnknownKey(id) if id == "a"));
    }

    #[test]
    fn moved_changed_or_cut_values_do_not_open() {
        let vault = Vault::ephemeral().unwrap();
        let sealed = vault.seal(Purpose::CardPan, b"row 1", b"plain").unwrap();
        let forged = |purpose, row: &[u8], bytes: &[u8]| {
            assert!(matches!(vault.open(purpose, row, bytes), Err(VaultError::Forged)));
        };
        forged(Purpose::CardPan, b"row 2", &sealed);
        forged(Purpose::CardContacts, b"row 1", &sealed);
        for cut in [0, 1, 2, 5, 20, sealed.len() - 1] {
            forged(Purpose::CardPan, b"row 1", &sealed[..cut]);
        }
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        forged(Purpose::CardPan, b"row 1", &changed);
        let twice = vault.seal(Purpose::CardPan, b"row 1", b"plain").unwrap();
        assert_ne!(sealed, twice);
    }

    #[test]
    fn an_areq_is_recognised_by_all_of_its_bytes_and_its_sender() {
        let vault = Vault::ephemeral().unwrap();
        let id = [7; 16];
        let key = vault.replay_key("ds-a", &id, b"{\"a\":1}");
        assert_eq!(vault.replay_key("ds-a", &id, b"{\"a\":1}"), key);
        for body in ["{\"a\":2}", "{\"a\":1} ", "{\"a\":1", ""] {
            let other = vault.replay_key("ds-a", &id, body.as_bytes());
            assert_eq!(other.ds_trans, key.ds_trans);
            assert_ne!(other.body, key.body, "{body}");
        }
        assert_ne!(vault.replay_key("ds-b", &id, b"{\"a\":1}").ds_trans, key.ds_trans);
        assert_ne!(vault.replay_key("ds-a", &[8; 16], b"{\"a\":1}").body, key.body);
        let other = Vault::ephemeral().unwrap().replay_key("ds-a", &id, b"{\"a\":1}");
        assert!(other.ds_trans != key.ds_trans && other.body != key.body);
    }

    #[test]
    fn debug_is_silent() {
        assert_eq!(format!("{:?}", Vault::ephemeral().unwrap()), "Vault(..)");
    }
}

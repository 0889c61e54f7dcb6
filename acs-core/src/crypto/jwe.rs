//! The encrypted channel of the app challenge: JWE compact, `dir`, A128CBC-HS256 or A128GCM
//! [P-CRY-03..09]. The tag is checked first and in constant time; every failure looks the same.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::key_agreement::ContentKey;
use crate::Random;
use crate::element::TransId;

/// `enc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    #[serde(rename = "A128GCM")]
    A128Gcm,
}

/// Which way a message goes; the ways have keys and counters of their own under A128GCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    SdkToAcs,
    AcsToSdk,
}

/// A message that could not be decrypted. There is nothing to tell about why (302).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be decrypted")]
pub struct Undecipherable;

/// The header: parameters that change the meaning of the rest are refused, others are ignored.
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    enc: Encryption,
    kid: String,
    #[serde(default, skip_serializing)]
    zip: Option<Unwanted>,
    #[serde(default, skip_serializing)]
    crit: Option<Unwanted>,
}

/// A parameter that may not be there.
enum Unwanted {}

impl<'de> Deserialize<'de> for Unwanted {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not foreseen"))
    }
}

/// As much of a header as names its transaction.
#[derive(Deserialize)]
struct Named {
    kid: String,
}

/// The transaction whose key a message asks for, however wrong the rest of it is; nothing of it is
/// proved yet.
#[must_use]
pub fn kid(jwe: &str) -> Option<TransId> {
    let (header, _) = jwe.split_once('.')?;
    let named: Named = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    TransId::parse(&named.kid)
}

/// Decrypts a message that went `way` under `key`; gives its text and encryption.
///
/// # Errors
/// [`Undecipherable`], whatever is wrong.
pub fn open(
    jwe: &str,
    way: Way,
    key: &ContentKey,
) -> Result<(Zeroizing<Vec<u8>>, Encryption), Undecipherable> {
    let mut parts = jwe.split('.');
    let mut part = || parts.next().ok_or(Undecipherable);
    let (header, encrypted_key, iv, text, tag) = (part()?, part()?, part()?, part()?, part()?);
    if parts.next().is_some() || !encrypted_key.is_empty() {
        return Err(Undecipherable);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Undecipherable);
    let fields: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Undecipherable)?;
    if fields.alg != "dir" || fields.zip.is_some() || fields.crit.is_some() {
        return Err(Undecipherable);
    }
    let (iv, text, tag) = (decode(iv)?, decode(text)?, decode(tag)?);
    let plain = match fields.enc {
        Encryption::A128CbcHs256 => open_cbc(header.as_bytes(), &iv, text, &tag, key),
        Encryption::A128Gcm => open_gcm(header.as_bytes(), &iv, text, &tag, half(key, way)),
    }?;
    Ok((plain, fields.enc))
}

/// Encrypts a message that goes `way` under `key`; `counter` is the sender's, and must never be used
/// twice with one key.
#[must_use]
pub fn seal(
    plain: &[u8],
    way: Way,
    enc: Encryption,
    kid: TransId,
    counter: u8,
    key: &ContentKey,
    random: &mut dyn Random,
) -> String {
    let alg = "dir".to_owned();
    let fields = Header { alg, enc, kid: kid.to_string(), zip: None, crit: None };
    // Three strings always serialise.
    let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&fields).unwrap_or_default());
    let (iv, text, tag) = match enc {
        Encryption::A128CbcHs256 => seal_cbc(header.as_bytes(), plain, key, random),
        Encryption::A128Gcm => seal_gcm(header.as_bytes(), plain, way, counter, key),
    };
    let room = header.len() + 4 + (iv.len() + text.len() + tag.len()) * 4 / 3 + 6;
    let mut jwe = String::with_capacity(room);
    jwe.push_str(&header);
    jwe.push('.');
    for part in [&iv, &text, &tag] {
        jwe.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut jwe);
    }
    jwe
}

/// The half of the key that belongs to a way [P-CRY-04, Note 75].
fn half(key: &ContentKey, way: Way) -> &[u8] {
    let bytes = key.expose_bytes();
    match way {
        Way::SdkToAcs => &bytes[..16],
        Way::AcsToSdk => &bytes[16..],
    }
}

/// HMAC over header, IV, text and the header's length in bits (RFC 7518, 5.2.2.1).
fn mac(header: &[u8], iv: &[u8], text: &[u8], key: &[u8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut mac = hmac::Context::with_key(&key);
    mac.update(header);
    mac.update(iv);
    mac.update(text);
    mac.update(&(header.len() as u64 * 8).to_be_bytes());
    mac.sign()
}

/// [P-CRY-03, P-CRY-06]
fn open_cbc(
    header: &[u8],
    iv: &[u8],
    mut text: Vec<u8>,
    tag: &[u8],
    key: &ContentKey,
) -> Result<Zeroizing<Vec<u8>>, Undecipherable> {
    let (mac_key, cipher_key) = key.expose_bytes().split_at(16);
    let expected = mac(header, iv, &text, mac_key);
    let iv = <[u8; 16]>::try_from(iv).map_err(|_| Undecipherable)?;
    if !bool::from(expected.as_ref()[..16].ct_eq(tag)) {
        return Err(Undecipherable);
    }
    let cipher = UnboundCipherKey::new(&AES_128, cipher_key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .map_err(|_| Undecipherable)?;
    let context = DecryptionContext::Iv128(FixedLength::from(&iv));
    let length = cipher.decrypt(&mut text, context).map_err(|_| Undecipherable)?.len();
    text.truncate(length);
    Ok(Zeroizing::new(text))
}

/// [P-CRY-03, P-CRY-06, Note 84]
fn seal_cbc(
    header: &[u8],
    plain: &[u8],
    key: &ContentKey,
    random: &mut dyn Random,
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mac_key, cipher_key) = key.expose_bytes().split_at(16);
    let mut iv = [0; 16];
    random.fill(&mut iv);
    let mut text = plain.to_vec();
    let cipher = UnboundCipherKey::new(&AES_128, cipher_key)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .expect("16 bytes make a key");
    cipher
        .less_safe_encrypt(&mut text, EncryptionContext::Iv128(FixedLength::from(&iv)))
        .expect("any bytes can be encrypted");
    let tag = mac(header, &iv, &text, mac_key).as_ref()[..16].to_vec();
    (iv.to_vec(), text, tag)
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, Undecipherable> {
    UnboundKey::new(&AES_128_GCM, key).map(LessSafeKey::new).map_err(|_| Undecipherable)
}

fn open_gcm(
    header: &[u8],
    iv: &[u8],
    mut text: Vec<u8>,
    tag: &[u8],
    key: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Undecipherable> {
    let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| Undecipherable)?;
    if tag.len() != TAG_LENGTH {
        return Err(Undecipherable);
    }
    text.extend_from_slice(tag);
    let opened = gcm(key)?.open_in_place(nonce, Aad::from(header), &mut text);
    let length = opened.map_err(|_| Undecipherable)?.len();
    text.truncate(length);
    Ok(Zeroizing::new(text))
}

/// The IV is the counter behind eleven bytes of 00 or FF [P-CRY-05].
fn seal_gcm(
    header: &[u8],
    plain: &[u8],
    way: Way,
    counter: u8,
    key: &ContentKey,
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut iv = match way {
        Way::SdkToAcs => [0x00; 12],
        Way::AcsToSdk => [0xff; 12],
    };
    iv[11] = counter;
    let mut text = plain.to_vec();
    let tag = gcm(half(key, way))
        .and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(iv);
            let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(header), &mut text);
            sealed.map_err(|_| Undecipherable)
        })
        .expect("any bytes can be encrypted");
    (iv.to_vec(), text, tag.as_ref().to_vec())
}

const TAG_LENGTH: usize = 16;

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl Random for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn key() -> ContentKey {
        ContentKey::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
    }

    fn id() -> TransId {
        TransId::parse("f25084f0-5b16-4c0a-ae5d-b24808a95e4b").unwrap()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap()).collect()
    }

    /// RFC 7518, appendix B.1: key, IV, associated data, ciphertext and tag.
    #[test]
    fn rfc_7518_b_1() {
        let plain = b"A cipher system must not be required to be secret, and it must be able to \
                      fall into the hands of the enemy without inconvenience";
        let aad = b"The second principle of Auguste Kerckhoffs";
        let iv = bytes("1af38c2dc2b96ffdd86694092341bc04");
        let expected = bytes(
            "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef\
             71427e2fc6f9b3f399a221489f16362c703233609d45ac69864e3321cf82935ac4096c86e133314c54019e8ca\
             7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade54b8851ffb59\
             8f7f80074b9473c82e2db",
        );
        struct Given(Vec<u8>);
        impl Random for Given {
            fn fill(&mut self, buffer: &mut [u8]) {
                buffer.copy_from_slice(&self.0);
            }
        }
        let (_, text, tag) = seal_cbc(aad, plain, &key(), &mut Given(iv.clone()));
        assert_eq!(text, expected);
        assert_eq!(tag, bytes("652c3fa36b0a7c5b3219fab3a30bc1c4"));
        let opened = open_cbc(aad, &iv, text, &tag, &key()).unwrap();
        assert_eq!(&opened[..], plain);
    }

    #[test]
    fn round_trips_in_both_ways() {
        for enc in [Encryption::A128CbcHs256, Encryption::A128Gcm] {
            for way in [Way::SdkToAcs, Way::AcsToSdk] {
                let jwe = seal(b"{\"a\":1}", way, enc, id(), 7, &key(), &mut Counting(0));
                let (plain, used) = open(&jwe, way, &key()).unwrap();
                assert_eq!((&plain[..], used), (&b"{\"a\":1}"[..], enc));
                assert_eq!(kid(&jwe), Some(id()));
            }
        }
        let sdk = seal(b"x", Way::SdkToAcs, Encryption::A128Gcm, id(), 0, &key(), &mut Counting(0));
        assert_eq!(open(&sdk, Way::AcsToSdk, &key()), Err(Undecipherable));
    }

    #[test]
    fn a_change_of_any_character_is_one_and_the_same_failure() {
        for enc in [Encryption::A128CbcHs256, Encryption::A128Gcm] {
            let jwe = seal(b"{}", Way::SdkToAcs, enc, id(), 0, &key(), &mut Counting(0));
            for at in 0..jwe.len() {
                let old = jwe.as_bytes()[at];
                for new in [b'A', b'B', b'.', b'=', b'+', b' '].into_iter().filter(|n| *n != old) {
                    let mut changed = jwe.clone().into_bytes();
                    changed[at] = new;
                    let changed = String::from_utf8(changed).unwrap();
                    assert_eq!(open(&changed, Way::SdkToAcs, &key()), Err(Undecipherable), "{at}");
                }
            }
            for cut in 0..jwe.len() {
                assert_eq!(open(&jwe[..cut], Way::SdkToAcs, &key()), Err(Undecipherable));
            }
            assert_eq!(open(&format!("{jwe}.x"), Way::SdkToAcs, &key()), Err(Undecipherable));
        }
    }
}

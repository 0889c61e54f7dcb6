//! Ways to make a CReq wrong on its way out.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::jwe::Jwe;
use super::keys::{ContentKey, Encryption, Way, counter_iv};

/// A part of a JWE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Header,
    EncryptedKey,
    Iv,
    Text,
    Tag,
}

impl Part {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Header, Self::EncryptedKey, Self::Iv, Self::Text, Self::Tag];
}

/// What is done to a CReq; what concerns the header or the counter is done before encryption, so
/// that nothing else is wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Tamper {
    /// A bit of this part is turned after encryption; the empty second part gets a byte.
    FlipBit(Part),
    /// The lowest bit of this byte of the part, counted from its begin.
    FlipByte(Part, usize),
    /// `=` after this part.
    Padded(Part),
    /// The unused bits of this part's last character are not zero, where it has such.
    NonCanonical(Part),
    /// `alg` of the header.
    Alg(String),
    /// `enc` of the header; encrypted is with the SDK's own.
    EncName(String),
    /// Encrypted with this, whatever the SDK is set to.
    Encryption(Encryption),
    /// `kid` of the header; `None` leaves it out.
    Kid(Option<String>),
    /// Any member of the header.
    HeaderMember(String, Value),
    /// sdkCounterStoA and the IV say this.
    Counter(u8),
    /// Only the IV says this; A128GCM alone has such a counter.
    IvCounter(u8),
    /// Encrypted with another key.
    Key(ContentKey),
    /// JSON in clear instead of the JWE, still as application/jose.
    Plain,
    /// Another content type.
    ContentType(String),
    /// This text instead of the JWE.
    Body(String),
}

/// Content type of a JWE [P-TRN-07].
pub const JOSE: &str = "application/jose; charset=utf-8";

/// How a CReq is made ready to be sent.
#[derive(Debug)]
pub(crate) struct Wrapping<'a> {
    pub(crate) key: &'a ContentKey,
    pub(crate) encryption: Encryption,
    pub(crate) kid: &'a str,
    pub(crate) counter: u8,
    pub(crate) tampers: &'a [Tamper],
}

impl Wrapping<'_> {
    /// Body and content type of the request.
    pub(crate) fn wrap(&self, creq: &Value) -> Result<(String, String)> {
        let mut creq = creq.clone();
        let (mut enc, mut key) = (self.encryption, self.key);
        let mut counter = self.counter;
        let mut content_type = JOSE.to_owned();
        for tamper in self.tampers {
            match tamper {
                Tamper::Encryption(other) => enc = *other,
                Tamper::Key(other) => key = other,
                Tamper::Counter(other) => {
                    counter = *other;
                    creq["sdkCounterStoA"] = json!(format!("{other:03}"));
                }
                Tamper::IvCounter(other) => counter = *other,
                Tamper::ContentType(other) => content_type.clone_from(other),
                _ => {}
            }
        }
        if self.tampers.contains(&Tamper::Plain) {
            return Ok((creq.to_string(), content_type));
        }
        let iv = match enc {
            Encryption::A128Gcm => counter_iv(Way::SdkToAcs, counter).to_vec(),
            Encryption::A128CbcHs256 => enc.random_iv(),
        };
        let part = key.part(Way::SdkToAcs, enc);
        let plain = creq.to_string();
        let jwe = Jwe::seal(&self.header(enc), Vec::new(), enc, part, iv, plain.as_bytes())?;
        let mut body = jwe.to_string();
        for tamper in self.tampers {
            body = after(tamper, body)?;
        }
        Ok((body, content_type))
    }

    fn header(&self, enc: Encryption) -> Value {
        let mut header = json!({"alg": "dir", "enc": enc.name(), "kid": self.kid});
        for tamper in self.tampers {
            match tamper {
                Tamper::Alg(alg) => header["alg"] = json!(alg),
                Tamper::EncName(name) => header["enc"] = json!(name),
                Tamper::Kid(Some(kid)) => header["kid"] = json!(kid),
                Tamper::Kid(None) => {
                    header.as_object_mut().map(|members| members.remove("kid"));
                }
                Tamper::HeaderMember(name, value) => header[name] = value.clone(),
                _ => {}
            }
        }
        header
    }
}

/// What is done to the finished text.
fn after(tamper: &Tamper, body: String) -> Result<String> {
    let mut parts: Vec<String> = body.split('.').map(str::to_owned).collect();
    match tamper {
        Tamper::Body(text) => return Ok(text.clone()),
        Tamper::Padded(part) => parts[*part as usize].push('='),
        Tamper::FlipBit(part) => {
            let text = &mut parts[*part as usize];
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).context("own base64url")?;
            match bytes.len() / 2 {
                0 => bytes.push(1),
                middle => bytes[middle] ^= 1,
            }
            *text = URL_SAFE_NO_PAD.encode(bytes);
        }
        Tamper::FlipByte(part, at) => {
            let text = &mut parts[*part as usize];
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).context("own base64url")?;
            *bytes.get_mut(*at).context("no such byte")? ^= 1;
            *text = URL_SAFE_NO_PAD.encode(bytes);
        }
        Tamper::NonCanonical(part) => {
            let text = &mut parts[*part as usize];
            if !text.len().is_multiple_of(4)
                && let Some(last) = text.pop()
            {
                text.push(next_letter(last));
            }
        }
        _ => return Ok(body),
    }
    Ok(parts.join("."))
}

/// The letter after `letter` in base64url: it differs in the last bit, which is unused at the end.
fn next_letter(letter: char) -> char {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = LETTERS.find(letter).unwrap_or(0);
    LETTERS.chars().nth(at ^ 1).unwrap_or('A')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(tampers: &[Tamper]) -> String {
        let key = ContentKey::from_bytes([3; 32]);
        let wrapping = Wrapping {
            key: &key,
            encryption: Encryption::A128Gcm,
            kid: "an id",
            counter: 4,
            tampers,
        };
        wrapping.wrap(&json!({"sdkCounterStoA": "004"})).unwrap().0
    }

    fn opens(jwe: &str) -> Result<Value> {
        let key = ContentKey::from_bytes([3; 32]);
        let enc = Encryption::A128Gcm;
        let plain = Jwe::parse(jwe)?.open(enc, key.part(Way::SdkToAcs, enc))?;
        Ok(serde_json::from_slice(&plain)?)
    }

    #[test]
    fn each_tamper_does_what_it_says_and_no_more() {
        assert_eq!(opens(&wrapped(&[])).unwrap(), json!({"sdkCounterStoA": "004"}));
        for part in Part::ALL {
            assert!(opens(&wrapped(&[Tamper::Padded(part)])).is_err());
            // The key part is empty, so a byte there spoils nothing but the form.
            let flipped = wrapped(&[Tamper::FlipBit(part)]);
            assert_ne!(flipped, wrapped(&[]));
            assert_eq!(opens(&flipped).is_ok(), part == Part::EncryptedKey, "{part:?}");
        }
        assert!(opens(&wrapped(&[Tamper::NonCanonical(Part::Tag)])).is_err());
        let counted = opens(&wrapped(&[Tamper::Counter(9)])).unwrap();
        assert_eq!(counted, json!({"sdkCounterStoA": "009"}));
        let unnamed = Jwe::parse(&wrapped(&[Tamper::Kid(None)])).unwrap();
        assert_eq!(unnamed.members().unwrap().get("kid"), None);
        assert!(wrapped(&[Tamper::Plain]).starts_with('{'));
    }
}

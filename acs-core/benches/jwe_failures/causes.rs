//! The ways in which a message cannot be decrypted, each of the same length where its cause allows.

use acs_core::Random as _;
use acs_core::crypto::ContentKey;
use acs_core::crypto::jwe::{Encryption, Way, seal};
use acs_core::element::TransId;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::XorShift;

/// One cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A bit of the tag's first byte.
    TagBegin,
    /// The same as the first: what differs between the two is noise.
    TagBeginAgain,
    /// A bit of the tag's last byte.
    TagEnd,
    TextBegin,
    TextEnd,
    Iv,
    /// Encrypted under a key of the sender's own.
    OtherKey,
    /// The padding would be bad (CBC), and so is the tag.
    PaddingWrongTag,
    /// The padding is bad under a tag that is right.
    PaddingRightTag,
    /// A good message with a counter that is not the next.
    Counter,
    Alg,
    Enc,
    /// Text that is no JWE.
    Garbage,
}

/// What messages are made of.
struct Message {
    key: ContentKey,
    enc: Encryption,
    kid: TransId,
}

impl Message {
    /// Under a fresh key.
    fn new(enc: Encryption, random: &mut XorShift) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        let kid = TransId::parse(KID).expect("an id");
        Self { key: ContentKey::from_bytes(key), enc, kid }
    }

    /// A CReq of this counter, with blanks behind it up to 400 bytes, whole blocks.
    fn sealed(&self, counter: u8, more: usize, key: &ContentKey, random: &mut XorShift) -> Parts {
        let mut plain = format!(
            "{{\"messageType\":\"CReq\",\"messageVersion\":\"2.2.0\",\"threeDSServerTransID\":\
             \"8a880dc0-d2d2-4067-bcb1-b08d1690b26e\",\"acsTransID\":\"{KID}\",\"sdkTransID\":\
             \"b2385523-a66c-4907-ac3c-91848e8c0067\",\"sdkCounterStoA\":\"{counter:03}\",\
             \"challengeDataEntry\":\"123456\"}}"
        );
        plain.extend(std::iter::repeat_n(' ', LENGTH + more - plain.len()));
        let way = Way::SdkToAcs;
        let jwe = seal(plain.as_bytes(), way, self.enc, self.kid, counter, key, random);
        Parts::of(&jwe)
    }
}

/// The parts of a JWE, all but the header decoded.
struct Parts {
    header: String,
    iv: Vec<u8>,
    text: Vec<u8>,
    tag: Vec<u8>,
}

impl Parts {
    fn of(jwe: &str) -> Self {
        let parts: Vec<&str> = jwe.split('.').collect();
        let decode = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).expect("own base64url");
        Self { header: parts[0].to_owned(), iv: decode(2), text: decode(3), tag: decode(4) }
    }

    fn join(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (iv, text, tag) = (encode(&self.iv), encode(&self.text), encode(&self.tag));
        format!("{}..{iv}.{text}.{tag}", self.header)
    }

    /// The tag of A128CBC-HS256 over these parts.
    fn tag_under(&self, key: &ContentKey) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.expose_bytes()[..16]);
        let mut mac = hmac::Context::with_key(&key);
        mac.update(self.header.as_bytes());
        mac.update(&self.iv);
        mac.update(&self.text);
        mac.update(&(self.header.len() as u64 * 8).to_be_bytes());
        mac.sign().as_ref()[..16].to_vec()
    }

    fn replace_in_header(&mut self, old: &str, new: &str) {
        let header = URL_SAFE_NO_PAD.decode(&self.header).expect("own base64url");
        let header = String::from_utf8(header).expect("a header is text").replace(old, new);
        self.header = URL_SAFE_NO_PAD.encode(header);
    }
}

impl Cause {
    /// The causes there are under an encryption; the first one is what others are compared with.
    pub(crate) fn of(enc: Encryption) -> Vec<Self> {
        let padded = enc == Encryption::A128CbcHs256;
        let all = [
            Self::TagBegin,
            Self::TagBeginAgain,
            Self::TagEnd,
            Self::TextBegin,
            Self::TextEnd,
            Self::Iv,
            Self::OtherKey,
            Self::PaddingWrongTag,
            Self::PaddingRightTag,
            Self::Counter,
            Self::Alg,
            Self::Enc,
            Self::Garbage,
        ];
        let is_there = |cause: &Self| {
            padded || !matches!(cause, Self::PaddingWrongTag | Self::PaddingRightTag)
        };
        all.into_iter().filter(is_there).collect()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TagBegin => "bit in the tag's first byte",
            Self::TagBeginAgain => "the same once more (noise)",
            Self::TagEnd => "bit in the tag's last byte",
            Self::TextBegin => "bit in the ciphertext's first byte",
            Self::TextEnd => "bit in the ciphertext's last byte",
            Self::Iv => "bit in the IV",
            Self::OtherKey => "another key",
            Self::PaddingWrongTag => "bad padding, wrong tag",
            Self::PaddingRightTag => "bad padding, right tag",
            Self::Counter => "wrong counter, right tag",
            Self::Alg => "another `alg`",
            Self::Enc => "unknown `enc`",
            Self::Garbage => "text that is no JWE",
        }
    }

    /// Who can make such a message.
    pub(crate) const fn sender(self) -> &'static str {
        match self {
            Self::PaddingRightTag | Self::Counter => "who has the key",
            Self::Alg | Self::Enc | Self::Garbage => "anybody; cause in clear",
            _ => "anybody",
        }
    }

    /// A message that is wrong for this cause, and the key to try on it.
    pub(crate) fn made(self, enc: Encryption, random: &mut XorShift) -> (ContentKey, String) {
        let message = Message::new(enc, random);
        let jwe = self.spoil(&message, random);
        (message.key, jwe)
    }

    fn spoil(self, message: &Message, random: &mut XorShift) -> String {
        let key = &message.key;
        let mut parts = match self {
            Self::Garbage => return "no message at all ".repeat(LENGTH / 12),
            Self::OtherKey => {
                let other = Message::new(message.enc, random);
                message.sealed(0, 0, &other.key, random)
            }
            Self::Counter => message.sealed(7, 0, key, random),
            // A block more, and its padding cut off: the same length, ending with a blank.
            Self::PaddingWrongTag | Self::PaddingRightTag => message.sealed(0, 16, key, random),
            _ => message.sealed(0, 0, key, random),
        };
        let bit = 1_u8 << random.below(8);
        match self {
            Self::TagBegin | Self::TagBeginAgain => parts.tag[0] ^= bit,
            Self::TagEnd => parts.tag[15] ^= bit,
            Self::TextBegin => parts.text[0] ^= bit,
            Self::TextEnd => *parts.text.last_mut().expect("a text") ^= bit,
            Self::Iv => parts.iv[0] ^= bit,
            Self::PaddingWrongTag | Self::PaddingRightTag => {
                parts.text.truncate(LENGTH + 16);
                parts.tag = parts.tag_under(key);
                if self == Self::PaddingWrongTag {
                    parts.tag[0] ^= bit;
                }
            }
            Self::Alg => parts.replace_in_header("\"dir\"", "\"ECDH-ES\""),
            Self::Enc => parts.replace_in_header("\"A128", "\"A256"),
            Self::OtherKey | Self::Counter | Self::Garbage => {}
        }
        parts.join()
    }
}

const KID: &str = "f25084f0-5b16-4c0a-ae5d-b24808a95e4b";
/// Bytes of the clear text.
const LENGTH: usize = 400;

//! acsTransIDs that find their row without an index: UUID v4 shaped, unguessable, and the
//! encryption of the transaction's number.
//!
//! Of the 122 bits that a v4 UUID leaves free, 58 are a keyed digest of number and run, and 64 are
//! number and run under a pad made from that digest (a synthetic IV, as in RFC 5297, with one AES-256
//! block for each half). Whoever invents an id hits a valid digest once in 2^58 tries.

use std::fmt;

use acs_core::element::TransId;
use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::rand;
use uuid::{Uuid, Variant};

use crate::storage::TransactionNumber;

/// The key of acsTransIDs (a sub-key of the vault).
pub struct TransIdKey {
    encrypt: EncryptingKey,
    /// For ids of earlier programs.
    decrypt: DecryptingKey,
    /// Drawn anew by each run.
    run: [u8; 2],
}

impl TransIdKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, String> {
        let failed = |_| "cipher key failed".to_owned();
        let cipher = || UnboundCipherKey::new(&AES_256, key).map_err(failed);
        let mut run = [0; 2];
        rand::fill(&mut run).map_err(|_| "the random source failed".to_owned())?;
        Ok(Self {
            encrypt: EncryptingKey::ecb(cipher()?).map_err(failed)?,
            decrypt: DecryptingKey::ecb(cipher()?).map_err(failed)?,
            run,
        })
    }

    /// 64 bits of the cipher's answer to a half of an id; `half` tells the two questions apart, and
    /// both from the blocks of earlier programs, whose middle was zero.
    fn answer(&self, half: u8, to: u64) -> u64 {
        let mut block = [half; BLOCK];
        block[..8].copy_from_slice(&to.to_be_bytes());
        self.encrypt
            .less_safe_encrypt(&mut block, EncryptionContext::None)
            .expect("ECB over a whole block has no failing input");
        let [answer, _] = block.as_chunks().0 else { unreachable!("a block has two halves") };
        u64::from_be_bytes(*answer)
    }

    fn digest(&self, content: u64) -> u64 {
        self.answer(DIGEST, content) >> (64 - DIGEST_BITS)
    }

    fn pad(&self, digest: u64) -> u64 {
        self.answer(PAD, digest)
    }
}

impl fmt::Debug for TransIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransIdKey(..)")
    }
}

/// The id of this number in this run: a number drawn again after a crash (its first holder was never
/// stored) gets another one. A loaded row's own id must equal the id it was asked by
/// [P-AREQ-21, P-GEN-09, Req 27, Req 104, Req 288].
///
/// # Panics
/// When AES fails in the crypto library, or for a number of more than 48 bits: at 100,000 a second
/// they last for 89 years.
#[must_use]
pub fn encode(number: TransactionNumber, key: &TransIdKey) -> TransId {
    assert!(number.0 >> NUMBER_BITS == 0, "a transaction number of more than 48 bits");
    let content = number.0 << 16 | u64::from(u16::from_be_bytes(key.run));
    let digest = key.digest(content);
    let hidden = content ^ key.pad(digest);
    // 48 and 10 bits of the digest, 2 of the rest, around version and variant.
    let high = (digest >> 10) << 16 | 4 << 12 | (digest & 0x3ff) << 2 | hidden >> 62;
    let low = 0b10 << 62 | hidden & LOW;
    TransId(Uuid::from_u64_pair(high, low))
}

/// The number inside an id made by [`encode`] under the same key; `None` for any other id.
#[must_use]
pub fn decode(id: TransId, key: &TransIdKey) -> Option<TransactionNumber> {
    if !has_shape(&id.0) {
        return None;
    }
    let (high, low) = id.0.as_u64_pair();
    let digest = high >> 16 << 10 | high >> 2 & 0x3ff;
    let content = ((high & 0b11) << 62 | low & LOW) ^ key.pad(digest);
    if key.digest(content) == digest {
        return Some(TransactionNumber(content >> 16));
    }
    decode_earlier(id, key)
}

/// An id of an earlier program, whose challenge may still be open: one block of number, 48 zero bits
/// and what made it look like a UUID.
fn decode_earlier(id: TransId, key: &TransIdKey) -> Option<TransactionNumber> {
    let mut block = *id.0.as_bytes();
    key.decrypt.decrypt(&mut block, DecryptionContext::None).ok()?;
    let (number, rest) = block.split_first_chunk()?;
    (rest[..6] == [0; 6]).then(|| TransactionNumber(u64::from_be_bytes(*number)))
}

fn has_shape(id: &Uuid) -> bool {
    id.get_version_num() == 4 && id.get_variant() == Variant::RFC4122
}

const BLOCK: usize = 16;
const NUMBER_BITS: u32 = 48;
const DIGEST_BITS: u32 = 58;
/// Bits of an id behind its variant.
const LOW: u64 = (1 << 62) - 1;
/// Which half of an id is made.
const DIGEST: u8 = 0xd1;
const PAD: u8 = 0xad;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use uuid::Builder;

    use super::*;

    fn key(seed: u8) -> TransIdKey {
        TransIdKey::new(&[seed; 32]).unwrap()
    }

    proptest! {
        #[test]
        fn every_number_round_trips_as_a_v4_uuid(number in 0_u64..1 << 48) {
            let id = encode(TransactionNumber(number), &key(1));
            prop_assert_eq!(id.0.get_version_num(), 4);
            prop_assert_eq!(id.0.get_variant(), Variant::RFC4122);
            prop_assert_eq!(TransId::parse(&id.to_string()), Some(id));
            prop_assert_eq!(decode(id, &key(1)), Some(TransactionNumber(number)));
            prop_assert_eq!(decode(id, &key(2)), None);
        }

        #[test]
        fn invented_ids_decode_to_nothing(bytes: [u8; 16]) {
            prop_assert_eq!(decode(TransId(Uuid::from_bytes(bytes)), &key(1)), None);
            let shaped = Builder::from_random_bytes(bytes).into_uuid();
            prop_assert_eq!(decode(TransId(shaped), &key(1)), None);
        }

        #[test]
        fn an_id_with_one_bit_changed_decodes_to_nothing(
            number in 0_u64..1 << 48,
            bit in 0_usize..128,
        ) {
            let mut bytes = *encode(TransactionNumber(number), &key(1)).0.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(TransId(Uuid::from_bytes(bytes)), &key(1)), None);
        }
    }

    #[test]
    fn a_number_drawn_again_in_another_run_has_another_id() {
        let (mut one, mut other) = (key(1), key(1));
        (one.run, other.run) = ([0, 1], [0, 2]);
        let [first, second] = [&one, &other].map(|run| encode(TransactionNumber(7), run));
        assert_ne!(first, second);
        assert_eq!(encode(TransactionNumber(7), &one), first);
        assert_eq!(decode(first, &other), Some(TransactionNumber(7)), "each run reads all");
    }

    /// Made by the program before: number 123,456,789 under a key of 32 bytes of 1.
    #[test]
    fn ids_of_the_earlier_program_are_read() {
        let id = TransId::parse(EARLIER).unwrap();
        assert_eq!(decode(id, &key(1)), Some(TransactionNumber(123_456_789)));
        assert_eq!(decode(id, &key(2)), None);
    }

    const EARLIER: &str = "41372faf-d287-477e-931a-6764303f1623";

    #[test]
    fn neighbours_share_no_pattern() {
        let ids: HashSet<_> =
            (0..2000).map(|n| encode(TransactionNumber(n), &key(1)).0.as_u128() >> 96).collect();
        assert!(ids.len() >= 1999, "first 32 bits of neighbouring ids repeat: {}", ids.len());
    }
}

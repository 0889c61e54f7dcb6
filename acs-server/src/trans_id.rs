//! acsTransIDs that find their row without an index: UUID v4 shaped, unguessable, and the
//! encryption of the transaction's number.
//!
//! One AES-256 block holds number (64 bits), check (48 zero bits) and nonce (16 bits). The six
//! bits that a v4 UUID fixes come out right by trying nonces, 64 on average. Whoever invents an id
//! hits a valid check once in 2^48 tries.

use std::fmt;

use acs_core::element::TransId;
use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::rand;
use uuid::{Builder, Uuid, Variant};

use crate::storage::TransactionNumber;

/// The key of acsTransIDs (a sub-key of the vault).
pub struct TransIdKey {
    encrypt: EncryptingKey,
    decrypt: DecryptingKey,
    /// Where the search for a nonce begins: drawn anew by each run.
    first_nonce: u16,
}

impl TransIdKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, String> {
        let failed = |_| "cipher key failed".to_owned();
        let cipher = || UnboundCipherKey::new(&AES_256, key).map_err(failed);
        let mut first_nonce = [0; 2];
        rand::fill(&mut first_nonce).map_err(|_| "the random source failed".to_owned())?;
        Ok(Self {
            first_nonce: u16::from_be_bytes(first_nonce),
            encrypt: EncryptingKey::ecb(cipher()?).map_err(failed)?,
            decrypt: DecryptingKey::ecb(cipher()?).map_err(failed)?,
        })
    }
}

impl fmt::Debug for TransIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransIdKey(..)")
    }
}

/// An id of this number: one of about a thousand, another in each run, so that a number drawn again
/// after a crash (its first holder was never stored) gets another id. A loaded row's own id must equal the id it was
/// asked by [P-AREQ-21, P-GEN-09, Req 27, Req 104, Req 288].
///
/// # Panics
/// When AES fails in the crypto library, or all 65,536 nonces miss (chance e^-1024).
#[must_use]
pub fn encode(number: TransactionNumber, key: &TransIdKey) -> TransId {
    let mut nonce = key.first_nonce;
    let mut blocks = [0; BLOCK * BATCH];
    for _ in 0..=usize::from(u16::MAX) / BATCH {
        for block in blocks.chunks_exact_mut(BLOCK) {
            block[..8].copy_from_slice(&number.0.to_be_bytes());
            block[8..14].copy_from_slice(&[0; 6]);
            block[14..].copy_from_slice(&nonce.to_be_bytes());
            nonce = nonce.wrapping_add(1);
        }
        key.encrypt
            .less_safe_encrypt(&mut blocks, EncryptionContext::None)
            .expect("ECB over whole blocks has no failing input");
        let fits = |block: &&[u8]| block[6] >> 4 == 4 && block[8] >> 6 == 2;
        if let Some(block) = blocks.chunks_exact(BLOCK).find(fits) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(block);
            return TransId(Builder::from_bytes(bytes).into_uuid());
        }
    }
    unreachable!("one nonce in 64 fits, and 65,536 were tried")
}

/// The number inside an id made by [`encode`] under the same key; `None` for any other id.
#[must_use]
pub fn decode(id: TransId, key: &TransIdKey) -> Option<TransactionNumber> {
    if !has_shape(&id.0) {
        return None;
    }
    let mut block = *id.0.as_bytes();
    key.decrypt.decrypt(&mut block, DecryptionContext::None).ok()?;
    let (number, rest) = block.split_first_chunk()?;
    (rest[..6] == [0; 6]).then(|| TransactionNumber(u64::from_be_bytes(*number)))
}

fn has_shape(id: &Uuid) -> bool {
    id.get_version_num() == 4 && id.get_variant() == Variant::RFC4122
}

const BLOCK: usize = 16;
/// Blocks per call of the cipher: half of all ids are found in the first call.
const BATCH: usize = 44;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> TransIdKey {
        TransIdKey::new(&[seed; 32]).unwrap()
    }

    proptest! {
        #[test]
        fn every_number_round_trips_as_a_v4_uuid(number: u64) {
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
        fn an_id_with_one_bit_changed_decodes_to_nothing(number: u64, bit in 0_usize..128) {
            let mut bytes = *encode(TransactionNumber(number), &key(1)).0.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(TransId(Uuid::from_bytes(bytes)), &key(1)), None);
        }
    }

    #[test]
    fn neighbours_share_no_pattern() {
        let ids: HashSet<_> =
            (0..2000).map(|n| encode(TransactionNumber(n), &key(1)).0.as_u128() >> 96).collect();
        assert!(ids.len() >= 1999, "first 32 bits of neighbouring ids repeat: {}", ids.len());
    }
}

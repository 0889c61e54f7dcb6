//! Changes to forms: of their fields, and of the JSON inside.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::{bytes, json};
use crate::random::Random;

pub(super) fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    if random.once_in(3) {
        return bytes::shuffle(data, other, b'&', random);
    }
    let mut fields: Vec<_> = form_urlencoded::parse(data).into_owned().collect();
    let at = random.below(fields.len());
    let Some((_, value)) = fields.get_mut(at) else { return other.to_vec() };
    match URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')) {
        Ok(inside) if inside.starts_with(b"{") => {
            let inside = json::mutate(&inside, b"", random);
            *value = match random.below(8) {
                0 => URL_SAFE.encode(&inside),
                1 => STANDARD.encode(&inside),
                _ => URL_SAFE_NO_PAD.encode(&inside),
            };
        }
        _ => {
            let changed = bytes::mutate(value.as_bytes(), other, random);
            *value = String::from_utf8_lossy(&changed).into_owned();
        }
    }
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

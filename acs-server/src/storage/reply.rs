//! An ARes as it is kept for an AReq that comes again.

use std::fmt;
use std::sync::Arc;

/// A message, without what it has in common with many others: the protected header of signed content,
/// with its certificates, is most of an ARes to an app, and the same in all of them. `Debug` is
/// silent: the message may hold an authentication value.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    pub(super) own: Vec<u8>,
    pub(super) common: Option<CommonText>,
}

/// A text that many messages have, and where it goes into what is a message's own.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct CommonText {
    pub(super) at: u32,
    pub(super) text: Arc<str>,
}

impl StoredReply {
    /// A message that has nothing in common with others.
    #[must_use]
    pub const fn new(message: Vec<u8>) -> Self {
        Self { own: message, common: None }
    }

    /// A message that has `text` at this place. Where it has something else, it is kept whole.
    #[must_use]
    pub fn around(message: &[u8], at: usize, text: Arc<str>) -> Self {
        let parts = message.split_at_checked(at).and_then(|(before, rest)| {
            Some((before, rest.strip_prefix(text.as_bytes())?, u32::try_from(at).ok()?))
        });
        let Some((before, rest, at)) = parts else { return Self::new(message.to_vec()) };
        // Whoever seals it adds a tag: a vector that grew would leave a copy behind.
        let mut own = Vec::with_capacity(before.len() + rest.len() + TAG_LENGTH);
        own.extend_from_slice(before);
        own.extend_from_slice(rest);
        Self { own, common: Some(CommonText { at, text }) }
    }

    /// The whole message.
    #[must_use]
    pub fn into_message(self) -> Vec<u8> {
        let Self { mut own, common } = self;
        if let Some(CommonText { at, text }) = common {
            let at = at as usize;
            own.splice(at..at, text.bytes());
        }
        own
    }
}

impl fmt::Debug for StoredReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredReply(..)")
    }
}

/// Of AES-GCM.
const TAG_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_apart_is_put_back_where_it_was() {
        let message = b"{\"acsSignedContent\":\"header.payload\"}";
        let kept = StoredReply::around(message, 21, "header".into());
        assert_eq!(kept.own, b"{\"acsSignedContent\":\".payload\"}");
        assert_eq!(kept.into_message(), message);
    }

    #[test]
    fn a_message_with_something_else_at_that_place_is_kept_whole() {
        for at in [0, 20, 30, 37, 99] {
            let message = b"{\"acsSignedContent\":\"header.payload\"}";
            let kept = StoredReply::around(message, at, "header".into());
            assert_eq!(kept, StoredReply::new(message.to_vec()));
            assert_eq!(kept.into_message(), message);
        }
    }
}

//! Texts that many replies have, each stored once. There are as many as signing certificates have
//! been used, so that none is ever deleted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

/// All texts, as they are stored or will be with the first reply that has one.
#[derive(Debug)]
pub(super) struct ReplyTexts(Mutex<Vec<ReplyText>>);

/// One of them.
#[derive(Clone)]
pub(super) struct ReplyText {
    pub(super) id: i64,
    pub(super) text: Arc<str>,
    digest: [u8; 32],
}

impl ReplyTexts {
    /// Those of earlier runs. One that cannot be read is there without its text: replies that had it do
    /// not open, and no other gets its number.
    pub(super) fn new(rows: Vec<(i64, Option<Arc<str>>)>) -> Self {
        let read =
            |(id, text): (i64, Option<Arc<str>>)| ReplyText::new(id, text.unwrap_or_default());
        Self(Mutex::new(rows.into_iter().map(read).collect()))
    }

    /// This text with its number, a new one if nobody had it yet.
    pub(super) fn of(&self, text: &Arc<str>) -> ReplyText {
        let mut known = self.known();
        let same = |own: &&ReplyText| Arc::ptr_eq(&own.text, text) || own.text == *text;
        if let Some(own) = known.iter().find(same) {
            return own.clone();
        }
        let id = known.iter().map(|own| own.id + 1).max().unwrap_or(1);
        let own = ReplyText::new(id, Arc::clone(text));
        known.push(own.clone());
        own
    }

    pub(super) fn get(&self, id: i64) -> Option<ReplyText> {
        self.known().iter().find(|own| own.id == id).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Vec<ReplyText>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplyText {
    fn new(id: i64, text: Arc<str>) -> Self {
        let mut own = [0; 32];
        own.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self { id, text, digest: own }
    }

    /// What a reply that has this text at such a place is sealed with, so that another text, a changed
    /// one, and another place are found out.
    pub(super) fn associated_data(&self, at: u32) -> [u8; 36] {
        let mut data = [0; 36];
        data[..32].copy_from_slice(&self.digest);
        data[32..].copy_from_slice(&at.to_be_bytes());
        data
    }
}

impl fmt::Debug for ReplyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyText({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_whoever_brings_it() {
        let texts = ReplyTexts::new(vec![(7, Some("stored".into()))]);
        let fresh: Arc<str> = "fresh".into();
        assert_eq!(texts.of(&"stored".into()).id, 7);
        for again in [&fresh, &fresh, &"fresh".into()] {
            assert_eq!(texts.of(again).id, 8);
        }
        assert_eq!(texts.get(8).unwrap().text, fresh);
        assert!(texts.get(9).is_none());
        assert_eq!(ReplyTexts::new(Vec::new()).of(&fresh).id, 1);
    }

    #[test]
    fn a_text_that_cannot_be_read_keeps_its_number() {
        let texts = ReplyTexts::new(vec![(7, None)]);
        assert_eq!(texts.of(&"fresh".into()).id, 8);
    }
}

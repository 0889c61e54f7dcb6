//! Texts that many replies have, each stored once. There are as many as signing certificates have
//! been used, so that none is ever deleted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All texts, as they are stored or will be with the first reply that has one.
pub(super) struct ReplyTexts(Mutex<Vec<(i64, Arc<str>)>>);

/// One of them.
#[derive(Clone)]
pub(super) struct ReplyText {
    pub(super) id: i64,
    pub(super) text: Arc<str>,
    /// Where it stands in its message.
    pub(super) at: u32,
}

impl ReplyTexts {
    /// Those of earlier runs.
    pub(super) const fn new(rows: Vec<(i64, Arc<str>)>) -> Self {
        Self(Mutex::new(rows))
    }

    /// The number of a text, a new one if nobody had it yet.
    pub(super) fn number(&self, text: &Arc<str>) -> i64 {
        let mut known = self.known();
        let same = |(_, own): &&(i64, Arc<str>)| Arc::ptr_eq(own, text) || own == text;
        if let Some((id, _)) = known.iter().find(same) {
            return *id;
        }
        let id = known.iter().map(|(id, _)| id + 1).max().unwrap_or(1);
        known.push((id, Arc::clone(text)));
        id
    }

    pub(super) fn text(&self, id: i64) -> Option<Arc<str>> {
        self.known().iter().find(|(own, _)| *own == id).map(|(_, text)| Arc::clone(text))
    }

    fn known(&self) -> MutexGuard<'_, Vec<(i64, Arc<str>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplyText {
    /// What a reply without it is sealed with, so that another text in its place is found out.
    pub(super) fn associated_data(id: i64, at: u32) -> [u8; 12] {
        let mut data = [0; 12];
        data[..8].copy_from_slice(&id.to_be_bytes());
        data[8..].copy_from_slice(&at.to_be_bytes());
        data
    }
}

impl fmt::Debug for ReplyTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyTexts({})", self.known().len())
    }
}

impl fmt::Debug for ReplyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyText({} at {})", self.id, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_whoever_brings_it() {
        let texts = ReplyTexts::new(vec![(7, "stored".into())]);
        let fresh: Arc<str> = "fresh".into();
        assert_eq!(texts.number(&"stored".into()), 7);
        assert_eq!(texts.number(&fresh), 8);
        assert_eq!(texts.number(&fresh), 8);
        assert_eq!(texts.number(&"fresh".into()), 8);
        assert_eq!(texts.text(8).as_deref(), Some("fresh"));
        assert_eq!(texts.text(9), None);
        assert_eq!(ReplyTexts::new(Vec::new()).number(&fresh), 1);
    }
}

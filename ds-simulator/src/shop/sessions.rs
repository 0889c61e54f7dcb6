//! What the shop remembers of a buyer during a payment; the oldest go when there are many.

use std::collections::{HashMap, VecDeque};

use super::texts::Language;
use crate::message::BrowserFacts;

/// One buyer's payment.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) language: Language,
    /// What the request headers told; scripts add the rest.
    pub(crate) browser: BrowserFacts,
    /// The AReq is on its way or answered.
    pub(crate) asked: bool,
    /// The challenge page was shown.
    pub(crate) challenged: bool,
}

/// Sessions by `threeDSServerTransID`.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    order: VecDeque<String>,
}

const KEPT: usize = 1_000;

impl Sessions {
    pub(crate) fn insert(&mut self, id: &str, session: Session) {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.by_id.insert(id.to_owned(), session);
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    /// Sets a mark of a session; true for the one who set it first.
    pub(crate) fn first(&mut self, id: &str, mark: impl Fn(&mut Session) -> &mut bool) -> bool {
        self.by_id.get_mut(id).is_some_and(|session| !std::mem::replace(mark(session), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut sessions = Sessions::default();
        let session = Session {
            language: Language::English,
            browser: BrowserFacts::default(),
            asked: false,
            challenged: false,
        };
        for id in 0..=KEPT {
            sessions.insert(&id.to_string(), session.clone());
        }
        assert!(sessions.get_mut("0").is_none());
        assert_eq!(sessions.by_id.len(), KEPT);
        assert!(sessions.first("1", |s| &mut s.asked));
        assert!(!sessions.first("1", |s| &mut s.asked));
    }
}

//! Wrong card security codes per card. The answer tells whether a code was right, and there are a
//! thousand of them: after a few wrong ones every further code of the day is wrong, the right one too.
//! In memory of this process, bounded.

use std::collections::HashMap;
use std::sync::Mutex;

use acs_core::UtcMillis;
use acs_core::message::AReq;
use acs_core::profile::CardLookup;
use acs_core::security_code::{SecurityCodeCheck, SecurityCodeRecord};

use crate::app::{App, IssuerRuntime};
use crate::driver::unpoisoned;

/// Cards with wrong codes lately, by token.
#[derive(Debug, Default)]
pub struct CodeGuesses(Mutex<HashMap<String, Guesses>>);

#[derive(Debug)]
struct Guesses {
    wrong: u32,
    until: UtcMillis,
}

/// Gives the card as the decision may see it: without a record that any code could equal once there
/// were too many wrong ones.
pub(super) fn judge(
    app: &App,
    issuer: &IssuerRuntime,
    areq: &AReq,
    token: &str,
    mut card: CardLookup,
) -> CardLookup {
    let Some(settings) = &issuer.config.security_code else { return card };
    let CardLookup::Found(found) = &mut card else { return card };
    let key = issuer.profile.security_code_key.as_ref();
    let (record, code) = (found.security_code.as_ref(), areq.security_code.as_ref());
    let check = SecurityCodeCheck::of(key, record, &areq.pan, code);
    if check == SecurityCodeCheck::NotChecked {
        return card;
    }
    let wrong = check == SecurityCodeCheck::Wrong;
    let now = app.clock.now();
    match app.desk.code_guesses.note(token, wrong, settings.max_wrong, now) {
        Noted::Fine => {}
        Noted::Last => {
            metrics::counter!("acs_security_code_locked_total", "issuer" => issuer.profile.id.clone())
                .increment(1);
            tracing::warn!(
                issuer = issuer.profile.id,
                "a card has had too many wrong security codes: none is right for a day"
            );
        }
        Noted::TooMany => found.security_code = Some(SecurityCodeRecord::from_bytes(NOBODYS)),
    }
    card
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Fine,
    /// This wrong one was the last that is judged.
    Last,
    TooMany,
}

impl CodeGuesses {
    fn note(&self, token: &str, wrong: bool, most: u32, now: UtcMillis) -> Noted {
        let mut cards = unpoisoned(&self.0);
        if let Some(guesses) = cards.get_mut(token).filter(|guesses| guesses.until > now) {
            if guesses.wrong >= most {
                return Noted::TooMany;
            }
            guesses.wrong += u32::from(wrong);
            return if guesses.wrong >= most { Noted::Last } else { Noted::Fine };
        }
        cards.remove(token);
        if !wrong {
            return Noted::Fine;
        }
        if cards.len() >= MOST_CARDS {
            cards.retain(|_, guesses| guesses.until > now);
        }
        if cards.len() >= MOST_CARDS {
            // Somebody tries many cards at once: those with the fewest tries so far can best be spared.
            let fewest = cards.values().map(|guesses| guesses.wrong).min().unwrap_or_default();
            cards.retain(|_, guesses| guesses.wrong > fewest);
        }
        let until = now.plus_seconds(DAY_SECONDS);
        cards.insert(token.to_owned(), Guesses { wrong: 1, until });
        if most <= 1 { Noted::Last } else { Noted::Fine }
    }
}

/// No code has this keyed hash.
const NOBODYS: [u8; 32] = [0; 32];
const MOST_CARDS: usize = 100_000;
const DAY_SECONDS: u32 = 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMillis = UtcMillis(1_790_000_000_000);

    #[test]
    fn after_the_last_wrong_code_none_is_judged_for_a_day() {
        let guesses = CodeGuesses::default();
        assert_eq!(guesses.note("card", false, 3, NOW), Noted::Fine);
        assert_eq!(guesses.note("card", true, 3, NOW), Noted::Fine);
        assert_eq!(guesses.note("card", true, 3, NOW), Noted::Fine);
        assert_eq!(guesses.note("card", false, 3, NOW), Noted::Fine, "a right one resets nothing");
        assert_eq!(guesses.note("card", true, 3, NOW), Noted::Last);
        for wrong in [true, false] {
            assert_eq!(guesses.note("card", wrong, 3, NOW), Noted::TooMany);
            assert_eq!(guesses.note("other", wrong, 3, NOW), Noted::Fine);
        }
        let tomorrow = NOW.plus_seconds(DAY_SECONDS);
        assert_eq!(guesses.note("card", true, 3, tomorrow), Noted::Fine);
        assert_eq!(guesses.note("one", true, 1, NOW), Noted::Last);
    }

    #[test]
    fn many_cards_take_bounded_room_and_spare_the_most_tried() {
        let guesses = CodeGuesses::default();
        for _ in 0..3 {
            guesses.note("tried", true, 3, NOW);
        }
        for card in 0..=MOST_CARDS {
            guesses.note(&card.to_string(), true, 3, NOW);
        }
        assert!(unpoisoned(&guesses.0).len() <= MOST_CARDS);
        assert_eq!(guesses.note("tried", false, 3, NOW), Noted::TooMany);
    }
}

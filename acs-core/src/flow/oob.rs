//! Out-of-band authentication: the issuer's own app asks the cardholder, in the middle of a
//! challenge. The result comes from the issuer alone; whatever a browser or an SDK says only
//! fetches it [P-APP-42, Note 127].

use serde::{Deserialize, Serialize};

use super::confirmation::Verdict;
use super::transaction::{Asked, ExpectEntry, Phase, Transaction, Via, Way};
use crate::message::{Merchant, Purchase};
use crate::{Random, UtcMillis};

/// A question that the issuer's app puts to the cardholder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Oob {
    /// No word is taken from then on.
    #[serde(rename = "u")]
    pub(super) until: UtcMillis,
    /// Shown on the screen and in the app: who approves in the app must be looking at this screen.
    #[serde(rename = "n")]
    pub(super) number: u8,
    /// How often the cardholder said to be done too early.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub(super) continues: u8,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) word: Option<Word>,
    /// How a code goes out should the app be of no use.
    #[serde(rename = "fb", default, skip_serializing_if = "Option::is_none")]
    pub(super) fallback: Option<Via>,
    /// The SDK can open the issuer's app by a link, as its newest message says [Note 126].
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) opens: bool,
    /// That link did not open the app.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) broken: bool,
    /// `threeDSRequestorAppURL`, for the way back [P-APP-43].
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub(super) back: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// What the issuer said, and the revision of the page that was shown when it came: the token of that
/// page fetches the result.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Word {
    #[serde(rename = "v")]
    pub(super) verdict: Verdict,
    #[serde(rename = "r")]
    pub(super) shown: u32,
}

impl Oob {
    pub(super) fn new(until: UtcMillis, random: &mut dyn Random) -> Self {
        Self {
            until,
            number: two_digits(random),
            continues: 0,
            word: None,
            fallback: None,
            opens: false,
            broken: false,
            back: None,
        }
    }

    /// Whether a screen links to the issuer's app.
    pub(super) const fn links(&self) -> bool {
        self.opens && !self.broken
    }

    /// Two digits.
    pub(super) fn number(&self) -> String {
        format!("{:02}", self.number)
    }
}

/// 10 to 99, each as likely as the others: a first digit 0 would be lost in speech.
fn two_digits(random: &mut dyn Random) -> u8 {
    loop {
        let mut byte = [0];
        random.fill(&mut byte);
        if byte[0] < 180 {
            return 10 + byte[0] % 90;
        }
    }
}

/// How an out-of-band authentication stands, for the issuer's systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// This transaction is no out-of-band authentication, or not yet.
    NotAsked,
    /// The issuer's word is awaited.
    Waiting,
    /// The issuer gave its word.
    Given(Verdict),
    /// It ended without the issuer's word: time over, cancelled, another way taken.
    Over,
}

/// How `transaction` stands at `now`.
#[must_use]
pub fn standing(transaction: &Transaction, now: UtcMillis) -> Standing {
    match &transaction.phase {
        Phase::ExpectEntry(entry) => match entry.oob.as_deref() {
            None => Standing::NotAsked,
            Some(Oob { word: Some(word), .. }) => Standing::Given(word.verdict),
            Some(oob) if waits(entry) && now < oob.until && now < entry.until => Standing::Waiting,
            Some(_) => Standing::Over,
        },
        Phase::ExpectRRes(_) | Phase::Ended(_) => match transaction.decided() {
            Some(decided) => match decided.word {
                Some(verdict) => Standing::Given(verdict),
                None if decided.asked_app || decided.via == Way::App => Standing::Over,
                None => Standing::NotAsked,
            },
            None => Standing::NotAsked,
        },
        _ => Standing::NotAsked,
    }
}

/// Whether the shown page waits for the issuer's app.
pub(super) fn waits(entry: &ExpectEntry) -> bool {
    entry.asked == Asked::App && !entry.informed
}

/// What the issuer's app shows.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Question<'a> {
    /// Two digits.
    pub number: u8,
    pub merchant: &'a Merchant,
    pub purchase: Option<&'a Purchase>,
    pub card_last4: &'a str,
    /// `ja` or `en`.
    pub language: &'a str,
    /// A word after this moment comes too late.
    pub expires: UtcMillis,
    /// Where the app goes back to, when the cardholder came from a merchant's app [P-APP-43].
    pub requestor_app_url: Option<&'a str>,
}

/// The question of an open out-of-band authentication.
#[must_use]
pub fn question(transaction: &Transaction) -> Option<Question<'_>> {
    let Phase::ExpectEntry(entry) = &transaction.phase else { return None };
    let oob = entry.oob.as_deref().filter(|_| waits(entry))?;
    Some(Question {
        number: oob.number,
        merchant: &transaction.merchant,
        purchase: transaction.purchase.as_ref(),
        card_last4: &transaction.card_last4,
        language: &transaction.language,
        expires: oob.until,
        requestor_app_url: oob.back.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_two_digits() {
        struct Count(u8);
        impl Random for Count {
            fn fill(&mut self, buffer: &mut [u8]) {
                buffer.fill(self.0);
                self.0 = self.0.wrapping_add(1);
            }
        }
        let mut random = Count(0);
        let mut seen = [0; 100];
        for _ in 0..180 {
            seen[usize::from(two_digits(&mut random))] += 1;
        }
        assert!(seen[..10].iter().all(|n| *n == 0) && seen[10..].iter().all(|n| *n == 2));
    }
}

//! The cards of the journeys: one per state and wish, the same for both issuers.

use serde_json::{Value, json};

/// The issuers of the development configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    Alpha,
    Beta,
}

impl Issuer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Alpha, Self::Beta];

    /// Its id in the configuration.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Alpha => "4199",
            Self::Beta => "6199",
        }
    }

    /// The number of `card`.
    #[must_use]
    pub fn pan(self, card: Card) -> String {
        self.numbered(card as u64 + 1)
    }

    /// A number of this issuer that none of [`Card`] has, for `serial` from 1,000.
    #[must_use]
    pub fn numbered(self, serial: u64) -> String {
        with_check_digit(&format!("{}{serial:011}", self.prefix()))
    }

    /// All of [`Card`] as lines for `acs card import`.
    #[must_use]
    pub fn card_file(self) -> String {
        let lines = Card::ALL.iter().filter_map(|card| card.record(&self.pan(*card)));
        lines.map(|record| format!("{record}\n")).collect()
    }
}

/// What a card is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Frictionless Y by script.
    Frictionless,
    /// Challenged, codes by text message.
    Sms,
    /// Challenged, codes by e-mail.
    Email,
    /// In no way reachable.
    Unreachable,
    NotActivated,
    NotEnrolled,
    Suspended,
    Lost,
    Stolen,
    Expired,
    ScriptedAttempt,
    ScriptedDenied,
    ScriptedUnavailable,
    ScriptedRejected,
    ScriptedChallenge,
    /// Never imported.
    Unknown,
    /// Challenged, with a phone and an address.
    TwoContacts,
    /// Challenged in the issuer's app.
    App,
    /// Challenged in the issuer's app, with a phone too.
    AppAndSms,
}

impl Card {
    /// Every card.
    pub const ALL: [Self; 19] = [
        Self::Frictionless,
        Self::Sms,
        Self::Email,
        Self::Unreachable,
        Self::NotActivated,
        Self::NotEnrolled,
        Self::Suspended,
        Self::Lost,
        Self::Stolen,
        Self::Expired,
        Self::ScriptedAttempt,
        Self::ScriptedDenied,
        Self::ScriptedUnavailable,
        Self::ScriptedRejected,
        Self::ScriptedChallenge,
        Self::Unknown,
        Self::TwoContacts,
        Self::App,
        Self::AppAndSms,
    ];

    fn record(self, pan: &str) -> Option<Value> {
        let state = match self {
            Self::Unknown => return None,
            Self::NotActivated => "not_activated",
            Self::NotEnrolled => "not_enrolled",
            Self::Suspended => "suspended",
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Expired => "expired",
            _ => "active",
        };
        let contacts = match self {
            Self::Email => json!({"email": "hanako.yamada@example.com"}),
            Self::TwoContacts => {
                json!({"sms": "+819012345678", "email": "hanako.yamada@example.com"})
            }
            Self::Unreachable => json!({}),
            Self::App => json!({"app": "installation-7"}),
            Self::AppAndSms => json!({"app": "installation-8", "sms": "+819012345678"}),
            _ => json!({"sms": "+819012345678"}),
        };
        let mut record =
            json!({"pan": pan, "expiry": EXPIRY, "state": state, "contacts": contacts});
        match self {
            Self::Frictionless => record["outcome"] = json!({"status": "Y"}),
            Self::ScriptedAttempt => record["outcome"] = json!({"status": "A"}),
            Self::ScriptedDenied => record["outcome"] = json!({"status": "N", "reason": "01"}),
            Self::ScriptedUnavailable => record["outcome"] = json!({"status": "U", "reason": "08"}),
            Self::ScriptedRejected => record["outcome"] = json!({"status": "R", "reason": "11"}),
            Self::ScriptedChallenge => record["outcome"] = json!({"status": "C"}),
            _ => {}
        }
        Some(record)
    }
}

/// `digits` and its Luhn check digit.
#[must_use]
pub fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            let weighed = if place % 2 == 0 { digit * 2 } else { digit };
            weighed / 10 + weighed % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// YYMM on every card.
pub const EXPIRY: &str = "3012";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_sixteen_digits_and_a_right_check_digit() {
        assert_eq!(with_check_digit("7992739871"), "79927398713");
        assert_eq!(Issuer::Alpha.pan(Card::Frictionless).len(), 16);
        assert_ne!(Issuer::Alpha.pan(Card::Sms), Issuer::Beta.pan(Card::Sms));
    }
}

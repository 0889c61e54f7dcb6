//! One line of a card file.

use std::borrow::Cow;
use std::fmt;

use acs_core::element::{Pan, TransStatus};
use acs_core::flow::spc::assertion::is_usable;
use acs_core::profile::{Card, CardState, Contacts, Passkey, ScriptedOutcome};
use acs_core::security_code::SecurityCodeRecord;

use super::json::Json;
use super::lines::MAX_LINE;
use super::{STATES, read_state};
use crate::config::{Issuer, Profile};

/// A good line.
#[derive(Debug)]
pub struct Accepted {
    pub pan: Pan,
    pub card: Card,
    /// Whether the number's check digit is right.
    pub luhn: bool,
}

/// Why a line is bad. Never holds anything of the line but, for unknown keys that look like a word,
/// the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    TooLong,
    NotUtf8,
    /// Not JSON from this column on.
    NotJson(usize),
    NotAnObject,
    /// In this object, or in the line itself.
    UnknownKey {
        place: Option<&'static str>,
        key: Option<String>,
    },
    RepeatedKey(&'static str),
    Missing(&'static str),
    NotAString(&'static str),
    NotAnObjectValue(&'static str),
    Pan,
    CheckDigit,
    NotIssued,
    Expiry,
    State,
    Sms,
    Email,
    App,
    OutcomeInProduction,
    OutcomeStatus,
    OutcomeReason,
    Passkeys,
    Passkey,
    SecurityCode,
}

/// Reads a line without its line feed; `None` when it is blank.
///
/// # Errors
/// The [`Reason`] why it is bad.
pub fn read_line(
    line: &[u8],
    profile: Profile,
    issuer: &Issuer,
) -> Result<Option<Accepted>, Reason> {
    let text = std::str::from_utf8(line).map_err(|_| Reason::NotUtf8)?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Json::Object(members) = Json::parse(text).map_err(Reason::NotJson)? else {
        return Err(Reason::NotAnObject);
    };
    let [pan, expiry, state, contacts, outcome, passkeys, security_code] =
        take(members, None, KEYS)?;
    let pan = Pan::parse(&required("pan", pan)?).ok_or(Reason::Pan)?;
    let luhn = pan.check_digit_is_right();
    if profile == Profile::Production && !luhn {
        return Err(Reason::CheckDigit);
    }
    if !issuer.issues(&pan) {
        return Err(Reason::NotIssued);
    }
    let card = Card {
        expiry: text_of("expiry", expiry)?.map(|text| read_expiry(&text)).transpose()?,
        state: text_of("state", state)?
            .map_or(Some(CardState::Active), |name| read_state(&name))
            .ok_or(Reason::State)?,
        contacts: read_contacts(contacts)?,
        outcome: read_outcome(outcome, profile)?,
        passkeys: read_passkeys(passkeys)?,
        security_code: text_of("security_code_hmac", security_code)?
            .map(|text| SecurityCodeRecord::parse(&text).ok_or(Reason::SecurityCode))
            .transpose()?,
    };
    Ok(Some(Accepted { pan, card, luhn }))
}

/// Sorts the members of an object by `keys`; each at most once, and no others.
fn take<'a, const N: usize>(
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    place: Option<&'static str>,
    keys: [&'static str; N],
) -> Result<[Option<Json<'a>>; N], Reason> {
    let mut values = [const { None }; N];
    for (key, value) in members {
        let Some(index) = keys.iter().position(|known| *known == key) else {
            let key = looks_like_a_word(&key).then(|| key.into_owned());
            return Err(Reason::UnknownKey { place, key });
        };
        if values[index].replace(value).is_some() {
            return Err(Reason::RepeatedKey(keys[index]));
        }
    }
    Ok(values.map(|value| value.filter(|value| *value != Json::Null)))
}

/// Whether a key may be shown: a mistyped name, hardly a value out of place.
fn looks_like_a_word(key: &str) -> bool {
    (1..=20).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

fn text_of<'a>(
    name: &'static str,
    value: Option<Json<'a>>,
) -> Result<Option<Cow<'a, str>>, Reason> {
    match value {
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::NotAString(name)),
        None => Ok(None),
    }
}

fn required<'a>(name: &'static str, value: Option<Json<'a>>) -> Result<Cow<'a, str>, Reason> {
    text_of(name, value)?.ok_or(Reason::Missing(name))
}

/// YYMM.
fn read_expiry(text: &str) -> Result<String, Reason> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let good = digits && matches!(text[2..].parse(), Ok(1..=12_u8));
    good.then(|| text.to_owned()).ok_or(Reason::Expiry)
}

fn read_contacts(value: Option<Json<'_>>) -> Result<Contacts, Reason> {
    let mut contacts = Contacts::default();
    let Some(value) = value else { return Ok(contacts) };
    let Json::Object(members) = value else { return Err(Reason::NotAnObjectValue("contacts")) };
    let [sms, email, app] = take(members, Some("contacts"), ["sms", "email", "app"])?;
    if let Some(number) = text_of("contacts.sms", sms)? {
        contacts.sms = Some(is_e164(&number).then(|| number.into_owned()).ok_or(Reason::Sms)?);
    }
    if let Some(address) = text_of("contacts.email", email)? {
        let good = is_email(&address).then(|| address.into_owned());
        contacts.email = Some(good.ok_or(Reason::Email)?);
    }
    if let Some(name) = text_of("contacts.app", app)? {
        let good = (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        contacts.app = Some(good.then(|| name.into_owned()).ok_or(Reason::App)?);
    }
    Ok(contacts)
}

/// A plus sign and 7 to 15 digits, the first of them not 0.
fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Good enough to be handed to a messaging service: one address, nothing that ends a line.
fn is_email(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
    text.len() <= 254
        && !text.contains(odd)
        && text.split_once('@').is_some_and(|(user, host)| {
            let label = |label: &str| !label.is_empty() && !label.contains('@');
            !user.is_empty() && host.split('.').all(label)
        })
}

fn read_outcome(
    value: Option<Json<'_>>,
    profile: Profile,
) -> Result<Option<ScriptedOutcome>, Reason> {
    let Some(value) = value else { return Ok(None) };
    if profile == Profile::Production {
        return Err(Reason::OutcomeInProduction);
    }
    let Json::Object(members) = value else { return Err(Reason::NotAnObjectValue("outcome")) };
    let [status, reason] = take(members, Some("outcome"), ["status", "reason"])?;
    let status = required("outcome.status", status)?;
    let status = STATUSES.into_iter().find(|known| known.code() == status);
    let reason = text_of("outcome.reason", reason)?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if reason.as_deref().is_some_and(|text| !digits(text)) {
        return Err(Reason::OutcomeReason);
    }
    let status = status.ok_or(Reason::OutcomeStatus)?;
    Ok(Some(ScriptedOutcome { status, reason: reason.map(Cow::into_owned) }))
}

fn read_passkeys(value: Option<Json<'_>>) -> Result<Vec<Passkey>, Reason> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Json::Array(items)) if items.len() <= MAX_PASSKEYS => items,
        Some(_) => return Err(Reason::Passkeys),
    };
    items.into_iter().map(read_passkey).collect()
}

fn read_passkey(value: Json<'_>) -> Result<Passkey, Reason> {
    let Json::Object(members) = value else { return Err(Reason::Passkeys) };
    let [id, key, rp] = take(members, Some("passkeys"), ["credential_id", "public_key", "rp_id"])?;
    let passkey = Passkey {
        credential_id: required("passkeys.credential_id", id)?.into_owned(),
        public_key: required("passkeys.public_key", key)?.into_owned(),
        rp_id: required("passkeys.rp_id", rp)?.into_owned(),
    };
    // What an ARes S can carry of it.
    let fits = (16..=1000).contains(&passkey.credential_id.len()) && passkey.rp_id.len() <= 253;
    let plain = !passkey.credential_id.contains('=');
    (fits && plain && is_usable(&passkey)).then_some(passkey).ok_or(Reason::Passkey)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MAX_LINE} bytes"),
            Self::NotUtf8 => f.write_str("not UTF-8 text"),
            Self::NotJson(column) => write!(f, "not valid JSON at column {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::UnknownKey { place, key } => {
                f.write_str("unknown key")?;
                key.iter().try_for_each(|key| write!(f, " \"{key}\""))?;
                place.iter().try_for_each(|place| write!(f, " in \"{place}\""))
            }
            Self::RepeatedKey(key) => write!(f, "key \"{key}\" appears twice"),
            Self::Missing(key) => write!(f, "\"{key}\" is missing"),
            Self::NotAString(key) => write!(f, "\"{key}\" is not a string"),
            Self::NotAnObjectValue(key) => write!(f, "\"{key}\" is not an object"),
            Self::Pan => f.write_str("\"pan\" is not 13 to 19 digits"),
            Self::CheckDigit => f.write_str("the check digit of \"pan\" is wrong"),
            Self::NotIssued => f.write_str("\"pan\" is outside the issuer's ranges"),
            Self::Expiry => f.write_str("\"expiry\" is not YYMM"),
            Self::State => {
                let names: Vec<_> = STATES.iter().map(|(name, _)| *name).collect();
                write!(f, "\"state\" is none of {}", names.join(", "))
            }
            Self::Sms => f.write_str("\"contacts.sms\" is not + and 7 to 15 digits"),
            Self::Email => f.write_str("\"contacts.email\" is not a mail address"),
            Self::App => f.write_str("\"contacts.app\" is not 1 to 128 printable ASCII characters"),
            Self::OutcomeInProduction => {
                f.write_str("\"outcome\" is for the development profile only")
            }
            Self::OutcomeStatus => {
                f.write_str("\"outcome.status\" is none of Y, A, N, U, R, C, D, I")
            }
            Self::Passkeys => {
                write!(f, "\"passkeys\" is not a list of at most {MAX_PASSKEYS} objects")
            }
            Self::Passkey => f.write_str(
                "\"passkeys\" holds one that cannot be used: base64url of a credential id and of \
                 the SubjectPublicKeyInfo of a P-256 key, and the relying party's domain",
            ),
            Self::SecurityCode => {
                f.write_str("\"security_code_hmac\" is not 64 hexadecimal digits")
            }
            Self::OutcomeReason => f.write_str("\"outcome.reason\" is not two digits"),
        }
    }
}

const KEYS: [&str; 7] =
    ["pan", "expiry", "state", "contacts", "outcome", "passkeys", "security_code_hmac"];
/// An ARes S names no more.
const MAX_PASSKEYS: usize = 10;
const STATUSES: [TransStatus; 8] = [
    TransStatus::Authenticated,
    TransStatus::Attempted,
    TransStatus::NotAuthenticated,
    TransStatus::Unavailable,
    TransStatus::Rejected,
    TransStatus::ChallengeRequired,
    TransStatus::Decoupled,
    TransStatus::Informational,
];

#[cfg(test)]
mod tests;

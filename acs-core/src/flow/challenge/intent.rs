//! What a CReq wants: exactly one thing, within what the screen offers [P-APP-12..16].

use zeroize::Zeroizing;

use super::oob::Came;
use crate::element::MessageVersion;
use crate::erro::Fault;
use crate::flow::consent::Choice;
use crate::flow::oob;
use crate::flow::transaction::{ExpectEntry, Interface, Phase, Transaction};
use crate::message::AppCReq;

/// One wish. An entry may be empty.
pub(super) enum Intent {
    /// The first screen.
    Begin,
    /// What was entered, and what was entered into a second box.
    Submit(Zeroizing<String>, Option<Zeroizing<String>>),
    Resend,
    /// The button beside those that every screen of its kind has.
    Additional,
    /// The button of an information screen.
    Continue,
    /// The screen as it stands: the SDK came back to the foreground, and nothing was said.
    Again,
    /// The cardholder's side asks for the result of the issuer's app.
    Fetch(Came),
    /// With `challengeCancel` as the RReq is to say it.
    Cancel(&'static str),
}

impl Intent {
    /// Reads the wish; the screen is the one that the transaction shows, with or without an
    /// additional button [P-APP-12, P-APP-13].
    pub(super) fn of(
        creq: &AppCReq,
        transaction: &Transaction,
        additional: bool,
    ) -> Result<Self, Fault> {
        let Phase::ExpectEntry(entry) = &transaction.phase else {
            // The first CReq carries no entry [P-APP-10]; what it carries all the same is dropped.
            return Ok(creq.cancel.as_deref().map_or(Self::Begin, |v| Self::Cancel(reported(v))));
        };
        let waits = oob::waits(entry);
        match rendering(transaction) {
            Some(Interface::Html) if waits => {
                html_out_of_band(creq, transaction.version, additional)
            }
            Some(Interface::Html) => html(creq, entry, additional),
            _ if waits => out_of_band(creq, transaction.version, additional),
            _ if entry.is_information() => information(creq),
            _ => native(creq, entry, transaction.version, additional),
        }
    }
}

/// The answers to the questions for consent that the screen asked [P-APP-17, Note 116, Note 118].
pub(super) fn consents(creq: &AppCReq, transaction: &Transaction) -> Result<Choice, Fault> {
    let Phase::ExpectEntry(entry) = &transaction.phase else { return Ok(Choice::default()) };
    let version = transaction.version;
    let device = transaction.app.as_deref().and_then(|app| app.device.clone());
    let (trust, bind) = (entry.trust_text_shown(version), entry.bind_text_shown(version));
    if rendering(transaction) == Some(Interface::Html) {
        let form = form(creq);
        return Ok(Choice { trust: trust && form.trust, bind: bind && form.bind, device });
    }
    let asked = [
        (trust, creq.trust, AppCReq::trust_element(version)),
        (bind, creq.bind, AppCReq::BIND_ELEMENT),
    ];
    let missing: Vec<_> = asked
        .iter()
        .filter(|(asked, answer, _)| *asked && answer.is_none())
        .map(|(.., name)| (*name).to_owned())
        .collect();
    if !missing.is_empty() {
        return Err(Fault::Missing(missing));
    }
    let agrees = |asked: bool, answer: Option<bool>| asked && answer == Some(true);
    Ok(Choice { trust: agrees(trust, creq.trust), bind: agrees(bind, creq.bind), device })
}

fn rendering(transaction: &Transaction) -> Option<Interface> {
    let rendering = transaction.app.as_deref().and_then(|app| app.rendering);
    rendering.map(|rendering| rendering.interface)
}

/// Screens 01 to 03; an entry for a second box that the screen does not have is none
/// [P-APP-12, P-APP-13, P-APP-18, Note 120, Note 124].
fn native(
    creq: &AppCReq,
    shown: &ExpectEntry,
    version: MessageVersion,
    additional: bool,
) -> Result<Intent, Fault> {
    let entry = || creq.entry.clone().unwrap_or_default();
    let second = || creq.entry_two.clone().filter(|_| shown.second().is_some());
    let wishes = [
        ("challengeCancel", creq.cancel.is_some()),
        ("resendChallenge", creq.resend),
        ("challengeDataEntry", creq.entry.is_some() || second().is_some()),
        ("challengeNoEntry", creq.no_entry),
        ("challengeAddCode", creq.add_code),
    ];
    let made: Vec<&str> = wishes.iter().filter(|(_, made)| *made).map(|(name, _)| *name).collect();
    // 2.1.0 has no word for an empty entry, and no rule about more than one wish: what ends or
    // repeats comes before what was entered.
    let wish = match made.as_slice() {
        [one] => *one,
        [] if version == MessageVersion::V210 => return Ok(Intent::Submit(entry(), None)),
        [] => return Err(contradictory(&["challengeDataEntry"])),
        [first, ..] if version == MessageVersion::V210 => *first,
        several => return Err(contradictory(several)),
    };
    Ok(match wish {
        "challengeCancel" => cancelled(creq),
        "resendChallenge" => Intent::Resend,
        "challengeDataEntry" => Intent::Submit(entry(), second()),
        "challengeNoEntry" => Intent::Submit(Zeroizing::default(), None),
        "challengeAddCode" if additional => Intent::Additional,
        // No screen of ours offers more.
        other => return Err(contradictory(&[other])),
    })
}

/// Screen 07: its button or cancel, and nothing else [P-APP-17, Note 123].
fn information(creq: &AppCReq) -> Result<Intent, Fault> {
    let strange = [
        ("resendChallenge", creq.resend),
        ("challengeDataEntry", creq.entry.is_some()),
        ("challengeNoEntry", creq.no_entry),
        ("challengeAddCode", creq.add_code),
        ("challengeCancel", creq.cancel.is_some() && creq.info_continue),
    ];
    let strange: Vec<_> = strange.iter().filter(|(_, made)| *made).map(|(name, _)| *name).collect();
    if !strange.is_empty() {
        return Err(contradictory(&strange));
    }
    match &creq.cancel {
        Some(value) => Ok(Intent::Cancel(reported(value))),
        None if creq.info_continue => Ok(Intent::Continue),
        None => Err(Fault::Missing(vec!["infoContinueIndicator".to_owned()])),
    }
}

/// Screen 04: a cancel comes before what it cancels [P-APP-16, P-APP-42, Note 122, Req 399, Req 400].
fn out_of_band(creq: &AppCReq, version: MessageVersion, additional: bool) -> Result<Intent, Fault> {
    if creq.cancel.is_some() {
        return Ok(cancelled(creq));
    }
    match (creq.oob_continue, creq.add_code) {
        (true, false) => Ok(Intent::Fetch(came(creq))),
        (false, true) if additional => Ok(Intent::Additional),
        (false, true) => Err(contradictory(&["challengeAddCode"])),
        (true, true) => Err(contradictory(&["oobContinue", "challengeAddCode"])),
        // As with entries, 2.1.0 has no rule about saying nothing.
        (false, false) if version == MessageVersion::V210 => Ok(Intent::Fetch(Came::Says)),
        (false, false) => Err(Fault::Missing(vec!["oobContinue".to_owned()])),
    }
}

/// Screen 06, and the same page as 05 before 2.3.1: what the form says, unless the SDK came back by
/// itself [P-APP-15, P-APP-16, Note 121, Note 122, Req 409].
fn html_out_of_band(
    creq: &AppCReq,
    version: MessageVersion,
    additional: bool,
) -> Result<Intent, Fault> {
    if creq.cancel.is_some() {
        return Ok(cancelled(creq));
    }
    let newest = version >= MessageVersion::V231;
    if newest && !creq.oob_continue {
        return Err(Fault::Missing(vec!["oobContinue".to_owned()]));
    }
    if newest && creq.oob_automatic {
        return Ok(Intent::Fetch(came(creq)));
    }
    if creq.html_entry.is_none() {
        return Err(Fault::Missing(vec!["challengeHTMLDataEntry".to_owned()]));
    }
    Ok(match form(creq).action.as_str() {
        "cancel" => Intent::Cancel(BY_CARDHOLDER),
        "more" if additional => Intent::Additional,
        _ => Intent::Fetch(came(creq)),
    })
}

/// [Req 407]
const fn came(creq: &AppCReq) -> Came {
    if creq.oob_app_failed { Came::LinkFailed } else { Came::Says }
}

fn cancelled(creq: &AppCReq) -> Intent {
    Intent::Cancel(reported(creq.cancel.as_deref().unwrap_or_default()))
}

/// Screen 05: the form of our page as a query string [P-APP-15, Note 121, Note 157].
fn html(creq: &AppCReq, entry: &ExpectEntry, additional: bool) -> Result<Intent, Fault> {
    if let Some(value) = &creq.cancel {
        return Ok(Intent::Cancel(reported(value)));
    }
    if creq.html_entry.is_none() && creq.oob_automatic {
        return Ok(Intent::Again);
    }
    if creq.html_entry.is_none() {
        return Err(Fault::Missing(vec!["challengeHTMLDataEntry".to_owned()]));
    }
    let form = form(creq);
    Ok(match form.action.as_str() {
        "cancel" => Intent::Cancel(BY_CARDHOLDER),
        _ if entry.is_information() => Intent::Continue,
        "resend" => Intent::Resend,
        "more" if additional => Intent::Additional,
        _ => Intent::Submit(form.typed, form.second),
    })
}

/// What the form of our page held.
#[derive(Default)]
struct Filled {
    /// Several choices are put together as native screens answer them [P-APP-14].
    typed: Zeroizing<String>,
    second: Option<Zeroizing<String>>,
    action: Zeroizing<String>,
    trust: bool,
    bind: bool,
}

fn form(creq: &AppCReq) -> Filled {
    let mut filled = Filled::default();
    let query = creq.html_entry.as_deref().map_or("", String::as_str).trim_start_matches('?');
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "challengeDataEntry" => {
                if !filled.typed.is_empty() {
                    filled.typed.push(',');
                }
                filled.typed.push_str(&value);
            }
            "challengeDataEntryTwo" => filled.second = Some(Zeroizing::new(value.into_owned())),
            "action" => filled.action = Zeroizing::new(value.into_owned()),
            "trust" => filled.trust = value == "yes",
            "bind" => filled.bind = value == "yes",
            _ => {}
        }
    }
    filled
}

fn contradictory(names: &[&str]) -> Fault {
    Fault::Contradictory(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The value for the RReq: what an SDK can mean, and "unknown" for the rest, such as codes that
/// would promise a copy of an Erro, and those of our own timers, which go with reason 14 only
/// [P-APP-19, P-STAT-12, Note 4, Note 129].
fn reported(value: &str) -> &'static str {
    const MEANT: [&str; 4] = [BY_CARDHOLDER, "06", UNKNOWN, "08"];
    MEANT.into_iter().find(|known| *known == value).unwrap_or(UNKNOWN)
}

const BY_CARDHOLDER: &str = "01";
const UNKNOWN: &str = "07";

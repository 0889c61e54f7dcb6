//! What a CReq wants: exactly one thing, within what the screen offers [P-APP-12..16].

use zeroize::Zeroizing;

use crate::element::MessageVersion;
use crate::erro::Fault;
use crate::flow::transaction::{Interface, Phase, Transaction};
use crate::message::AppCReq;

/// One wish. An entry may be empty.
pub(super) enum Intent {
    /// The first screen.
    Begin,
    Submit(Zeroizing<String>),
    Resend,
    /// With `challengeCancel` as the RReq is to say it.
    Cancel(&'static str),
}

impl Intent {
    /// Reads the wish; the screen is the one that the transaction shows [P-APP-12, P-APP-13].
    pub(super) fn of(creq: &AppCReq, transaction: &Transaction) -> Result<Self, Fault> {
        if matches!(transaction.phase, Phase::ExpectCReq(_)) {
            // The first CReq carries no entry [P-APP-10]; what it carries all the same is dropped.
            return Ok(creq.cancel.as_deref().map_or(Self::Begin, |v| Self::Cancel(reported(v))));
        }
        match rendering(transaction) {
            Some(Interface::Html) => html(creq),
            _ => native(creq, transaction.version),
        }
    }
}

/// The answer to the trust list's question, where the screen asked it [P-APP-17, Note 116].
pub(super) fn trust(creq: &AppCReq, transaction: &Transaction) -> Result<bool, Fault> {
    let Phase::ExpectEntry(entry) = &transaction.phase else { return Ok(false) };
    if entry.trust_text_shown(transaction.version) {
        return match (rendering(transaction), creq.trust) {
            (Some(Interface::Html), _) => Ok(form(creq).trust),
            (_, Some(answer)) => Ok(answer),
            (_, None) => {
                Err(Fault::Missing(vec![AppCReq::trust_element(transaction.version).to_owned()]))
            }
        };
    }
    Ok(false)
}

fn rendering(transaction: &Transaction) -> Option<Interface> {
    let rendering = transaction.app.as_deref().and_then(|app| app.rendering);
    rendering.map(|rendering| rendering.interface)
}

/// Screens 01 to 03 [P-APP-12, P-APP-13, P-APP-18, Note 120, Note 124].
fn native(creq: &AppCReq, version: MessageVersion) -> Result<Intent, Fault> {
    let entry = || creq.entry.clone().unwrap_or_default();
    let wishes = [
        ("challengeCancel", creq.cancel.is_some()),
        ("resendChallenge", creq.resend),
        ("challengeDataEntry", creq.entry.is_some()),
        ("challengeNoEntry", creq.no_entry),
        ("challengeAddCode", creq.add_code),
    ];
    let made: Vec<&str> = wishes.iter().filter(|(_, made)| *made).map(|(name, _)| *name).collect();
    // 2.1.0 has no word for an empty entry, and no rule about more than one wish: what ends or
    // repeats comes before what was entered.
    let wish = match made.as_slice() {
        [one] => *one,
        [] if version == MessageVersion::V210 => return Ok(Intent::Submit(Zeroizing::default())),
        [] => return Err(contradictory(&["challengeDataEntry"])),
        [first, ..] if version == MessageVersion::V210 => *first,
        several => return Err(contradictory(several)),
    };
    Ok(match wish {
        "challengeCancel" => Intent::Cancel(reported(creq.cancel.as_deref().unwrap_or_default())),
        "resendChallenge" => Intent::Resend,
        "challengeDataEntry" => Intent::Submit(entry()),
        "challengeNoEntry" => Intent::Submit(Zeroizing::default()),
        // No screen of ours offers more.
        other => return Err(contradictory(&[other])),
    })
}

/// Screen 05: the form of our page as a query string [P-APP-15, Note 121, Note 157].
fn html(creq: &AppCReq) -> Result<Intent, Fault> {
    if let Some(value) = &creq.cancel {
        return Ok(Intent::Cancel(reported(value)));
    }
    if creq.html_entry.is_none() {
        return Err(Fault::Missing(vec!["challengeHTMLDataEntry".to_owned()]));
    }
    let form = form(creq);
    Ok(match form.action.as_str() {
        "cancel" => Intent::Cancel(BY_CARDHOLDER),
        "resend" => Intent::Resend,
        _ => Intent::Submit(form.typed),
    })
}

/// What the form of our page held.
#[derive(Default)]
struct Filled {
    typed: Zeroizing<String>,
    action: Zeroizing<String>,
    trust: bool,
}

fn form(creq: &AppCReq) -> Filled {
    let mut filled = Filled::default();
    let query = creq.html_entry.as_deref().map_or("", String::as_str).trim_start_matches('?');
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "challengeDataEntry" => filled.typed = Zeroizing::new(value.into_owned()),
            "action" => filled.action = Zeroizing::new(value.into_owned()),
            "trust" => filled.trust = value == "yes",
            _ => {}
        }
    }
    filled
}

fn contradictory(names: &[&str]) -> Fault {
    Fault::Contradictory(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The value for the RReq: what an SDK can mean, and "unknown" for the rest, such as codes that
/// would promise a copy of an Erro.
fn reported(value: &str) -> &'static str {
    const MEANT: [&str; 6] = [BY_CARDHOLDER, "04", "05", "06", "07", "08"];
    MEANT.into_iter().find(|known| *known == value).unwrap_or("07")
}

const BY_CARDHOLDER: &str = "01";

//! What a browser sees of a transaction.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ChallengeContext, app, entry, oob, otp, token};
use crate::Random;
use crate::dictionary::Message;
use crate::element::TransStatus;
use crate::erro::ErroMessage;
use crate::flow::consent::device_cookie;
use crate::flow::cres;
use crate::flow::oob::Oob;
use crate::flow::present::{CodeView, FinalView, InformationView, OobView, PasskeyView, View};
use crate::flow::transaction::{Asked, Decided, Ending, ExpectEntry, Phase, Transaction, Via};
use crate::flow::words::{self, Language};
use crate::outgoing;

/// What the page says beside its usual words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) enum Note {
    None,
    Error(&'static str),
    Status(&'static str),
}

/// The view of the state.
pub(super) fn current(
    transaction: &Transaction,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
    note: Note,
) -> View {
    if transaction.app.is_some() {
        return app::current(transaction);
    }
    match &transaction.phase {
        Phase::Answered(_) | Phase::ExpectCReq(_) | Phase::ExpectSpc(_) | Phase::Decoupled(_) => {
            invalid(transaction)
        }
        Phase::ExpectEntry(entry) if entry.informed => {
            View::Information(Box::new(information(transaction, entry, context, random)))
        }
        Phase::ExpectEntry(entry) if entry.asked == Asked::App => {
            View::OutOfBand(Box::new(out_of_band(transaction, entry, context, random, note)))
        }
        Phase::ExpectEntry(entry) if entry.spc.is_some() => {
            passkey(transaction, entry, context, random)
                .map_or_else(|| invalid(transaction), |page| View::Passkey(Box::new(page)))
        }
        Phase::ExpectEntry(entry) => {
            View::Code(Box::new(code(transaction, entry, context, random, note)))
        }
        Phase::ExpectRRes(wait) => over(transaction, &wait.decided, !wait.released, context),
        Phase::Ended(decided) => over(transaction, decided, false, context),
    }
}

/// A page that leads nowhere.
pub(super) fn invalid(transaction: &Transaction) -> View {
    let mut reference = transaction.acs_trans_id.to_string();
    reference.truncate(REFERENCE);
    View::Invalid { reference: Some(reference) }
}

/// An Erro on its way through the browser; an error page where it may not go.
pub(super) fn erro(
    transaction: &Transaction,
    context: &ChallengeContext<'_>,
    erro: &ErroMessage,
    window: String,
    session_data: Option<String>,
) -> View {
    let legal = outgoing::check(
        &erro.body,
        Message::Erro,
        transaction.version,
        Some(transaction.channel),
        Some(transaction.category),
    );
    match (&transaction.notification_url, legal) {
        (Some(url), Ok(())) => View::Erro(Box::new(FinalView {
            language: transaction.language.clone(),
            window_size: window,
            notification_url: url.clone(),
            field: context.issuer.erro_field.clone(),
            message: URL_SAFE_NO_PAD.encode(&erro.body),
            session_data,
            outcome: "fail",
            device_cookie: None,
            device_cookie_for: None,
        })),
        _ => invalid(transaction),
    }
}

/// [P-BRW-30, P-BRW-34, P-BRW-35, Note 5, Note 28]
fn over(
    transaction: &Transaction,
    decided: &Decided,
    round_is_on: bool,
    context: &ChallengeContext<'_>,
) -> View {
    let readings = context.issuer.browser;
    let outcome = match decided.ending {
        Ending::Idle if !readings.cres_on_idle => {
            return View::TimedOut { language: transaction.language.clone() };
        }
        Ending::NeverBegun | Ending::Refused | Ending::Confirmed | Ending::TimeOver => {
            return invalid(transaction);
        }
        _ if round_is_on => return View::Processing,
        Ending::Verified => "ok",
        Ending::Failed | Ending::Idle => "fail",
        Ending::FellBack => "later",
        Ending::Cancelled => "cancel",
    };
    // [P-BRW-33]
    let (status, outcome) = if readings.no_rres_is_n && decided.unanswered {
        (TransStatus::NotAuthenticated, "fail")
    } else {
        (decided.status, outcome)
    };
    match (&transaction.notification_url, cres::last(transaction, status)) {
        (Some(url), Ok(cres)) => View::Final(Box::new(FinalView {
            language: transaction.language.clone(),
            window_size: decided.creq.window.clone(),
            notification_url: url.clone(),
            field: "cres".to_owned(),
            message: URL_SAFE_NO_PAD.encode(cres),
            session_data: decided.creq.session_data.clone(),
            outcome,
            device_cookie: decided
                .cookie_for
                .as_ref()
                .map(|_| device_cookie(transaction.acs_trans_id, context.keys)),
            device_cookie_for: decided.cookie_for.clone(),
        })),
        _ => invalid(transaction),
    }
}

/// [P-NPA-01]
fn code(
    transaction: &Transaction,
    entry: &ExpectEntry,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
    note: Note,
) -> CodeView {
    let settings = &context.issuer.otp;
    let language = Language::of(&transaction.language).unwrap_or(Language::English);
    let merchant = words::shop(transaction, language);
    let contacts = context.contacts;
    let sent_to = match entry.via {
        Via::Sms => contacts.sms.as_deref().map(words::phone_tail),
        Via::Email => contacts.email.as_deref().map(words::masked_address),
        Via::App => None,
    };
    let resend_at = entry.sent.plus_seconds(settings.resend_interval_seconds);
    let wait_ms = (resend_at.0 - context.now.0).max(0);
    CodeView {
        language: transaction.language.clone(),
        window_size: entry.creq.window.clone(),
        token: token::seal(transaction, context.keys, random),
        merchant,
        amount: transaction.purchase.as_ref().map(|purchase| words::amount(purchase, language)),
        card_last4: transaction.card_last4.clone(),
        sent_via: entry.via.as_str().to_owned(),
        sent_to: sent_to.unwrap_or_default(),
        code_length: otp::length(settings),
        life_minutes: settings.life_seconds.div_ceil(60),
        idle_seconds: context.issuer.browser.cres_on_idle.then_some(context.issuer.idle_seconds),
        error: match note {
            Note::Error(key) => Some(key),
            _ => None,
        },
        status: match note {
            Note::Status(key) => Some(key),
            _ => None,
        },
        attempts_left: settings.max_attempts.saturating_sub(entry.counter),
        resend_wait_seconds: u32::try_from((wait_ms + 999) / 1000).unwrap_or(u32::MAX),
        resend_offered: entry::offers_resend(entry, context.issuer),
        trust: entry.consents.trust.is_some().then_some(false),
        bind: entry.consents.bind.then_some(false),
        later: transaction.falls_back,
        other_merchants: transaction.other_merchants.names.clone(),
        unnamed_merchants: unnamed(transaction),
    }
}

/// [P-BRW-25, P-NPA-01]
fn out_of_band(
    transaction: &Transaction,
    entry: &ExpectEntry,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
    note: Note,
) -> OobView {
    let language = Language::of(&transaction.language).unwrap_or(Language::English);
    let merchant = words::shop(transaction, language);
    let asked = entry.oob.as_deref();
    let continues = asked.map_or(0, |oob| oob.continues);
    OobView {
        language: transaction.language.clone(),
        window_size: entry.creq.window.clone(),
        token: token::seal(transaction, context.keys, random),
        merchant,
        amount: transaction.purchase.as_ref().map(|purchase| words::amount(purchase, language)),
        card_last4: transaction.card_last4.clone(),
        number: asked.map(Oob::number).unwrap_or_default(),
        answered: asked.is_some_and(|oob| oob.word.is_some()),
        idle_seconds: context.issuer.browser.cres_on_idle.then_some(context.issuer.idle_seconds),
        error: match note {
            Note::Error(key) => Some(key),
            _ => None,
        },
        status: match note {
            Note::Status(key) => Some(key),
            _ => None,
        },
        continues_left: context.issuer.oob.max_continues.saturating_sub(continues),
        trust: entry.consents.trust.is_some().then_some(false),
        bind: entry.consents.bind.then_some(false),
        code_offered: oob::offers_code(transaction, context),
        later: transaction.falls_back,
    }
}

/// [P-SPC-06]; `None` when the issuer has taken the setting away meanwhile.
fn passkey(
    transaction: &Transaction,
    entry: &ExpectEntry,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> Option<PasskeyView> {
    let settings = context.issuer.spc.as_ref()?;
    let spc = entry.spc.as_ref()?;
    let InformationView {
        language,
        window_size,
        token,
        merchant,
        amount,
        card_last4,
        idle_seconds,
    } = information(transaction, entry, context, random);
    Some(PasskeyView {
        language,
        window_size,
        token,
        merchant,
        amount,
        card_last4,
        idle_seconds,
        options: spc.options(settings),
        icon: settings.icon.clone(),
        later: transaction.falls_back,
    })
}

/// How many other merchants are not named.
fn unnamed(transaction: &Transaction) -> u16 {
    let others = &transaction.other_merchants;
    others.count.saturating_sub(u16::try_from(others.names.len()).unwrap_or(u16::MAX))
}

/// [P-DEC-07, Req 464]
fn information(
    transaction: &Transaction,
    entry: &ExpectEntry,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> InformationView {
    let language = Language::of(&transaction.language).unwrap_or(Language::English);
    let merchant = words::shop(transaction, language);
    InformationView {
        language: transaction.language.clone(),
        window_size: entry.creq.window.clone(),
        token: token::seal(transaction, context.keys, random),
        merchant,
        amount: transaction.purchase.as_ref().map(|purchase| words::amount(purchase, language)),
        card_last4: transaction.card_last4.clone(),
        idle_seconds: context.issuer.browser.cres_on_idle.then_some(context.issuer.idle_seconds),
    }
}

/// Characters of the id that people read out.
const REFERENCE: usize = 8;

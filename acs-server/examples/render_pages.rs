//! Writes the cardholder pages in every state and language as HTML files for review:
//! `cargo run -p acs-server --example render_pages -- DIR [ISSUER-LOGO SYSTEM-LOGO]`.

use std::path::Path;
use std::sync::OnceLock;

use acs_core::flow::present::{CodeView, FinalView, InformationView, OobView, PasskeyView};
use acs_core::profile::Logo;
use acs_server::pages::logo;
use acs_server::pages::{self, Face, Page};
use acs_server::texts::Language;

fn main() -> std::io::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/pages".to_owned());
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir)?;
    for language in ["ja", "en"] {
        for (name, error, status) in STATES {
            for size in ["01", "02", "03", "04", "05"] {
                let page =
                    pages::code(&code_view(language, size, *error, *status), face(language), false);
                save(dir, &format!("code-{name}-{language}-{size}"), &page)?;
            }
        }
        let mut wide = code_view(language, "01", None, None);
        wide.merchant = Some("漢".repeat(40));
        save(dir, &format!("code-wide-{language}-01"), &pages::code(&wide, face(language), false))?;
        for (name, bind) in [("trust", None), ("consents", Some(false))] {
            for size in ["01", "02", "03", "04", "05"] {
                let mut view = code_view(language, size, None, None);
                (view.trust, view.bind) = (Some(name == "consents"), bind);
                let page = pages::code(&view, face(language), false);
                save(dir, &format!("code-{name}-{language}-{size}"), &page)?;
            }
        }
        for size in ["01", "02", "03", "04", "05"] {
            let mut view = code_view(language, size, None, None);
            view.later = true;
            let page = pages::code(&view, face(language), false);
            save(dir, &format!("code-later-{language}-{size}"), &page)?;
            let page = pages::information(&information_view(&view), face(language));
            save(dir, &format!("information-{language}-{size}"), &page)?;
            let page = pages::passkey::page(&passkey_view(&view), face(language));
            save(dir, &format!("passkey-{language}-{size}"), &page)?;
        }
        for (name, error, answered) in OOB_STATES {
            for size in ["01", "02", "03", "04", "05"] {
                let view = oob_view(&code_view(language, size, *error, None), *answered);
                let page = pages::out_of_band(&view, face(language));
                save(dir, &format!("oob-{name}-{language}-{size}"), &page)?;
            }
        }
        for outcome in ["ok", "fail", "cancel"] {
            let page = pages::last(&final_view(language, outcome), face(language));
            save(dir, &format!("final-{outcome}-{language}"), &page)?;
        }
        let tag = Language::from_tag(language);
        save(dir, &format!("timed-out-{language}"), &pages::timed_out(tag))?;
        save(dir, &format!("invalid-{language}"), &pages::invalid(tag, Some("1f0c9a2e")))?;
        save(dir, &format!("busy-{language}"), &pages::busy(tag))?;
        save(dir, &format!("processing-{language}"), &pages::processing(tag, "token"))?;
    }
    Ok(())
}

fn save(dir: &Path, name: &str, page: &Page) -> std::io::Result<()> {
    std::fs::write(dir.join(format!("{name}.html")), page.html())
}

fn face(language: &str) -> Face<'static> {
    static LOGOS: OnceLock<[Option<Logo>; 2]> = OnceLock::new();
    let [bank, system] = LOGOS.get_or_init(|| [(2, "Hinata Bank"), (3, "Sample Pay")].map(logo));
    let (name, phone) = if language == "ja" {
        ("ひなた銀行", "0120-000-000")
    } else {
        ("Hinata Bank", "+81 120-000-000")
    };
    Face { name, phone, logo: bank.as_ref(), system: system.as_ref() }
}

/// The logo that an argument names.
fn logo((argument, words): (usize, &str)) -> Option<Logo> {
    let file = std::env::args().nth(argument)?;
    Some(logo::load(Path::new(&file), words).unwrap_or_else(|error| panic!("{error}")))
}

fn code_view(
    language: &str,
    size: &str,
    error: Option<&'static str>,
    status: Option<&'static str>,
) -> CodeView {
    CodeView {
        language: language.to_owned(),
        window_size: size.to_owned(),
        token: "token".to_owned(),
        merchant: Some(
            if language == "ja" {
                "サンプル電機オンライン本店"
            } else {
                "Sample Electronics"
            }
            .to_owned(),
        ),
        amount: Some(if language == "ja" { "12,800円" } else { "¥12,800" }.to_owned()),
        card_last4: "1234".to_owned(),
        sent_via: "sms".to_owned(),
        sent_to: "89".to_owned(),
        code_length: 6,
        life_minutes: 5,
        idle_seconds: None,
        error,
        status,
        attempts_left: 2,
        resend_wait_seconds: 24,
        resend_offered: true,
        trust: None,
        bind: None,
        later: false,
        other_merchants: Vec::new(),
        unnamed_merchants: 0,
    }
}

fn oob_view(code: &CodeView, answered: bool) -> OobView {
    OobView {
        language: code.language.clone(),
        window_size: code.window_size.clone(),
        token: code.token.clone(),
        merchant: code.merchant.clone(),
        amount: code.amount.clone(),
        card_last4: code.card_last4.clone(),
        number: "42".to_owned(),
        answered,
        idle_seconds: None,
        error: code.error,
        status: None,
        continues_left: 9,
        trust: None,
        bind: None,
        code_offered: true,
        later: false,
    }
}

fn information_view(code: &CodeView) -> InformationView {
    InformationView {
        language: code.language.clone(),
        window_size: code.window_size.clone(),
        token: code.token.clone(),
        merchant: code.merchant.clone(),
        amount: code.amount.clone(),
        card_last4: code.card_last4.clone(),
        idle_seconds: code.idle_seconds,
    }
}

fn passkey_view(code: &CodeView) -> PasskeyView {
    PasskeyView {
        language: code.language.clone(),
        window_size: code.window_size.clone(),
        token: code.token.clone(),
        merchant: code.merchant.clone(),
        amount: code.amount.clone(),
        card_last4: code.card_last4.clone(),
        idle_seconds: code.idle_seconds,
        options: "{}".to_owned(),
        icon: String::new(),
        later: false,
    }
}

fn final_view(language: &str, outcome: &'static str) -> FinalView {
    FinalView {
        language: language.to_owned(),
        window_size: "02".to_owned(),
        notification_url: "https://shop.example/notify".to_owned(),
        field: "cres".to_owned(),
        message: "e30".to_owned(),
        session_data: None,
        outcome,
        device_cookie: None,
        device_cookie_for: None,
    }
}

const OOB_STATES: &[(&str, Option<&str>, bool)] =
    &[("normal", None, false), ("early", Some("oob.early"), false), ("answered", None, true)];

type State = (&'static str, Option<&'static str>, Option<&'static str>);

const STATES: &[State] = &[
    ("normal", None, None),
    ("wrong", Some("err.wrong"), None),
    ("last", Some("err.last"), None),
    ("form", Some("err.form"), None),
    ("expired", Some("err.expired"), None),
    ("stale", Some("stale"), None),
    ("resent", None, Some("resend.done")),
    ("wait", None, Some("resend.wait")),
    ("limit", None, Some("resend.limit")),
];

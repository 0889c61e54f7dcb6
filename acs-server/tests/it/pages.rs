//! The cardholder's pages as documents: zones, expanding texts, the wordless processing page.

use acs_core::flow::present::{CodeView, OobView};
use acs_server::pages::logo;
use acs_server::pages::{self, Face};
use acs_server::texts::Language;

const FACE: Face<'static> =
    Face { name: "Hinata Bank", phone: "+81 120-000-000", logo: None, system: None };

fn code_view(window_size: &str) -> CodeView {
    CodeView {
        language: "en".to_owned(),
        window_size: window_size.to_owned(),
        token: "token".to_owned(),
        merchant: Some("Sample Electronics".to_owned()),
        amount: Some("¥12,800".to_owned()),
        card_last4: "1234".to_owned(),
        sent_via: "sms".to_owned(),
        sent_to: "89".to_owned(),
        code_length: 6,
        life_minutes: 5,
        idle_seconds: None,
        error: None,
        status: None,
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

fn code_page(window_size: &str) -> String {
    pages::code(&code_view(window_size), FACE, false).html().to_owned()
}

/// What stands between the tags of a document that is shown, with scripts on.
fn words(html: &str) -> String {
    let mut rest = &html[html.find("<body>").unwrap()..];
    for block in ["noscript", "script"] {
        assert!(rest.matches(&format!("<{block}")).count() <= 1, "one {block} at most");
    }
    let mut text = String::new();
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let hidden =
            ["<noscript", "<script"].into_iter().find(|tag| rest[start..].starts_with(tag));
        let end = match hidden {
            Some(tag) => start + rest[start..].find(&format!("</{}", &tag[1..])).unwrap() + 1,
            None => start,
        };
        rest = &rest[end + rest[end..].find('>').unwrap() + 1..];
    }
    text.push_str(rest);
    text.trim().to_owned()
}

/// [Req 177, Req 359, Req 380, Note 152, Note 155]: branding, challenge and information zones in
/// this order, a class for each window size; [Req 381..384]: why and help fold.
#[test]
fn the_code_page_has_its_zones_and_its_expanding_texts() {
    for size in ["01", "02", "03", "04", "05"] {
        let html = code_page(size);
        assert!(html.contains(&format!("class=\"w{size}\"")), "{html}");
        let at = |tag: &str| html.find(tag).unwrap_or_else(|| panic!("{tag}: {html}"));
        let zones =
            [at("<header>"), at("<main>"), at("name=\"challengeDataEntry\""), at("<footer>")];
        assert!(zones.is_sorted(), "{zones:?}");
        let footer = &html[at("<footer>")..];
        assert_eq!(footer.matches("<details><summary>").count(), 2, "folded, with their labels");
        assert_eq!(html.matches("<details").count(), 2);
    }
}

/// [Req 180]: the logos of issuer and payment system, each with words for who does not see it; pages
/// without logos name the issuer.
#[test]
fn logos_stand_in_the_branding_zone_with_their_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logo.png");
    std::fs::write(&file, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    let load = |words| logo::load(&file, words).unwrap();
    let (bank, system) = (load("Hinata Bank"), load("Sample \"Pay\""));
    let face = Face { logo: Some(&bank), system: Some(&system), ..FACE };
    let page = pages::code(&code_view("01"), face, false);
    let zone = page.html().split("<main>").next().unwrap();
    assert_eq!(zone.matches("<img src=\"data:image/png;base64,").count(), 2, "{zone}");
    assert!(zone.contains("alt=\"Hinata Bank\"") && zone.contains("alt=\"Sample &#34;Pay&#34;\""));
    assert!(code_page("01").contains("<header><b>Hinata Bank</b></header>"));
}

/// [Req 178, Req 179, Req 181]: a graphic, no words, no logo.
#[test]
fn a_processing_page_shows_nothing_but_its_spinner() {
    for language in Language::ALL {
        let page = pages::processing(language, "token");
        let html = page.html();
        assert_eq!(words(html), "", "{html}");
        assert!(html.contains("class=\"spinner\"") && html.contains("aria-label="), "{html}");
        assert!(!html.contains("<img") && !html.contains("<svg"), "{html}");
    }
    assert!(!words(&code_page("02")).is_empty(), "words are found where they are");
}

/// [P-BRW-25, P-BRW-05]: a number to match, a button for who has no scripts, and leave to ask this host
/// and no other.
#[test]
fn the_waiting_page_works_with_and_without_scripts() {
    let view = |answered: bool| OobView {
        language: "en".to_owned(),
        window_size: "02".to_owned(),
        token: "token".to_owned(),
        merchant: Some("Sample Electronics".to_owned()),
        amount: Some("¥12,800".to_owned()),
        card_last4: "1234".to_owned(),
        number: "42".to_owned(),
        answered,
        idle_seconds: None,
        error: None,
        status: None,
        continues_left: 9,
        trust: None,
        bind: None,
        code_offered: false,
        later: false,
    };
    let page = pages::out_of_band(&view(false), FACE);
    let html = page.html().to_owned();
    assert!(html.contains("aria-label=\"Number 4 2\">42<"), "{html}");
    assert!(html.contains("value=\"submit\"") && html.contains(pages::WAIT_PATH), "{html}");
    let response = page.into_response();
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self'") && policy.contains("default-src 'none'"));
    let code = pages::code(&code_view("02"), FACE, false).into_response();
    let policy = code.headers()["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("connect-src"), "only the waiting page asks anything: {policy}");
    let answered = pages::out_of_band(&view(true), FACE);
    assert!(!answered.html().contains(">42<"), "{}", answered.html());
}

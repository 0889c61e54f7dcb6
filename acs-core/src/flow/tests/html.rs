//! HTML challenges inside apps.

use serde_json::{Value, json};

use super::sdk::{ENCRYPTIONS, Got, Sdk};
use crate::crypto::jwe::Encryption;
use crate::element::MessageVersion;
use crate::flow::transaction::Interface;
use crate::message::decode_base64url;
use crate::profile::Logo;

fn html(version: MessageVersion, enc: Encryption) -> Sdk {
    Sdk::with(version, enc, |world, areq, _| {
        world.issuer.app.interface = Interface::Html;
        areq.merchant.name = Some("<script>\"Midori\" & 'Books'".to_owned());
    })
}

fn page(cres: &Value) -> String {
    assert_eq!(cres["acsUiType"], "05");
    let page = cres["acsHTML"].as_str().unwrap();
    assert!(!page.contains('='), "no padding");
    String::from_utf8(decode_base64url(page).unwrap()).unwrap()
}

fn submit(entry: &str, action: &str) -> Value {
    json!({ "challengeHTMLDataEntry": format!("challengeDataEntry={entry}&action={action}") })
}

#[test]
fn t_ah_01_02_03_a_page_without_a_way_out() {
    for version in MessageVersion::ALL {
        for enc in ENCRYPTIONS {
            let mut sdk = html(version, enc);
            assert_eq!(sdk.world.ares["acsRenderingType"]["acsInterface"], "02");
            let first = sdk.send(json!({})).cres();
            let text = page(&first);
            assert_eq!(first.get("acsHTMLRefresh").is_some(), version < MessageVersion::V231);
            assert!(first.get("challengeInfoText").is_none());
            assert!(
                text.contains("&lt;script&gt;&quot;Midori&quot; &amp; &#39;Books&#39;"),
                "{text}"
            );
            for forbidden in ["<script", "http:", "https:", "src=", "href=", "url(", "@import"] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
            assert!(text.contains("<html lang=\"ja\">"));
            assert!(text.contains("<form method=\"get\" action=\"HTTPS://EMV3DS/challenge\">"));
            let hint = sdk.send(submit("000000", "submit")).cres();
            assert!(page(&hint).contains("role=\"alert\""));
            sdk.world.wait(31);
            assert!(page(&sdk.send(submit("", "resend")).cres()).contains("role=\"status\""));
            let code = sdk.world.code();
            assert!(matches!(sdk.send(submit(&code, "submit")), Got::Processing));
            let rreq = sdk.world.rreq();
            assert_eq!(
                (&rreq["transStatus"], &rreq["interactionCounter"]),
                (&json!("Y"), &json!("02"))
            );
            assert_eq!(rreq["acsRenderingType"], sdk.world.ares["acsRenderingType"]);
            assert_eq!(sdk.after_rres()["transStatus"], "Y");
        }
    }
}

#[test]
fn t_ah_04_05_missing_and_overlong_entries() {
    for version in MessageVersion::ALL {
        for (more, code) in
            [(json!({}), "201"), (json!({ "challengeHTMLDataEntry": "x".repeat(257) }), "203")]
        {
            let mut sdk = html(version, Encryption::A128Gcm);
            sdk.send(json!({})).cres();
            let erro = sdk.send(more).erro(code);
            assert_eq!(erro["errorDetail"], "challengeHTMLDataEntry");
            assert_eq!(sdk.world.rreq()["transStatus"], "U");
        }
    }
}

/// [Note 121]
#[test]
fn an_sdk_that_is_back_in_the_foreground_says_nothing() {
    let mut sdk = html(MessageVersion::V231, Encryption::A128Gcm);
    sdk.send(json!({})).cres();
    for _ in 0..3 {
        let again = page(&sdk.send(json!({"oobContinue": "02"})).cres());
        assert!(again.contains("challengeDataEntry") && !again.contains("role=\"alert\""));
    }
    let code = sdk.world.code();
    let mut typed = submit(&code, "submit");
    typed["oobContinue"] = "02".into();
    assert!(matches!(sdk.send(typed), Got::Processing), "what was entered counts all the same");
    let rreq = sdk.world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["interactionCounter"]), (&"Y".into(), &"01".into()));
    // A pressed button comes with the form.
    let mut sdk = html(MessageVersion::V231, Encryption::A128Gcm);
    sdk.send(json!({})).cres();
    let erro = sdk.send(json!({"oobContinue": "01"})).erro("201");
    assert_eq!(erro["errorDetail"], "challengeHTMLDataEntry");
}

#[test]
fn the_page_and_the_sdk_can_cancel() {
    for more in [submit("", "cancel"), json!({ "challengeCancel": "01" })] {
        let mut sdk = html(MessageVersion::V231, Encryption::A128Gcm);
        sdk.send(json!({})).cres();
        assert!(matches!(sdk.send(more), Got::Processing));
        let rreq = sdk.world.rreq();
        assert_eq!((&rreq["transStatus"], &rreq["challengeCancel"]), (&json!("N"), &json!("01")));
        assert_eq!(rreq["interactionCounter"], "00");
    }
}

#[test]
fn a_choice_is_a_page_too() {
    let mut sdk = Sdk::with(MessageVersion::V220, Encryption::A128Gcm, |world, _, _| {
        world.issuer.app.interface = Interface::Html;
        world.issuer.app.choose_contact = true;
    });
    assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], "02");
    let choice = page(&sdk.send(json!({})).cres());
    assert!(choice.contains("type=\"radio\""), "{choice}");
    assert!(sdk.world.codes.is_empty());
    let code = page(&sdk.send(submit("mail", "submit")).cres());
    assert!(code.contains("t•••@mail.example"), "{code}");
    assert_eq!(sdk.world.codes.len(), 1);
}

/// [Req 161, Req 162]: inside the page, each with words for who does not see it, and still within the
/// 100,000 characters of `acsHTML` when both are as large as may be.
#[test]
fn the_page_carries_logos_of_issuer_and_payment_system() {
    let image = format!("data:image/png;base64,{}", "A".repeat(16 * 1024 * 4 / 3));
    let logo = |words: &str| Logo::new(image.clone(), words.to_owned());
    for version in MessageVersion::ALL {
        let mut sdk = Sdk::with(version, Encryption::A128Gcm, |world, _, _| {
            world.issuer.app.interface = Interface::Html;
            world.issuer.logo = logo("Alpha Bank");
            world.ds.logo = logo("Sample \"Pay\"");
        });
        let cres = sdk.send(json!({})).cres();
        for page in [&cres["acsHTML"], &cres["acsHTMLRefresh"]] {
            assert!(page.as_str().is_none_or(|page| page.len() <= 100_000));
        }
        let text = page(&cres);
        assert_eq!(text.matches(&format!("<img src=\"{image}\" alt=\"")).count(), 2);
        assert!(text.contains("alt=\"アルファ銀行\"><img "), "in the language of the page");
        assert!(text.contains("alt=\"Sample &quot;Pay&quot;\"></p>"));
    }
    let mut plain = html(MessageVersion::V231, Encryption::A128Gcm);
    let text = page(&plain.send(json!({})).cres());
    assert!(
        text.contains("<p class=\"brand\"><span>アルファ銀行</span></p>") && !text.contains("<img")
    );
}

/// [P-APP-15]
#[test]
fn what_a_page_lets_people_type_fits_into_the_answer() {
    for (two_codes, length) in [(false, 6), (false, 12), (true, 6), (true, 8)] {
        let mut sdk = Sdk::with(MessageVersion::V231, Encryption::A128Gcm, |world, _, _| {
            world.issuer.otp.length = length;
            world.issuer.app.interface = Interface::Html;
            world.issuer.app.two_codes = two_codes;
        });
        let text = page(&sdk.send(json!({})).cres());
        let boxes: Vec<_> = text.split("maxlength=\"").skip(1).collect();
        assert_eq!(boxes.len(), 1 + usize::from(two_codes));
        let most = |text: &str| text.split('"').next().unwrap().parse::<usize>().unwrap();
        assert!(boxes.iter().all(|text| most(text) == usize::from(length) + 2));
        // What a browser sends of boxes full of wide characters, and every tick.
        let wide = |name: &str, text: &str| format!("{name}={}&", "%EF%BC%90".repeat(most(text)));
        let names = ["challengeDataEntry", "challengeDataEntryTwo"];
        let typed: String = names.iter().zip(&boxes).map(|(name, text)| wide(name, text)).collect();
        let query = format!("{typed}trust=yes&bind=yes&action=submit");
        assert!(query.len() <= 256, "{} {query}", query.len());
        page(&sdk.send(json!({ "challengeHTMLDataEntry": query })).cres());
    }
}

#[test]
fn entries_are_decoded_as_forms_are() {
    let mut sdk = html(MessageVersion::V231, Encryption::A128CbcHs256);
    sdk.send(json!({})).cres();
    let code = sdk.world.code();
    let (one, two) = code.split_at(3);
    let typed = format!("?action=submit&challengeDataEntry={one}+%EF%BC%8D{two}");
    assert!(matches!(sdk.send(json!({ "challengeHTMLDataEntry": typed })), Got::Processing));
    assert_eq!(sdk.world.rreq()["transStatus"], "Y");
}

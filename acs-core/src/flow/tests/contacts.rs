//! Several contacts in apps: a choice of more than one, two codes that are both asked for, the
//! other contact by the additional button [P-APP-14, P-APP-20, P-APP-21, Note 141, Note 142, Note 149].

use serde_json::{Value, json};

use super::harness::World;
use super::sdk::{ENCRYPTIONS, Got, Sdk};
use crate::crypto::jwe::Encryption;
use crate::element::MessageVersion;
use crate::flow::transaction::Interface;
use crate::message::decode_base64url;

const NEWEST: MessageVersion = MessageVersion::V231;
const INTERFACES: [Interface; 2] = [Interface::Native, Interface::Html];

fn each(mut run: impl FnMut(MessageVersion, Encryption, Interface)) {
    for version in MessageVersion::ALL {
        for enc in ENCRYPTIONS {
            for interface in INTERFACES {
                run(version, enc, interface);
            }
        }
    }
}

fn page(cres: &Value) -> String {
    let page = cres["acsHTML"].as_str().unwrap();
    String::from_utf8(decode_base64url(page).unwrap()).unwrap()
}

fn form(query: &str) -> Value {
    json!({ "challengeHTMLDataEntry": query })
}

fn choosing(version: MessageVersion, enc: Encryption, interface: Interface) -> Sdk {
    Sdk::with(version, enc, |world, _, _| {
        world.issuer.app.choose_several = true;
        world.issuer.app.interface = interface;
    })
}

#[test]
fn t_an_04_several_contacts_get_one_code() {
    each(|version, enc, interface| {
        let mut sdk = choosing(version, enc, interface);
        assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], "03");
        let choice = sdk.send(json!({})).cres();
        let html = interface == Interface::Html;
        if html {
            assert!(page(&choice).contains("type=\"checkbox\" name=\"challengeDataEntry\""));
        } else {
            assert_eq!(choice["acsUiType"], "03");
            assert_eq!(choice["challengeSelectInfo"].as_array().unwrap().len(), 2);
        }
        assert!(sdk.world.codes.is_empty(), "no code before the choice");
        let both = if html {
            form("challengeDataEntry=sms&challengeDataEntry=mail&action=submit")
        } else {
            json!({"challengeDataEntry": "sms,mail"})
        };
        sdk.send(both).cres();
        let codes = sdk.world.codes.clone();
        assert!(codes.len() == 2 && codes[0] == codes[1], "one code, twice on its way");
        let code = sdk.world.code();
        let entry = if html {
            form(&format!("challengeDataEntry={code}&action=submit"))
        } else {
            json!({"challengeDataEntry": code})
        };
        assert!(matches!(sdk.send(entry), Got::Processing));
        let rreq = sdk.world.rreq();
        assert_eq!(
            (&rreq["transStatus"], &rreq["interactionCounter"]),
            (&"Y".into(), &"01".into())
        );
        // Who reads the mail alone has the code: no more is claimed.
        let method = &rreq["authenticationMethod"];
        assert!(*method == "05" || *method == json!(["05"]), "{method}");
    });
}

#[test]
fn t_an_04_one_of_several_and_answers_that_are_none() {
    for (answer, sent) in [("mail", 1), ("sms", 1), ("sms,sms", 1), (" mail , sms ", 2)] {
        let mut sdk = choosing(NEWEST, Encryption::A128Gcm, Interface::Native);
        sdk.send(json!({})).cres();
        assert_eq!(sdk.enter(answer).cres()["acsUiType"], "01");
        assert_eq!(sdk.world.codes.len(), sent, "{answer}");
    }
    for answer in ["sms,fax", ",", "sms,", "sms;mail"] {
        let mut sdk = choosing(NEWEST, Encryption::A128Gcm, Interface::Native);
        sdk.send(json!({})).cres();
        let again = sdk.enter(answer).cres();
        assert_eq!(again["acsUiType"], "03");
        assert!(again["challengeInfoText"].as_str().unwrap().starts_with("一つ以上"));
        assert!(sdk.world.codes.is_empty());
    }
    // Where one is to be chosen, two are no answer.
    let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
        world.issuer.app.choose_contact = true;
    });
    sdk.send(json!({})).cres();
    assert_eq!(sdk.enter("sms,mail").cres()["acsUiType"], "02");
}

fn with_two_codes(version: MessageVersion, enc: Encryption, interface: Interface) -> Sdk {
    let mut sdk = Sdk::with(version, enc, |world, _, _| {
        world.issuer.app.two_codes = true;
        world.issuer.app.interface = interface;
    });
    let first = sdk.send(json!({})).cres();
    if interface == Interface::Html {
        assert!(page(&first).contains("name=\"challengeDataEntryTwo\""));
    } else if version == NEWEST {
        assert_eq!(
            first["challengeEntryBoxTwo"]["challengeDataEntryLabel"],
            "メールの認証コード（6桁）"
        );
    } else {
        assert_eq!(first["challengeInfoLabel"], "SMSとメールの認証コードを続けて入力");
    }
    assert_eq!(sdk.world.codes.len(), 2);
    assert_ne!(sdk.world.codes[0], sdk.world.codes[1]);
    sdk
}

/// Both entries as the screen takes them.
fn both(version: MessageVersion, interface: Interface, one: &str, two: &str) -> Value {
    match (interface, version) {
        (Interface::Html, _) => {
            form(&format!("challengeDataEntry={one}&challengeDataEntryTwo={two}&action=submit"))
        }
        (_, NEWEST) => json!({"challengeDataEntry": one, "challengeDataEntryTwo": two}),
        _ => json!({"challengeDataEntry": format!("{one} {two}")}),
    }
}

#[test]
fn t_23_13_both_codes_are_needed() {
    each(|version, enc, interface| {
        let mut sdk = with_two_codes(version, enc, interface);
        let [one, two] = [0, 1].map(|place: usize| sdk.world.codes[place].clone());
        sdk.send(both(version, interface, &one, &one)).cres();
        assert!(matches!(sdk.send(both(version, interface, &one, &two)), Got::Processing));
        let rreq = sdk.world.rreq();
        assert_eq!(
            (&rreq["transStatus"], &rreq["interactionCounter"]),
            (&"Y".into(), &"02".into())
        );
        if version == NEWEST {
            assert_eq!(rreq["authenticationMethod"], json!(["02", "05"]));
            assert_eq!(sdk.world.ares["authenticationMethod"], json!(["02", "05"]));
        }
    });
}

/// A name, and how a challenge ends.
type End = (&'static str, fn(&mut Sdk));

/// [P-RREQ-03]
#[test]
fn both_methods_are_named_where_no_code_went_out() {
    let ends: [End; 4] = [
        ("no CReq", |sdk| sdk.world.wait(30)),
        ("cancelled at once", |sdk| drop(sdk.send(json!({"challengeCancel": "01"})))),
        ("cancelled before the code", |sdk| {
            sdk.send(json!({})).cres();
            sdk.send(json!({"challengeCancel": "01"}));
        }),
        ("idle before the code", |sdk| {
            sdk.send(json!({})).cres();
            sdk.world.wait(600);
        }),
    ];
    for (name, end) in ends {
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
            world.issuer.app.two_codes = true;
            world.issuer.app.notice = true;
        });
        end(&mut sdk);
        sdk.world.tick();
        assert!(sdk.world.codes.is_empty(), "{name}");
        let rreq = sdk.world.rreq();
        assert_eq!((&rreq["transStatus"], name), (&"N".into(), name));
        assert_eq!(rreq["authenticationMethod"], json!(["02", "05"]), "{name}");
        assert_eq!(rreq["authenticationMethod"], sdk.world.ares["authenticationMethod"], "{name}");
    }
}

#[test]
fn t_23_13_neither_code_alone_nor_in_the_others_place_is_right() {
    each(|version, enc, interface| {
        for place in 0..4 {
            let mut sdk = with_two_codes(version, enc, interface);
            let [one, two] = [0, 1].map(|code: usize| sdk.world.codes[code].clone());
            let none = "000000".to_owned();
            let (one, two) = match place {
                0 => (one, none),
                1 => (none, two),
                2 => (two, one),
                _ => (two.clone(), two),
            };
            for _ in 0..2 {
                sdk.send(both(version, interface, &one, &two)).cres();
            }
            assert!(matches!(sdk.send(both(version, interface, &one, &two)), Got::Processing));
            assert_eq!(sdk.world.rreq()["transStatus"], "N");
        }
    });
}

#[test]
fn t_23_13_one_box_alone_is_no_answer_and_a_resend_replaces_both() {
    let mut sdk = with_two_codes(NEWEST, Encryption::A128Gcm, Interface::Native);
    let old = sdk.world.codes.clone();
    let hint = sdk.enter(&old[0]).cres();
    assert!(hint["challengeInfoText"].as_str().unwrap().starts_with("2つの認証コード"));
    sdk.world.wait(31);
    sdk.send(json!({"resendChallenge": "Y"})).cres();
    assert_eq!(sdk.world.codes.len(), 4);
    let new = sdk.world.codes.clone();
    sdk.send(both(NEWEST, Interface::Native, &new[2], &old[1])).cres();
    sdk.send(both(NEWEST, Interface::Native, &new[2], &new[3]));
    let rreq = sdk.world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["interactionCounter"]), (&"Y".into(), &"03".into()));
    assert!(!sdk.world.state.contains(&new[3]));
}

/// [Note 120]
#[test]
fn t_23_13_an_entry_for_a_box_that_is_not_there_is_no_entry() {
    let settings: [fn(&mut World); 3] = [
        |_| {},
        |world| world.issuer.app.choose_contact = true,
        |world| world.issuer.app.choose_several = true,
    ];
    for set in settings {
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| set(world));
        sdk.send(json!({})).cres();
        let erro = sdk.send(json!({"challengeDataEntryTwo": "sms"})).erro("203");
        assert_eq!(erro["errorDetail"], "challengeDataEntry");
        assert_eq!(sdk.world.rreq()["interactionCounter"], "00");
        // Beside an entry it is passed over.
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| set(world));
        sdk.send(json!({})).cres();
        sdk.send(json!({"challengeDataEntry": "sms", "challengeDataEntryTwo": "mail"})).cres();
    }
    // One box of two that are there is an attempt.
    let mut sdk = with_two_codes(NEWEST, Encryption::A128Gcm, Interface::Native);
    let two = sdk.world.codes[1].clone();
    assert_eq!(sdk.send(json!({"challengeDataEntryTwo": two})).cres()["acsUiType"], "01");
}

#[test]
fn t_23_13_the_additional_button_sends_to_the_other_contact() {
    for interface in INTERFACES {
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
            world.issuer.app.other_contact = true;
            world.issuer.app.interface = interface;
        });
        let native = interface == Interface::Native;
        let first = sdk.send(json!({})).cres();
        if native {
            assert_eq!(first["challengeAddLabel"], "メールで受け取る");
        } else {
            assert!(page(&first).contains("メールで受け取る"));
        }
        let press = || if native { json!({"challengeAddCode": "Y"}) } else { form("action=more") };
        sdk.send(press()).cres();
        assert_eq!(sdk.world.codes.len(), 1, "not within half a minute");
        sdk.world.wait(31);
        let second = sdk.send(press()).cres();
        let text = if native { second["challengeInfoText"].to_string() } else { page(&second) };
        assert!(text.contains("t•••@mail.example"), "{text}");
        assert_eq!(sdk.world.codes.len(), 2);
        let code = sdk.world.code();
        let entry = format!("challengeDataEntry={code}&action=submit");
        sdk.send(if native { json!({"challengeDataEntry": code}) } else { form(&entry) });
        let rreq = sdk.world.rreq();
        assert_eq!(rreq["authenticationMethod"], json!(["05"]));
        assert_eq!(rreq["interactionCounter"], "01", "a new code is no attempt");
    }
    // Older native screens have no such button.
    let mut sdk = Sdk::with(MessageVersion::V220, Encryption::A128Gcm, |world, _, _| {
        world.issuer.app.other_contact = true;
    });
    assert!(sdk.send(json!({})).cres().get("challengeAddLabel").is_none());
}

//! Information screens in apps: what comes before the code, and the way out to a decoupled
//! authentication; the binding of an app's device
//! [P-APP-17, P-APP-25, P-DEC-07, Req 461, Req 462, Req 470, Note 118, Note 119, Note 123, Note 144].

use serde_json::{Value, json};

use super::harness::device;
use super::sdk::{ENCRYPTIONS, Got, Sdk};
use crate::crypto::jwe::Encryption;
use crate::element::MessageVersion;
use crate::flow::transaction::Interface;
use crate::message::decode_base64url;
use crate::profile::{ConsentSettings, Contacts, Fallback};

const NEWEST: MessageVersion = MessageVersion::V231;

fn page(cres: &Value) -> String {
    let page = cres["acsHTML"].as_str().unwrap();
    String::from_utf8(decode_base64url(page).unwrap()).unwrap()
}

fn pressed(action: &str) -> Value {
    json!({ "challengeHTMLDataEntry": format!("action={action}") })
}

fn with_notice(version: MessageVersion, enc: Encryption, interface: Interface) -> Sdk {
    Sdk::with(version, enc, |world, _, _| {
        world.issuer.app.notice = true;
        world.issuer.app.interface = interface;
    })
}

#[test]
fn t_23_11_information_first_then_the_code() {
    for enc in ENCRYPTIONS {
        let mut sdk = with_notice(NEWEST, enc, Interface::Native);
        assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], "07");
        let first = sdk.send(json!({})).cres();
        assert_eq!(first["acsUiType"], "07");
        assert_eq!(first["infoContinueLabel"], "次へ");
        for foreign in ["submitAuthenticationLabel", "challengeEntryBox", "challengeInfoLabel"] {
            assert!(first.get(foreign).is_none(), "{foreign}");
        }
        assert!(sdk.world.codes.is_empty(), "nothing is sent before the button");
        let text = sdk.send(json!({"infoContinueIndicator": true})).cres();
        assert_eq!(text["acsUiType"], "01");
        let code = sdk.world.code();
        assert!(matches!(sdk.enter(&code), Got::Processing));
        let rreq = sdk.world.rreq();
        assert_eq!(
            (&rreq["transStatus"], &rreq["interactionCounter"]),
            (&"Y".into(), &"01".into())
        );
        assert_eq!(rreq["acsRenderingType"], sdk.world.ares["acsRenderingType"]);
    }
}

#[test]
fn t_23_11_the_button_must_be_reported_and_nothing_else() {
    for (more, code, detail) in [
        (json!({}), "201", "infoContinueIndicator"),
        (json!({"infoContinueIndicator": true, "challengeCancel": "01"}), "203", "challengeCancel"),
        (json!({"challengeDataEntry": "123456"}), "203", "challengeDataEntry"),
        (json!({"resendChallenge": "Y"}), "203", "resendChallenge"),
    ] {
        let mut sdk = with_notice(NEWEST, Encryption::A128Gcm, Interface::Native);
        sdk.send(json!({})).cres();
        let erro = sdk.send(more).erro(code);
        assert_eq!(erro["errorDetail"], detail);
        assert_eq!(sdk.world.rreq()["transStatus"], "U");
    }
    let mut sdk = with_notice(NEWEST, Encryption::A128Gcm, Interface::Native);
    sdk.send(json!({})).cres();
    assert!(matches!(sdk.send(json!({"challengeCancel": "01"})), Got::Processing));
    assert!(sdk.world.codes.is_empty());
    assert_eq!(sdk.world.rreq()["transStatus"], "N");
}

#[test]
fn t_23_11_a_page_informs_too_and_older_sdks_do_without() {
    let mut sdk = with_notice(NEWEST, Encryption::A128Gcm, Interface::Html);
    let first = page(&sdk.send(json!({})).cres());
    assert!(first.contains("value=\"continue\"") && !first.contains("challengeDataEntry"));
    let code = page(&sdk.send(pressed("continue")).cres());
    assert!(code.contains("challengeDataEntry"));
    let older = Sdk::with(NEWEST, Encryption::A128Gcm, |world, areq, _| {
        world.issuer.app.notice = true;
        areq.app.as_mut().unwrap().render_options.ui_types.retain(|ui| ui != "07");
    });
    assert_eq!(older.world.ares["acsRenderingType"]["acsUiTemplate"], "01");
}

/// A challenge that may give way to a decoupled authentication.
fn leaving(fallback: Fallback, interface: Interface) -> Sdk {
    Sdk::with(NEWEST, Encryption::A128Gcm, |world, areq, _| {
        world.issuer.decoupled.offered = true;
        world.issuer.decoupled.fallback = fallback;
        world.issuer.app.interface = interface;
        areq.decoupled_req_ind = Some("F".to_owned());
        areq.decoupled_max_minutes = Some(60);
    })
}

fn gives_way(sdk: &mut Sdk, counter: &str) {
    let rreq = sdk.world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["transStatusReason"]), (&"D".into(), &"29".into()));
    assert_eq!(rreq["interactionCounter"], counter);
    assert!(rreq.get("authenticationValue").is_none() && rreq.get("challengeCancel").is_none());
    let last = sdk.after_rres();
    assert_eq!((&last["transStatus"], &last["challengeCompletionInd"]), (&"D".into(), &"Y".into()));
    assert!(sdk.world.content_key.is_none(), "the key is wiped at the end");
}

#[test]
fn t_23_09_the_cardholder_confirms_later_in_the_app() {
    let mut sdk = leaving(Fallback::Choice, Interface::Native);
    let first = sdk.send(json!({})).cres();
    assert_eq!(first["challengeAddLabel"], "あとで別の方法で確認する");
    let wrong = sdk.world.wrong_code();
    sdk.enter(&wrong).cres();
    let information = sdk.send(json!({"challengeAddCode": "Y"})).cres();
    assert_eq!(information["acsUiType"], "07");
    assert_eq!(information["infoContinueLabel"], "お店に進む");
    assert!(information.get("challengeAddLabel").is_none());
    assert_eq!(sdk.world.cancelled_codes, 1);
    assert!(sdk.world.rreqs.is_empty(), "not before the button");
    assert!(matches!(sdk.send(json!({"infoContinueIndicator": true})), Got::Processing));
    gives_way(&mut sdk, "01");

    let mut sdk = leaving(Fallback::Choice, Interface::Html);
    sdk.send(json!({})).cres();
    let information = page(&sdk.send(pressed("more")).cres());
    assert!(!information.contains("challengeDataEntry"), "{information}");
    assert!(matches!(sdk.send(pressed("continue")), Got::Processing));
    gives_way(&mut sdk, "00");
}

#[test]
fn t_23_09_used_up_attempts_lead_there_in_the_app_by_setting_only() {
    for (fallback, leads) in [(Fallback::Choice, false), (Fallback::Exhausted, true)] {
        let mut sdk = leaving(fallback, Interface::Native);
        sdk.send(json!({})).cres();
        let wrong = sdk.world.wrong_code();
        sdk.enter(&wrong).cres();
        sdk.enter(&wrong).cres();
        if leads {
            assert_eq!(sdk.enter(&wrong).cres()["acsUiType"], "07");
            sdk.send(json!({"infoContinueIndicator": true}));
            gives_way(&mut sdk, "03");
        } else {
            assert!(matches!(sdk.enter(&wrong), Got::Processing));
            assert_eq!(sdk.world.rreq()["transStatus"], "N");
        }
    }
}

#[test]
fn t_23_09_where_nothing_can_be_sent_the_app_informs_first() {
    let mut sdk = leaving(Fallback::Choice, Interface::Native);
    sdk.world.contacts = Contacts::default();
    assert_eq!(sdk.send(json!({})).cres()["acsUiType"], "07");
    sdk.send(json!({"infoContinueIndicator": true}));
    gives_way(&mut sdk, "00");
}

#[test]
fn t_23_10_who_cannot_be_informed_is_not_offered_to_leave() {
    let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, areq, _| {
        world.issuer.decoupled.offered = true;
        areq.decoupled_req_ind = Some("F".to_owned());
        areq.decoupled_max_minutes = Some(60);
        areq.app.as_mut().unwrap().render_options.ui_types.retain(|ui| ui != "07");
    });
    let first = sdk.send(json!({})).cres();
    assert!(first.get("challengeAddLabel").is_none());
    sdk.send(json!({"challengeAddCode": "Y"})).erro("203");
}

/// [P-APP-30, P-ARES-15]
#[test]
fn t_23_10_the_screen_that_is_offered_decides_whether_one_can_be_informed() {
    for (interface, types, first, leaves) in [
        // A code would be asked for on a page, the issuer's app on a native screen.
        (Interface::Native, vec!["04", "05"], "04", false),
        (Interface::Native, vec!["04", "05", "07"], "04", true),
        // The other way round.
        (Interface::Native, vec!["01", "05", "06"], "06", true),
        (Interface::Html, vec!["01", "06"], "06", false),
        (Interface::Html, vec!["05", "06"], "06", true),
    ] {
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, areq, card| {
            world.issuer.decoupled.offered = true;
            world.issuer.oob.offered = true;
            world.issuer.app.interface = interface;
            card.contacts.app = Some("installation-7".to_owned());
            areq.decoupled_req_ind = Some("F".to_owned());
            areq.decoupled_max_minutes = Some(60);
            let types = types.iter().map(|code| (*code).to_owned()).collect();
            areq.app.as_mut().unwrap().render_options.ui_types = types;
        });
        let screen = sdk.send(json!({})).cres();
        assert_eq!(screen["acsUiType"], first, "{types:?}");
        if first == "04" {
            assert_eq!(screen.get("challengeAddLabel").is_some(), leaves, "{types:?}");
            continue;
        }
        assert_eq!(page(&screen).contains("value=\"more\""), leaves, "{types:?}");
        let mut more = pressed("more");
        more["oobContinue"] = "01".into();
        let next = sdk.send(more).cres();
        assert_eq!(next["acsUiType"], if leaves { "05" } else { "06" });
    }
}

#[test]
fn t_23_14_an_app_binds_its_device() {
    for (answer, status) in [("Y", "14"), ("N", "04")] {
        let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
            world.issuer.consents =
                ConsentSettings { device_binding: true, ..ConsentSettings::off() };
            world.issuer.app.prompts_above = answer == "Y";
            world.device = Some(device());
        });
        let first = sdk.send(json!({})).cres();
        assert_eq!(first["deviceBindingInfoText"], "この端末を登録し、次回からの確認を減らす");
        assert_eq!(first.get("togglePositionInd").is_some(), answer == "Y");
        let code = sdk.world.code();
        sdk.send(json!({"challengeDataEntry": code, "deviceBindingDataEntry": answer}));
        let rreq = sdk.world.rreq();
        assert_eq!(rreq["transStatus"], "Y");
        assert_eq!(rreq["deviceBindingStatus"], status);
        assert_eq!(rreq["deviceBindingStatusSource"], "03");
        let kept = sdk.world.consents.last().unwrap();
        assert_eq!((kept.party.as_str(), kept.given), (device().as_str(), answer == "Y"));
    }
}

#[test]
fn t_23_14_the_answer_about_the_device_must_not_lack() {
    let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
        world.issuer.consents = ConsentSettings { device_binding: true, ..ConsentSettings::off() };
        world.device = Some(device());
    });
    sdk.send(json!({})).cres();
    let code = sdk.world.code();
    let erro = sdk.enter(&code).erro("201");
    assert_eq!(erro["errorDetail"], "deviceBindingDataEntry");
    assert!(sdk.world.consents.is_empty());
}

#[test]
fn note_151_images_come_with_the_first_screen_and_bold_with_2_3_1() {
    let url = |name: &str| Some(format!("https://img.example/{name}.png"));
    for version in MessageVersion::ALL {
        for enc in ENCRYPTIONS {
            let mut sdk = Sdk::with(version, enc, |world, _, _| {
                world.issuer.app.images.high = url("issuer");
                world.issuer.app.images.default = url("issuer");
                world.issuer.app.images.dark = url("issuer-dark");
                world.ds.images.medium = url("ps");
                world.ds.images.default = url("ps");
                world.ds.images.monochrome = url("ps-mono");
            });
            let first = sdk.send(json!({})).cres();
            let newest = version == NEWEST;
            let (issuer, ps) = if newest {
                (
                    json!({"default": url("issuer"), "dark": url("issuer-dark")}),
                    json!({"default": url("ps"), "monochrome": url("ps-mono")}),
                )
            } else {
                (json!({"high": url("issuer")}), json!({"medium": url("ps")}))
            };
            assert_eq!((&first["issuerImage"], &first["psImage"]), (&issuer, &ps));
            // Req 445
            let text = first["challengeInfoText"].as_str().unwrap();
            assert_eq!(text.contains("**12,800円**"), newest, "{text}");
            assert_eq!(text.contains("**"), newest);
            let wrong = sdk.world.wrong_code();
            let second = sdk.enter(&wrong).cres();
            assert!(second.get("issuerImage").is_none() && second.get("psImage").is_none());
        }
    }
}

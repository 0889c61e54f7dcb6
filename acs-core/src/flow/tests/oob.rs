//! Out-of-band authentication: the issuer's word decides, whatever browser and SDK say [P-APP-42,
//! P-BRW-25, Note 127].

use proptest::prelude::*;
use serde_json::{Value, json};

use super::harness::{Seen as _, World, areq, card};
use super::sdk::{ENCRYPTIONS, Got, Sdk};
use crate::element::{DeviceChannel, MessageVersion};
use crate::flow::challenge::{Input, still_waits};
use crate::flow::confirmation::Verdict;
use crate::flow::oob::{Standing, question, standing};
use crate::flow::present::{OobView, View};
use crate::flow::transaction::Interface;
use crate::message::AReq;
use crate::profile::{Card, CardLookup, ConsentSettings, Contacts, OobFallback};

const NEWEST: MessageVersion = MessageVersion::V231;

fn enrolled() -> Card {
    let contacts = Contacts { app: Some("installation-7".to_owned()), ..card().contacts };
    Card { contacts, ..card() }
}

fn offering(set: impl FnOnce(&mut World)) -> World {
    let mut world = World::new();
    world.issuer.oob.offered = true;
    world.contacts = enrolled().contacts;
    set(&mut world);
    world
}

/// With the waiting page shown.
fn waiting_with(version: MessageVersion, set: impl FnOnce(&mut World)) -> (World, OobView) {
    let mut world = offering(set);
    world.authenticate(&areq(version), CardLookup::Found(enrolled()));
    assert_eq!(world.ares["transStatus"], "C", "{}", world.ares);
    let creq = world.creq();
    let page = seen(world.send_creq(&creq));
    (world, page)
}

fn waiting(version: MessageVersion) -> World {
    waiting_with(version, |_| {}).0
}

fn seen(view: View) -> OobView {
    let View::OutOfBand(page) = view else { panic!("no waiting page: {view:?}") };
    *page
}

fn word(world: &mut World, verdict: Verdict) {
    assert!(world.step(Input::OobResult(verdict)).is_none());
}

fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
}

fn asks(world: &World) -> bool {
    still_waits(&world.transaction(), &world.token, &world.keys, world.now).unwrap()
}

#[test]
fn t_ob_08_a_waiting_page_moves_on_by_itself_once_the_issuer_approves() {
    for version in MessageVersion::ALL {
        let (mut world, page) = waiting_with(version, |_| {});
        let newest = version == NEWEST;
        let method = newest.then(|| json!(["09"]));
        assert_eq!(world.ares.get("authenticationMethod"), method.as_ref());
        assert_eq!(world.ares.get("authenticationType"), (!newest).then(|| json!("03")).as_ref());
        assert_eq!(page.number.len(), 2);
        let ask = &world.asked[0];
        assert_eq!(ask.prompt.as_ref().unwrap().number, page.number);
        assert_eq!(ask.expires, world.now.plus_seconds(300));
        assert!(world.codes.is_empty(), "no code goes out");
        assert_eq!(
            question(&world.transaction()).unwrap().number.to_string(),
            page.number,
            "the issuer's app may ask for it"
        );
        assert!(asks(&world));
        // The page asks again by itself: nothing is counted, nothing changes.
        let before = world.state.clone();
        seen(world.form("arrived", ""));
        assert_eq!(world.state, before);

        word(&mut world, Verdict::Approved);
        assert!(world.rreqs.is_empty(), "nobody has fetched it yet");
        assert!(!asks(&world));
        // The token of the page that was shown before the word came.
        assert!(matches!(world.form("arrived", ""), View::Processing));
        world.answer_rreq();
        let (last, cres) = world.current().last();
        assert_eq!((last.outcome, &cres["transStatus"]), ("ok", &json!("Y")));
        let rreq = world.rreq();
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("01")]);
        assert!(world.is_value(rreq["authenticationValue"].as_str().unwrap()));
        let method = if newest { json!(["09"]) } else { json!("09") };
        assert_eq!(rreq["authenticationMethod"], method);
        assert_eq!(rreq.get("authenticationType"), (!newest).then(|| json!("03")).as_ref());
        assert_eq!(standing(&world.transaction(), world.now), Standing::Given(Verdict::Approved));
    }
}

#[test]
fn t_ob_02_a_button_pressed_too_early_proves_nothing() {
    for version in MessageVersion::ALL {
        for counts in [true, false] {
            let (mut world, _) = waiting_with(version, |world| {
                world.issuer.early_continue_counts = counts;
                world.issuer.oob.max_continues = 3;
            });
            for left in [2, 1] {
                let page = seen(world.form("submit", ""));
                assert_eq!((page.error, page.continues_left), (Some("oob.early"), left));
            }
            world.form("submit", "");
            world.answer_rreq();
            let counter = if counts { "03" } else { "00" };
            let rreq = world.rreq();
            assert_eq!(facts(&rreq), [json!("N"), json!("19"), Value::Null, json!(counter)]);
            word(&mut world, Verdict::Approved);
            assert_eq!(world.rreqs.len(), 1);
            assert_eq!(standing(&world.transaction(), world.now), Standing::Over);
        }
    }
}

#[test]
fn t_ob_03_what_the_issuer_refuses_is_no_y() {
    for version in MessageVersion::ALL {
        let technical = if version == MessageVersion::V210 { "07" } else { "22" };
        for (verdict, status, reason) in [
            (Verdict::Declined, "N", "01"),
            (Verdict::Rejected, "R", "11"),
            (Verdict::Unavailable, "U", technical),
        ] {
            for fetched in [true, false] {
                let mut world = waiting(version);
                word(&mut world, verdict);
                word(&mut world, Verdict::Approved);
                assert_eq!(standing(&world.transaction(), world.now), Standing::Given(verdict));
                if fetched {
                    world.form("arrived", "");
                    world.answer_rreq();
                    let (last, cres) = world.current().last();
                    assert_eq!((last.outcome, &cres["transStatus"]), ("fail", &json!("N")));
                } else {
                    world.wait(600);
                    world.tick();
                }
                let rreq = world.rreq();
                let counter = if fetched { "01" } else { "00" };
                let timed_out = !fetched && verdict == Verdict::Unavailable;
                let expected = if timed_out {
                    [json!("N"), json!("14"), json!("04"), json!(counter)]
                } else {
                    [json!(status), json!(reason), Value::Null, json!(counter)]
                };
                assert_eq!(facts(&rreq), expected);
                assert!(rreq.get("authenticationValue").is_none());
            }
        }
    }
}

/// What may go over to a decoupled authentication, in the version that knows it.
fn leaving(version: MessageVersion) -> AReq {
    AReq {
        decoupled_req_ind: Some("F".to_owned()).filter(|_| version == NEWEST),
        decoupled_max_minutes: Some(60).filter(|_| version == NEWEST),
        ..areq(version)
    }
}

/// The waiting page of a challenge that may be left for a decoupled authentication.
fn waiting_to_leave(version: MessageVersion, fallback: OobFallback) -> World {
    let mut world = offering(|world| {
        world.issuer.decoupled.offered = true;
        world.issuer.oob.fallback = fallback;
    });
    world.authenticate(&leaving(version), CardLookup::Found(enrolled()));
    let creq = world.creq();
    assert_eq!(seen(world.send_creq(&creq)).later, version == NEWEST);
    world
}

/// [P-APP-42, P-DEC-07, Note 127]
#[test]
fn no_button_and_no_message_undoes_what_the_issuer_refused() {
    let ends: [fn(&mut World); 5] = [
        |world| drop(world.form("later", "")),
        |world| drop(world.form("cancel", "")),
        |world| drop(world.send_creq_bytes(b"rubbish")),
        |world| {
            let mut creq = world.creq();
            creq["challengeWindowSize"] = "09".into();
            world.send_creq(&creq);
        },
        |world| {
            let mut creq = world.creq();
            creq["challengeWindowSize"] = "05".into();
            world.send_creq(&creq);
        },
    ];
    for (verdict, status, reason) in
        [(Verdict::Declined, "N", "01"), (Verdict::Rejected, "R", "11")]
    {
        for end in ends {
            let mut world = waiting_to_leave(NEWEST, OobFallback::Never);
            word(&mut world, verdict);
            end(&mut world);
            let refused = [json!(status), json!(reason), Value::Null];
            assert_eq!(facts(&world.rreq())[..3], refused);
            assert!(world.rreq().get("challengeErrorReporting").is_none());
            assert_eq!(world.transaction().decided().unwrap().fell_back, None, "no 3RI may follow");
        }
    }
}

#[test]
fn who_would_rather_confirm_later_gets_what_was_said_in_the_app() {
    for (verdict, status) in [(Verdict::Approved, "Y"), (Verdict::Declined, "N")] {
        let mut world = waiting_to_leave(NEWEST, OobFallback::Never);
        word(&mut world, verdict);
        assert!(matches!(world.form("later", ""), View::Processing));
        assert_eq!(world.rreq()["transStatus"], status);
    }
    let mut world = waiting_to_leave(NEWEST, OobFallback::Never);
    word(&mut world, Verdict::Unavailable);
    assert!(matches!(world.form("later", ""), View::Information(_)), "nobody was asked");
}

#[test]
fn an_approval_that_nobody_fetches_is_none() {
    let mut world = waiting(NEWEST);
    word(&mut world, Verdict::Approved);
    world.wait(600);
    world.tick();
    assert_eq!(facts(&world.rreq()), [json!("N"), json!("14"), json!("04"), json!("00")]);
}

#[test]
fn the_apps_time_ends_and_a_late_word_changes_nothing() {
    for version in MessageVersion::ALL {
        let mut world = waiting(version);
        world.wait(299);
        assert!(asks(&world));
        world.wait(1);
        assert!(!asks(&world), "the page is to fetch its end");
        word(&mut world, Verdict::Approved);
        assert_eq!(standing(&world.transaction(), world.now), Standing::Over);
        world.form("arrived", "");
        world.answer_rreq();
        assert_eq!(world.current().last().1["transStatus"], "N");
        let reason = if version == MessageVersion::V210 { "01" } else { "26" };
        let rreq = world.rreq();
        assert_eq!(facts(&rreq), [json!("N"), json!(reason), Value::Null, json!("00")]);
        assert_eq!(world.cancelled_asks, 1);
    }
}

#[test]
fn a_code_takes_the_apps_place_where_the_issuer_allows_it() {
    for (fallback, action, verdict, falls) in [
        (OobFallback::Never, "arrived", None, false),
        (OobFallback::Lapsed, "arrived", None, true),
        (OobFallback::Lapsed, "arrived", Some(Verdict::Unavailable), true),
        (OobFallback::Lapsed, "code", None, false),
        (OobFallback::Choice, "code", None, true),
        (OobFallback::Choice, "code", Some(Verdict::Declined), false),
        (OobFallback::Choice, "arrived", Some(Verdict::Declined), false),
    ] {
        let (mut world, page) = waiting_with(NEWEST, |world| world.issuer.oob.fallback = fallback);
        assert_eq!(page.code_offered, fallback == OobFallback::Choice);
        match verdict {
            Some(verdict) => word(&mut world, verdict),
            None if action == "arrived" => world.wait(300),
            None => {}
        }
        let view = world.form(action, "");
        assert_eq!(matches!(view, View::Code(_)), falls, "{fallback:?} {action} {verdict:?}");
        if !falls {
            continue;
        }
        assert_eq!(world.codes.len(), 1);
        word(&mut world, Verdict::Approved);
        assert!(world.rreqs.is_empty(), "the app has nothing to say any more");
        let stands = |world: &World| standing(&world.transaction(), world.now);
        let told = verdict.map_or(Standing::Over, Standing::Given);
        assert_eq!(stands(&world), told, "a code took its place");
        assert!(question(&world.transaction()).is_none());
        let code = world.code();
        world.form("submit", &code);
        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "Y");
        assert_eq!(rreq["authenticationMethod"], json!(["02"]));
        assert_eq!(stands(&world), told, "also when it is over");
    }
}

/// A fraud report that comes a moment after the cardholder pressed "code".
#[test]
fn a_refusal_counts_though_a_code_took_the_apps_place() {
    for (verdict, status) in [(Verdict::Declined, "N"), (Verdict::Rejected, "R")] {
        let set = |world: &mut World| world.issuer.oob.fallback = OobFallback::Choice;
        let (mut world, _) = waiting_with(NEWEST, set);
        assert!(matches!(world.form("code", ""), View::Code(_)));
        let code = world.code();
        word(&mut world, verdict);
        assert_eq!(world.rreq()["transStatus"], status);
        assert_eq!(world.cancelled_codes, 1);
        assert_eq!(standing(&world.transaction(), world.now), Standing::Given(verdict));
        world.form("submit", &code);
        assert_eq!(world.rreqs.len(), 1, "the right code comes too late");
    }
}

#[test]
fn who_cancels_or_has_no_app_any_more_is_not_asked() {
    let mut world = waiting(MessageVersion::V220);
    world.form("cancel", "");
    assert_eq!(facts(&world.rreq()), [json!("N"), json!("26"), json!("01"), json!("00")]);
    assert_eq!((world.cancelled_asks, world.cancelled_codes), (1, 0));

    let mut world = offering(|world| world.contacts.app = None);
    world.authenticate(&areq(NEWEST), CardLookup::Found(enrolled()));
    let creq = world.creq();
    world.send_creq(&creq);
    assert_eq!(world.rreq()["transStatus"], "U");
    assert!(world.asked.is_empty());

    let mut world = World::new();
    world.authenticate(&areq(NEWEST), CardLookup::Found(enrolled()));
    assert_eq!(world.ares["authenticationMethod"], json!(["02"]), "not offered: a code");
}

#[test]
fn ticks_of_a_waiting_page_count_with_the_issuers_approval() {
    for (verdict, kept) in [(Verdict::Approved, 1), (Verdict::Declined, 0)] {
        let (mut world, page) = waiting_with(NEWEST, |world| {
            world.issuer.consents = ConsentSettings { trust_list: true, ..ConsentSettings::off() };
        });
        assert_eq!(page.trust, Some(false));
        word(&mut world, verdict);
        let token = world.token.clone();
        let choice = crate::flow::consent::Choice { trust: true, ..Default::default() };
        world.form_choosing(&token, "arrived", "", choice);
        assert_eq!(world.consents.len(), kept);
    }
}

#[test]
fn a_page_token_says_nothing_about_other_transactions() {
    let world = waiting(NEWEST);
    let transaction = world.transaction();
    assert_eq!(still_waits(&transaction, "", &world.keys, world.now), None);
    let mut forged = world.token.clone();
    forged.replace_range(0..1, if forged.starts_with('A') { "B" } else { "A" });
    assert_eq!(still_waits(&transaction, &forged, &world.keys, world.now), None);
    let [own, others] =
        [transaction.acs_trans_id, transaction.ds_trans_id].map(|id| id.to_string());
    let foreign = world.state.replace(&own, &others);
    let foreign = crate::flow::Transaction::from_json(foreign.as_bytes()).unwrap();
    assert_eq!(still_waits(&foreign, &world.token, &world.keys, world.now), None);
}

/// An SDK whose first screen waits for the issuer's app.
fn sdk(version: MessageVersion, set: impl FnOnce(&mut World)) -> Sdk {
    sdk_with(version, ENCRYPTIONS[1], set)
}

fn sdk_with(
    version: MessageVersion,
    enc: crate::crypto::jwe::Encryption,
    set: impl FnOnce(&mut World),
) -> Sdk {
    Sdk::with(version, enc, |world, areq, card| {
        world.issuer.oob.offered = true;
        set(world);
        *card = enrolled();
        if version == NEWEST {
            areq.app.as_mut().unwrap().render_options.ui_types.push("06".to_owned());
        }
    })
}

fn go_on(version: MessageVersion) -> Value {
    if version == NEWEST { json!({"oobContinue": "01"}) } else { json!({"oobContinue": true}) }
}

#[test]
fn t_ob_01_t_ob_04_a_native_screen_and_the_issuers_approval() {
    for version in MessageVersion::ALL {
        for enc in ENCRYPTIONS {
            let mut sdk = sdk_with(version, enc, |world| {
                world.issuer.oob.app_url = "https://app.alpha.example/3ds".to_owned();
            });
            let rendering = sdk.world.ares["acsRenderingType"].clone();
            assert_eq!(
                (&rendering["acsInterface"], &rendering["acsUiTemplate"]),
                (&json!("01"), &json!("04"))
            );
            let first = sdk.send(json!({})).cres();
            assert_eq!(first["acsUiType"], "04");
            assert_eq!(first["oobContinueLabel"], "アプリで承認しました");
            let text = first["challengeInfoText"].as_str().unwrap();
            let number = sdk.world.asked[0].prompt.as_ref().unwrap().number.clone();
            assert!(text.contains(&number) && text.contains("12,800円"), "{text}");
            for foreign in [
                "oobAppURL",
                "oobAppLabel",
                "submitAuthenticationLabel",
                "resendInformationLabel",
                "challengeEntryBox",
            ] {
                assert!(first.get(foreign).is_none(), "{foreign}");
            }
            let early = sdk.send(go_on(version)).cres();
            assert_eq!(
                (&early["acsUiType"], &early["challengeInfoTextIndicator"]),
                (&json!("04"), &json!("Y"))
            );
            assert!(early["challengeInfoText"].as_str().unwrap().contains(&number));
            word(&mut sdk.world, Verdict::Approved);
            assert!(matches!(sdk.send(go_on(version)), Got::Processing));
            let last = sdk.after_rres();
            assert_eq!(last["transStatus"], "Y");
            let rreq = sdk.world.rreq();
            assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")]);
            assert_eq!(rreq["acsRenderingType"], rendering);
            assert!(sdk.world.content_key.is_none());
        }
    }
}

#[test]
fn t_ob_05_t_ob_07_links_to_the_issuers_app_and_none_where_they_fail() {
    let linked = |world: &mut World| {
        world.issuer.oob.app_url = "https://app.alpha.example/3ds".to_owned();
        world.issuer.oob.returns_to_app = true;
    };
    let mut sdk = sdk(NEWEST, linked);
    assert_eq!(sdk.world.ares["threeDSRequestorAppURLInd"], "Y");
    let back = "https://shop.example/back";
    let with = |more: Value| {
        let mut creq = json!({"oobAppURLInd": "01", "threeDSRequestorAppURL": back});
        creq.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        creq
    };
    let first = sdk.send(with(json!({}))).cres();
    assert_eq!(first["oobAppURL"], "https://app.alpha.example/3ds");
    assert!(first["oobAppLabel"].is_string() && first["oobContinueLabel"].is_string());
    // T-OB-09: the issuer's app learns where to go back to.
    assert_eq!(sdk.world.asked[0].prompt.as_ref().unwrap().back.as_deref(), Some(back));
    assert_eq!(question(&sdk.world.transaction()).unwrap().requestor_app_url, Some(back));

    let failed = sdk.send(with(json!({"oobAppStatus": "01", "oobContinue": "02"}))).cres();
    assert_eq!(failed["acsUiType"], "04");
    assert!(failed.get("oobAppURL").is_none() && failed.get("oobAppLabel").is_none());
    assert!(failed["oobContinueLabel"].is_string());
    // T-OB-06: back in the foreground is the same as pressed.
    word(&mut sdk.world, Verdict::Approved);
    assert!(matches!(sdk.send(with(json!({"oobContinue": "02"}))), Got::Processing));
    assert_eq!(facts(&sdk.world.rreq())[3], "01", "a failed link is no evaluation");

    let mut sdk = self::sdk(NEWEST, linked);
    let first = sdk.send(json!({"oobAppURLInd": "02"})).cres();
    assert!(first.get("oobAppURL").is_none() && first.get("oobAppLabel").is_none());
    assert!(first["oobContinueLabel"].is_string());
}

#[test]
fn what_a_waiting_screen_does_not_ask_for_is_refused() {
    for (version, creq, code) in [
        (NEWEST, json!({}), "201"),
        (MessageVersion::V220, json!({}), "201"),
        (NEWEST, json!({"challengeAddCode": "Y"}), "203"),
        (NEWEST, json!({"oobContinue": "01", "challengeAddCode": "Y"}), "203"),
    ] {
        let mut sdk = sdk(version, |_| {});
        sdk.send(json!({})).cres();
        sdk.send(creq).erro(code);
        assert_eq!(sdk.world.rreq()["transStatus"], "U");
        assert_eq!(sdk.world.cancelled_asks, 1);
    }
    // The tables want oobContinue in every CReq, so it may come with a cancel too.
    for version in MessageVersion::ALL {
        let mut sdk = sdk(version, |_| {});
        sdk.send(json!({})).cres();
        let mut creq = go_on(version);
        creq["challengeCancel"] = "01".into();
        sdk.send(creq);
        assert_eq!(facts(&sdk.world.rreq())[2], "01");
    }
    let mut sdk = sdk(MessageVersion::V210, |_| {});
    sdk.send(json!({})).cres();
    assert_eq!(sdk.send(json!({})).cres()["acsUiType"], "04", "2.1.0 refuses nothing here");
    sdk.send(json!({"challengeCancel": "01"}));
    assert_eq!(facts(&sdk.world.rreq())[2], "01");
}

#[test]
fn t_23_12_a_page_that_waits_for_the_issuers_app() {
    for version in MessageVersion::ALL {
        let mut sdk = sdk(version, |world| {
            world.issuer.app.interface = Interface::Html;
            world.issuer.oob.app_url = "https://app.alpha.example/3ds".to_owned();
        });
        let newest = version == NEWEST;
        let template = if newest { "06" } else { "05" };
        assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], template);
        let opens = if newest { json!({"oobAppURLInd": "01"}) } else { json!({}) };
        let first = sdk.send(opens).cres();
        assert_eq!(first["acsUiType"], template);
        assert_eq!(first.get("oobAppURL").is_some(), newest);
        assert_eq!(first.get("acsHTMLRefresh").is_some(), !newest);
        assert!(first.get("oobContinueLabel").is_none());
        let page = crate::message::decode_base64url(first["acsHTML"].as_str().unwrap()).unwrap();
        let page = String::from_utf8(page).unwrap();
        let number = sdk.world.asked[0].prompt.as_ref().unwrap().number.clone();
        assert!(page.contains(&format!(">{number}<")), "{page}");
        assert_eq!(page.contains("HTTPS://EMV3DS/openoobApp"), newest);
        assert!(page.contains("HTTPS://EMV3DS/challenge") && !page.contains("<script"));
        let says = |more: Value| {
            let mut creq = json!({"challengeHTMLDataEntry": "action=submit"});
            if newest {
                creq["oobContinue"] = json!("01");
                creq["oobAppURLInd"] = json!("01");
            }
            creq.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            creq
        };
        assert_eq!(sdk.send(says(json!({}))).cres()["acsUiType"], template);
        word(&mut sdk.world, Verdict::Approved);
        let last = if newest { json!({"oobContinue": "02"}) } else { says(json!({})) };
        assert!(matches!(sdk.send(last), Got::Processing));
        assert_eq!(sdk.after_rres()["transStatus"], "Y");
        assert_eq!(sdk.world.rreq()["acsRenderingType"]["acsUiTemplate"], template);
    }
    for (creq, name) in [
        (json!({"challengeHTMLDataEntry": "action=submit"}), "oobContinue"),
        (json!({"oobContinue": "01"}), "challengeHTMLDataEntry"),
    ] {
        let mut sdk = sdk(NEWEST, |world| world.issuer.app.interface = Interface::Html);
        sdk.send(json!({})).cres();
        assert_eq!(sdk.send(creq).erro("201")["errorDetail"], name);
    }
}

#[test]
fn in_apps_too_a_code_may_take_over_on_the_same_kind_of_screen() {
    for (interface, code) in [(Interface::Native, "01"), (Interface::Html, "05")] {
        for version in MessageVersion::ALL {
            let mut sdk = sdk(version, |world| {
                world.issuer.app.interface = interface;
                world.issuer.oob.fallback = OobFallback::Choice;
            });
            let first = sdk.send(json!({})).cres();
            let newest = version == NEWEST;
            let label = first.get("challengeAddLabel").is_some();
            assert_eq!(label, newest && interface == Interface::Native);
            sdk.world.wait(300);
            let mut creq = go_on(version);
            if interface == Interface::Html {
                creq["challengeHTMLDataEntry"] = "action=submit".into();
            }
            let screen = sdk.send(creq).cres();
            assert_eq!(screen["acsUiType"], code);
            let typed = sdk.world.code();
            let entry = if interface == Interface::Html {
                json!({"challengeHTMLDataEntry": format!("challengeDataEntry={typed}&action=submit")})
            } else {
                json!({"challengeDataEntry": typed})
            };
            sdk.send(entry);
            assert_eq!(sdk.after_rres()["transStatus"], "Y");
        }
    }
    let mut sdk = sdk(NEWEST, |world| world.issuer.oob.fallback = OobFallback::Choice);
    sdk.send(json!({})).cres();
    assert_eq!(sdk.send(json!({"challengeAddCode": "Y"})).cres()["acsUiType"], "01");
}

/// Asking for what may be asked on a code's screen.
fn asking(version: MessageVersion, interface: Interface, fallback: OobFallback) -> Sdk {
    sdk(version, |world| {
        world.issuer.consents =
            ConsentSettings { trust_list: true, device_binding: true, ..ConsentSettings::off() };
        world.device = Some(super::harness::device());
        world.issuer.app.interface = interface;
        world.issuer.oob.fallback = fallback;
    })
}

/// [P-231-02, P-231-03, P-RREQ-04, Note 115, Note 116, Note 117, Note 118]
#[test]
fn a_screen_that_asks_no_consent_gets_no_answer() {
    for interface in [Interface::Native, Interface::Html] {
        for version in MessageVersion::ALL {
            let mut sdk = asking(version, interface, OobFallback::Never);
            let first = sdk.send(json!({})).cres();
            for text in ["whitelistingInfoText", "trustListInfoText", "deviceBindingInfoText"] {
                assert!(first.get(text).is_none(), "{text}");
            }
            word(&mut sdk.world, Verdict::Approved);
            let mut creq = go_on(version);
            if interface == Interface::Html {
                creq["challengeHTMLDataEntry"] = "action=submit&trust=yes&bind=yes".into();
            }
            assert!(matches!(sdk.send(creq), Got::Processing));
            let rreq = sdk.world.rreq();
            assert_eq!(rreq["transStatus"], "Y");
            for status in ["whiteListStatus", "trustListStatus", "deviceBindingStatus"] {
                assert!(rreq.get(status).is_none(), "{version} {status}");
                assert!(rreq.get(format!("{status}Source")).is_none(), "{version} {status}");
            }
            assert!(sdk.world.consents.is_empty(), "and no refusal is kept");
        }
    }
    // The screen of a code that takes the app's place asks.
    let mut sdk = asking(NEWEST, Interface::Native, OobFallback::Choice);
    sdk.send(json!({})).cres();
    sdk.send(json!({"challengeAddCode": "Y"})).cres();
    let code = sdk.world.code();
    sdk.send(json!({
        "challengeDataEntry": code, "trustListDataEntry": "Y", "deviceBindingDataEntry": "N",
    }));
    let rreq = sdk.world.rreq();
    assert_eq!(
        (&rreq["trustListStatus"], &rreq["deviceBindingStatus"]),
        (&json!("Y"), &json!("04"))
    );
    assert_eq!(sdk.world.consents.len(), 2);
}

/// [P-APP-42, P-APP-50, P-APP-51, Note 127]
#[test]
fn in_apps_too_nothing_undoes_what_the_issuer_refused() {
    let ends: [fn(&mut Sdk); 5] = [
        |sdk| drop(sdk.send(json!({"challengeCancel": "01"}))),
        |sdk| drop(sdk.send(json!({"oobContinue": "1"})).erro("203")),
        |sdk| drop(sdk.post(b"rubbish").erro("302")),
        |sdk| {
            let erro = json!({"messageType": "Erro", "errorCode": "402"}).to_string();
            assert!(matches!(sdk.post(erro.as_bytes()), Got::Nothing));
        },
        |sdk| drop(sdk.send(json!({"challengeAddCode": "Y"}))),
    ];
    for (verdict, status, reason) in
        [(Verdict::Declined, "N", "01"), (Verdict::Rejected, "R", "11")]
    {
        for end in ends {
            let mut sdk = Sdk::with(NEWEST, ENCRYPTIONS[1], |world, areq, card| {
                world.issuer.oob.offered = true;
                world.issuer.decoupled.offered = true;
                *card = enrolled();
                *areq = AReq { app: areq.app.take(), ..leaving(NEWEST) };
                (areq.channel, areq.browser) = (DeviceChannel::App, None);
            });
            let first = sdk.send(json!({})).cres();
            assert_eq!(first["challengeAddLabel"], "あとで別の方法で確認する");
            word(&mut sdk.world, verdict);
            end(&mut sdk);
            let rreq = sdk.world.rreq();
            assert_eq!(facts(&rreq)[..3], [json!(status), json!(reason), Value::Null]);
            assert!(rreq.get("challengeErrorReporting").is_none());
            assert_eq!(sdk.world.transaction().decided().unwrap().fell_back, None);
        }
    }
}

#[test]
fn an_sdk_that_shows_no_such_screen_gets_a_code() {
    for (native, html, types) in [(true, false, vec!["01", "02"]), (true, true, vec!["01", "05"])] {
        let sdk = Sdk::with(NEWEST, ENCRYPTIONS[0], |world, areq, card| {
            world.issuer.oob.offered = true;
            *card = enrolled();
            let options = &mut areq.app.as_mut().unwrap().render_options;
            (options.native, options.html) = (native, html);
            options.ui_types = types.into_iter().map(str::to_owned).collect();
        });
        assert_eq!(sdk.world.ares["authenticationMethod"], json!(["02"]));
    }
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Word(Verdict),
    Page(&'static str),
    StalePage(&'static str),
    Reload,
    Rubbish,
    RightCode,
    WrongCode,
    Wait(u32),
    Tick,
}

fn moves() -> impl Strategy<Value = Move> {
    let words = [Verdict::Approved, Verdict::Declined, Verdict::Rejected, Verdict::Unavailable];
    let actions = ["submit", "arrived", "code", "cancel", "resend", "continue", "later", "x"];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(Move::Word),
        6 => proptest::sample::select(actions.to_vec()).prop_map(Move::Page),
        2 => proptest::sample::select(actions.to_vec()).prop_map(Move::StalePage),
        1 => Just(Move::Reload),
        1 => Just(Move::Rubbish),
        1 => Just(Move::RightCode),
        1 => Just(Move::WrongCode),
        3 => (0_u32..400).prop_map(Move::Wait),
        1 => Just(Move::Tick),
    ]
}

fn make(world: &mut World, first: &str, next: Move) {
    match next {
        Move::Word(verdict) => word(world, verdict),
        Move::Page(action) => drop(world.form(action, "")),
        Move::StalePage(action) => drop(world.form_with(first, action, "")),
        Move::Reload => {
            let creq = world.creq();
            world.send_creq(&creq);
        }
        Move::Rubbish => drop(world.send_creq_bytes(b"{}")),
        Move::RightCode if !world.codes.is_empty() => {
            let code = world.code();
            world.form("submit", &code);
        }
        Move::RightCode | Move::WrongCode => {
            let wrong = world.wrong_code();
            world.form("submit", &wrong);
        }
        Move::Wait(seconds) => world.wait(seconds),
        Move::Tick => world.tick(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: one result, and Y only where the issuer approved, in time and
    /// before anything else, or where a code that was allowed was right; what the issuer refused in
    /// time is the result.
    #[test]
    fn y_needs_the_issuers_approval_or_a_right_code(
        version in proptest::sample::select(&MessageVersion::ALL[..]),
        fallback in proptest::sample::select(
            &[OobFallback::Never, OobFallback::Lapsed, OobFallback::Choice][..],
        ),
        leaves in any::<bool>(),
        moves in proptest::collection::vec(moves(), 0..30),
    ) {
        let mut world = if leaves {
            waiting_to_leave(version, fallback)
        } else {
            waiting_with(version, |world| world.issuer.oob.fallback = fallback).0
        };
        let first = world.token.clone();
        let mut approved = false;
        let mut refused = None;
        for next in moves {
            let waits = standing(&world.transaction(), world.now) == Standing::Waiting;
            approved |= waits && matches!(next, Move::Word(Verdict::Approved));
            match next {
                Move::Word(verdict @ (Verdict::Declined | Verdict::Rejected)) if waits => {
                    refused = Some(verdict.status());
                }
                _ => {}
            }
            make(&mut world, &first, next);
        }
        for _ in 0..3 {
            world.wait(700);
            world.tick();
        }
        prop_assert!(!world.is_open());
        let rreq = world.rreq();
        let by_code = world.events.iter().any(|(kind, _)| kind == "otp-right");
        let proven = rreq["transStatus"] == "Y";
        prop_assert_eq!(rreq.get("authenticationValue").is_some(), proven);
        if proven {
            prop_assert!(approved != by_code, "{:?}", world.events);
            prop_assert!(!by_code || fallback != OobFallback::Never);
        }
        prop_assert!(fallback != OobFallback::Never || world.codes.is_empty());
        if let Some(status) = refused {
            prop_assert_eq!(&rreq["transStatus"], status.code());
            prop_assert!(rreq.get("challengeCancel").is_none(), "{}", rreq);
        }
        prop_assert!(leaves && version == NEWEST || rreq["transStatus"] != "D");
    }
}

//! Browser challenges step by step.

use serde_json::{Value, json};

use super::harness::{Seen as _, World, areq, card};
use crate::element::{MessageCategory, MessageVersion};
use crate::flow::challenge::{RReqNews, creq_transaction};
use crate::flow::present::View;
use crate::flow::transaction::Phase;
use crate::message::AReq;
use crate::profile::{CardLookup, Contacts};

const NEWEST: MessageVersion = MessageVersion::V231;

fn technical(version: MessageVersion) -> &'static str {
    if version == MessageVersion::V210 { "07" } else { "22" }
}

#[test]
fn right_code_is_y_in_every_version() {
    for version in MessageVersion::ALL {
        let mut world = World::challenged(version);
        let creq = world.creq();
        let page = world.send_creq(&creq).code();
        assert_eq!(page.amount.as_deref(), Some("12,800円"));
        assert_eq!((page.sent_via.as_str(), page.sent_to.as_str()), ("sms", "89"));
        assert_eq!((page.attempts_left, page.window_size.as_str()), (3, "02"));
        let code = world.code();
        assert!(matches!(world.form("submit", &code), View::Processing));

        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "Y");
        assert_eq!(rreq["eci"], "05");
        assert_eq!(rreq["interactionCounter"], "01");
        assert!(rreq.get("challengeCancel").is_none());
        if version == NEWEST {
            assert_eq!(rreq["authenticationMethod"], json!(["02"]));
        } else {
            assert_eq!(rreq["authenticationMethod"], "02");
            assert_eq!(rreq["authenticationType"], "02");
        }
        let value = rreq["authenticationValue"].as_str().unwrap();
        assert!(world.is_value(value));
        assert!(!world.state.contains(value), "no value in the state");
        assert!(matches!(world.current(), View::Processing));
        world.answer_rreq();
        let (view, cres) = world.current().last();
        let mut members: Vec<_> = cres.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            ["acsTransID", "messageType", "messageVersion", "threeDSServerTransID", "transStatus"]
        );
        assert_eq!(cres["transStatus"], "Y");
        assert_eq!(cres["messageVersion"], version.as_str());
        assert_eq!(view.session_data.as_deref(), Some("c2Vzc2lvbg"));
        assert_eq!((view.outcome, view.field.as_str()), ("ok", "cres"));
        assert_eq!(view.notification_url, "https://shop.example/3ds/back");
        assert!(!view.message.contains('='));
        assert_eq!(world.cancelled_codes, 1);
        assert!(world.transaction().deadline().is_none());
        assert_eq!(world.event("rreq-answered")["results_status"], "01");
        assert!(world.erros.is_empty());
    }
}

#[test]
fn non_payment_challenges_follow_the_same_path() {
    let npa = AReq { category: MessageCategory::NonPayment, purchase: None, ..areq(NEWEST) };
    for wanted in [false, true] {
        let mut world = World::new();
        world.ds.npa_authentication_value = wanted;
        world.authenticate(&npa, CardLookup::Found(card()));
        let creq = world.creq();
        assert_eq!(world.send_creq(&creq).code().amount, None);
        let code = world.code();
        world.form("submit", &code);
        let rreq = world.rreq();
        assert_eq!((&rreq["messageCategory"], &rreq["transStatus"]), (&"02".into(), &"Y".into()));
        assert_eq!(rreq.get("authenticationValue").is_some(), wanted);
    }
}

#[test]
fn the_last_wrong_code_is_n_19() {
    for version in MessageVersion::ALL {
        let mut world = World::shown(version);
        let wrong = world.wrong_code();
        let page = world.form("submit", &wrong).code();
        assert_eq!((page.error, page.attempts_left), (Some("err.wrong"), 2));
        let page = world.form("submit", &wrong).code();
        assert_eq!((page.error, page.attempts_left), (Some("err.last"), 1));
        assert!(matches!(world.form("submit", &wrong), View::Processing));
        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "N");
        assert_eq!(rreq["transStatusReason"], "19");
        assert_eq!(rreq["interactionCounter"], "03");
        assert_eq!(rreq["eci"], "07");
        assert!(rreq.get("challengeCancel").is_none());
        assert!(rreq.get("authenticationValue").is_none());
        world.answer_rreq();
        let (view, cres) = world.current().last();
        assert_eq!((view.outcome, &cres["transStatus"]), ("fail", &"N".into()));
        let code = world.code();
        let view = world.form("submit", &code);
        assert!(matches!(view, View::Final(_)), "the right code comes too late");
        assert_eq!(world.rreqs.len(), 1);
    }
}

#[test]
fn codes_are_taken_as_people_type_them() {
    for dress in [
        |code: &str| format!(" {}-{} ", &code[..3], &code[3..]),
        |code: &str| code.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect(),
        |code: &str| code.chars().map(|c| char::from_u32(u32::from(c) + 0x630).unwrap()).collect(),
        |code: &str| format!("{}\u{30fc}{}\u{3000}", &code[..3], &code[3..]),
    ] {
        let mut world = World::shown(NEWEST);
        let code = dress(&world.code());
        assert!(matches!(world.form("submit", &code), View::Processing), "{code}");
        assert_eq!(world.rreq()["transStatus"], "Y");
    }
}

#[test]
fn alphanumeric_codes_are_long_and_not_mistaken() {
    let mut world = World::challenged(NEWEST);
    world.issuer.otp.alphanumeric = true;
    let creq = world.creq();
    assert_eq!(world.send_creq(&creq).code().code_length, 12);
    let code = world.code();
    assert_eq!(code.len(), 12);
    assert!(!code.contains(['0', 'O', '1', 'I']));
    let typed = code.to_lowercase();
    assert!(matches!(world.form("submit", &typed), View::Processing));
    assert_eq!(world.rreq()["transStatus"], "Y");
}

#[test]
fn malformed_and_empty_entries_count_unless_set_otherwise() {
    let mut world = World::shown(NEWEST);
    assert_eq!(world.form("submit", "12345").code().error, Some("err.form"));
    assert_eq!(world.form("submit", "").code().attempts_left, 1);

    let mut world = World::shown(NEWEST);
    world.issuer.empty_counts = false;
    for _ in 0..5 {
        let page = world.form("submit", " ").code();
        assert_eq!((page.error, page.attempts_left), (Some("err.form"), 3));
    }
    let code = world.code();
    world.form("submit", &code);
    assert_eq!(world.rreq()["interactionCounter"], "01");
}

#[test]
fn a_code_dies_when_its_life_is_over() {
    let mut world = World::shown(NEWEST);
    world.wait(300);
    let code = world.code();
    let page = world.form("submit", &code).code();
    assert_eq!((page.error, page.attempts_left), (Some("err.expired"), 2));
    world.form("resend", "").code();
    let code = world.code();
    assert!(matches!(world.form("submit", &code), View::Processing));
    assert_eq!(world.rreq()["interactionCounter"], "02");
}

#[test]
fn a_resend_kills_the_old_code_and_has_limits() {
    let mut world = World::shown(NEWEST);
    let first = world.code();
    let page = world.form("resend", "").code();
    assert_eq!((page.status, page.resend_wait_seconds), (Some("resend.wait"), 30));
    assert_eq!(world.codes.len(), 1);
    world.wait(30);
    let page = world.form("resend", "").code();
    assert_eq!((page.status, page.attempts_left), (Some("resend.done"), 3));
    assert_ne!(world.code(), first);
    assert_eq!(world.cancelled_codes, 1, "an undelivered old code is not delivered any more");
    assert_eq!(world.form("submit", &first).code().error, Some("err.old"));
    world.wait(30);
    assert!(!world.form("resend", "").code().resend_offered);
    world.wait(30);
    assert_eq!(world.form("resend", "").code().status, Some("resend.limit"));
    assert_eq!(world.codes.len(), 3);
    let code = world.code();
    world.form("submit", &code);
    assert_eq!(world.rreq()["transStatus"], "Y");
}

#[test]
fn a_resend_that_costs_an_attempt_leaves_the_last_one() {
    let mut world = World::shown(NEWEST);
    world.issuer.resend_counts = true;
    world.wait(30);
    assert_eq!(world.form("resend", "").code().attempts_left, 2);
    world.wait(30);
    let page = world.form("resend", "").code();
    assert_eq!((page.attempts_left, page.resend_offered), (1, false));
    world.wait(30);
    assert_eq!(world.form("resend", "").code().status, Some("resend.limit"));
    assert!(world.rreqs.is_empty());
}

#[test]
fn cancel_has_its_reason_per_version() {
    for (version, reason, counter) in [
        (MessageVersion::V210, "01", "00"),
        (MessageVersion::V220, "26", "00"),
        (MessageVersion::V231, "19", "01"),
    ] {
        let mut world = World::shown(version);
        assert!(matches!(world.form("cancel", ""), View::Processing));
        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "N");
        assert_eq!(rreq["transStatusReason"], reason);
        assert_eq!(rreq["challengeCancel"], "01");
        assert_eq!(rreq["interactionCounter"], counter);
        world.answer_rreq();
        let (view, cres) = world.current().last();
        assert_eq!((view.outcome, &cres["transStatus"]), ("cancel", &"N".into()));
    }
}

#[test]
fn a_stale_token_shows_the_page_and_changes_nothing() {
    let mut world = World::shown(NEWEST);
    let stale = world.token.clone();
    let wrong = world.wrong_code();
    world.form("submit", &wrong).code();
    let before = world.state.clone();
    for action in ["submit", "resend", "cancel"] {
        let page = world.form_with(&stale, action, &wrong).code();
        assert_eq!((page.error, page.attempts_left), (Some("stale"), 2));
    }
    assert_eq!(world.state, before);
    let code = world.code();
    assert!(matches!(world.form("submit", &code), View::Processing), "the newest page works");
}

#[test]
fn forged_and_foreign_tokens_are_invalid() {
    let mut world = World::shown(NEWEST);
    let good = world.token.clone();
    let code = world.code();
    for position in 0..good.len() {
        let mut forged = good.clone().into_bytes();
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(matches!(world.form_with(&forged, "submit", &code), View::Invalid { .. }));
    }
    for forged in ["", "A", &good[1..], &format!("{good}A"), &"A".repeat(5_000)] {
        assert!(matches!(world.form_with(forged, "submit", &code), View::Invalid { .. }));
    }
    assert!(world.rreqs.is_empty());
}

#[test]
fn the_language_form_changes_words_only() {
    let mut world = World::shown(NEWEST);
    assert!(world.texts[0].starts_with("アルファ銀行：Midori Booksで12,800円の認証コード "));
    let page = world.speak("en").code();
    assert_eq!((page.language.as_str(), page.amount.as_deref()), ("en", Some("¥12,800")));
    assert_eq!((page.attempts_left, world.codes.len()), (3, 1));
    world.wait(30);
    world.form("resend", "").code();
    assert!(world.texts[1].starts_with("Alpha Bank: code "), "{}", world.texts[1]);
    assert!(world.texts[1].contains(" for ¥12,800 at Midori Books. "));
    world.speak("fr").code();
    for turn in 0..100 {
        world.speak(if turn % 2 == 0 { "ja" } else { "en" }).code();
    }
    assert!(world.transaction().revision < 70, "free steps are bounded");
    let code = world.code();
    assert!(matches!(world.form("submit", &code), View::Processing));
}

#[test]
fn e_mail_is_used_where_there_is_no_phone() {
    let mut world = World::new();
    world.contacts.sms = None;
    let card = crate::profile::Card { contacts: world.contacts.clone(), ..card() };
    world.authenticate(&areq(NEWEST), CardLookup::Found(card));
    assert_eq!(world.ares["authenticationMethod"], json!(["05"]));
    let creq = world.creq();
    let page = world.send_creq(&creq).code();
    assert_eq!((page.sent_via.as_str(), page.sent_to.as_str()), ("email", "t***@mail.example"));
    let code = world.code();
    assert!(world.texts[0].contains(&code) && world.texts[0].contains("12,800円"));
    world.form("submit", &code);
    assert_eq!(world.rreq()["authenticationMethod"], json!(["05"]));
}

#[test]
fn a_repeated_creq_shows_the_page_without_a_code_or_an_attempt() {
    for version in MessageVersion::ALL {
        let mut world = World::shown(version);
        let wrong = world.wrong_code();
        world.form("submit", &wrong).code();
        let creq = world.creq();
        let mut spaced = serde_json::to_vec_pretty(&creq).unwrap();
        spaced.push(b'\n');
        let page = world.send_creq_bytes(&spaced).code();
        assert_eq!((page.attempts_left, page.error, world.codes.len()), (2, None, 1));
        let code = world.code();
        world.form("submit", &code);
        assert_eq!(world.rreq()["interactionCounter"], "02");
    }
}

#[test]
fn creqs_of_a_transaction_are_bounded() {
    let mut world = World::shown(NEWEST);
    let creq = world.creq();
    let erro = (0..100).find_map(|_| match world.send_creq(&creq) {
        View::Code(_) => None,
        other => Some(other.erro().1),
    });
    assert_eq!(erro.unwrap()["errorCode"], "314");
    assert_eq!(world.rreq()["transStatus"], "U");
}

/// What the requestor and the DS are told of a refused CReq that ends an open challenge.
fn assert_refused(world: &mut World, view: View, code: &str) {
    let version = world.transaction().version;
    let (page, erro) = view.erro();
    assert_eq!(erro["errorCode"], code, "{erro}");
    assert_eq!(erro["errorComponent"], "A");
    assert_eq!(erro["messageVersion"], version.as_str());
    assert_eq!(erro["acsTransID"], world.transaction().acs_trans_id.to_string());
    assert_eq!(page.session_data.as_deref(), Some("c2Vzc2lvbg"));
    assert_eq!(page.field, "cres");
    let rreq = world.rreq();
    assert_eq!(rreq["transStatus"], "U");
    assert_eq!(rreq["transStatusReason"], technical(version));
    assert!(rreq.get("authenticationMethod").is_none());
    if version == NEWEST {
        assert_eq!(rreq["challengeCancel"], "10");
        assert_eq!(rreq["challengeErrorReporting"], erro);
    } else {
        assert_eq!(rreq["challengeCancel"], "06");
        assert!(rreq.get("challengeErrorReporting").is_none());
    }
    assert!(world.rejection.is_some());
    world.answer_rreq();
    assert!(matches!(world.current(), View::Invalid { .. }), "no CRes after an Erro");
}

#[test]
fn defective_first_creqs_end_the_challenge() {
    let other = "20000000-0000-4000-8000-000000000000";
    for version in MessageVersion::ALL {
        let other_version = if version == NEWEST { "2.2.0" } else { "2.3.1" };
        for (name, value, code) in [
            ("challengeWindowSize", Value::Null, "201"),
            ("challengeWindowSize", "09".into(), "203"),
            ("messageVersion", other_version.into(), "203"),
            ("messageVersion", "2.4.0".into(), "102"),
            ("messageVersion", Value::Null, "201"),
            ("messageType", Value::Null, "201"),
            ("threeDSServerTransID", Value::Null, "201"),
            ("threeDSServerTransID", "rubbish".into(), "203"),
            ("threeDSServerTransID", other.into(), "301"),
        ] {
            let mut world = World::challenged(version);
            let mut creq = world.creq();
            if value.is_null() {
                creq.as_object_mut().unwrap().remove(name);
            } else {
                creq[name] = value;
            }
            let bytes = creq.to_string();
            assert_eq!(creq_transaction(bytes.as_bytes()), Some(world.transaction().acs_trans_id));
            let view = world.send_creq(&creq);
            assert_refused(&mut world, view, code);
            assert!(world.codes.is_empty());
        }
    }
}

/// [P-BRW-12, P-RREQ-09]
#[test]
fn another_version_is_the_defect_whatever_else_is_wrong() {
    for version in MessageVersion::ALL {
        let another = if version == NEWEST { "2.2.0" } else { "2.3.1" };
        let mut world = World::challenged(version);
        let mut creq = world.creq();
        creq["messageVersion"] = another.into();
        creq["challengeWindowSize"] = "09".into();
        let (_, erro) = world.send_creq(&creq).erro();
        assert_eq!(
            (&erro["errorCode"], &erro["errorDetail"]),
            (&json!("203"), &json!("messageVersion"))
        );

        let mut world = decided(version);
        let mut rres = world.rres();
        rres["messageVersion"] = another.into();
        rres.as_object_mut().unwrap().remove("resultsStatus");
        world.rreq_news(RReqNews::Answered(rres.to_string().as_bytes()));
        let erro = &world.erros[0];
        assert_eq!(
            (&erro["errorCode"], &erro["errorDetail"]),
            (&json!("203"), &json!("messageVersion"))
        );
    }
}

#[test]
fn an_unrecognised_creq_tells_the_ds_only() {
    for version in MessageVersion::ALL {
        for message_type in ["AReq", "Sesame"] {
            let mut world = World::challenged(version);
            let mut creq = world.creq();
            creq["messageType"] = message_type.into();
            assert!(matches!(world.send_creq(&creq), View::Invalid { .. }));
            let rreq = world.rreq();
            assert_eq!(rreq["transStatus"], "U");
            if version == NEWEST {
                assert_eq!(rreq["challengeCancel"], "10");
                assert_eq!(rreq["challengeErrorReporting"]["errorCode"], "101");
            } else {
                assert_eq!(rreq["challengeCancel"], "06");
            }
        }
    }
}

#[test]
fn second_creqs_that_differ_or_are_refused_end_the_challenge() {
    for version in MessageVersion::ALL {
        let mut world = World::shown(version);
        let mut creq = world.creq();
        creq["challengeWindowSize"] = "05".into();
        let view = world.send_creq(&creq);
        assert_refused(&mut world, view, "305");
        assert_eq!(world.cancelled_codes, 1);

        let mut world = World::shown(version);
        world.issuer.refuse_repeated_creq = true;
        let creq = world.creq();
        let view = world.send_creq(&creq);
        assert_refused(&mut world, view, if version == NEWEST { "314" } else { "305" });
    }
}

#[test]
fn a_creq_after_the_rreq_gets_its_erro_and_no_second_rreq() {
    for version in MessageVersion::ALL {
        let mut world = World::shown(version);
        let code = world.code();
        world.form("submit", &code);
        let creq = world.creq();
        for answered in [false, true] {
            if answered {
                world.answer_rreq();
            }
            let before = world.state.clone();
            let (_, erro) = world.send_creq(&creq).erro();
            assert_eq!(erro["errorCode"], if version == NEWEST { "315" } else { "305" });
            assert_eq!((world.rreqs.len(), &world.state), (1, &before));
        }
    }
}

#[test]
fn creqs_for_answered_transactions_get_305() {
    let mut world = World::new();
    world.authenticate(&areq(NEWEST), CardLookup::Unknown);
    let creq = world.creq();
    let (page, erro) = world.send_creq(&creq).erro();
    assert_eq!(erro["errorCode"], "305");
    assert_eq!(page.window_size, "05");
    assert!(world.rreqs.is_empty());

    let mut world = World::new();
    world.notification_url_allowed = false;
    world.authenticate(&areq(NEWEST), CardLookup::Unknown);
    assert!(matches!(world.send_creq(&creq), View::Invalid { .. }), "nothing is posted elsewhere");
}

#[test]
fn the_first_creq_has_30_seconds() {
    for version in MessageVersion::ALL {
        for ticked in [true, false] {
            let mut world = World::challenged(version);
            world.wait(29);
            world.tick();
            assert!(world.is_open());
            world.wait(1);
            if ticked {
                world.tick();
            }
            let creq = world.creq();
            let (_, erro) = world.send_creq(&creq).erro();
            assert_eq!(erro["errorCode"], "402");
            let rreq = world.rreq();
            assert_eq!(rreq["transStatus"], "N");
            assert_eq!(rreq["transStatusReason"], "14");
            assert_eq!(rreq["challengeCancel"], "05");
            assert_eq!(rreq["interactionCounter"], "00");
            assert!(rreq.get("authenticationMethod").is_some());
            assert!(world.codes.is_empty());
        }
    }
}

#[test]
fn an_idle_page_ends_after_10_minutes_without_a_cres() {
    for version in MessageVersion::ALL {
        for ticked in [true, false] {
            let mut world = World::shown(version);
            world.wait(599);
            let wrong = world.wrong_code();
            world.form("submit", &wrong).code();
            world.wait(599);
            world.tick();
            assert!(world.is_open(), "each submission starts the wait anew");
            world.wait(1);
            if ticked {
                world.tick();
                world.answer_rreq();
            }
            let code = world.code();
            assert!(matches!(world.form("submit", &code), View::TimedOut { .. }));
            assert!(matches!(world.current(), View::TimedOut { .. }));
            let rreq = world.rreq();
            assert_eq!(rreq["transStatus"], "N");
            assert_eq!(rreq["transStatusReason"], "14");
            assert_eq!(rreq["challengeCancel"], "04");
            assert_eq!(rreq["interactionCounter"], "01");
        }
    }
}

/// Decided Y, RReq on its way.
fn decided(version: MessageVersion) -> World {
    let mut world = World::shown(version);
    let code = world.code();
    world.form("submit", &code);
    world
}

#[test]
fn a_bad_rres_is_told_the_ds_and_changes_nothing() {
    let other = "20000000-0000-4000-8000-000000000000";
    for version in MessageVersion::ALL {
        for (change, code) in [
            (json!({ "resultsStatus": null }), "201"),
            (json!({ "resultsStatus": "x" }), "203"),
            (json!({ "dsTransID": other }), "301"),
            (json!({ "messageType": "ARes" }), "101"),
            (json!({ "messageVersion": "2.9.0" }), "203"),
        ] {
            let mut world = decided(version);
            let mut rres = world.rres();
            for (name, value) in change.as_object().unwrap() {
                rres[name] = value.clone();
            }
            world.rreq_news(RReqNews::Answered(rres.to_string().as_bytes()));
            assert_eq!(world.erros.len(), 1);
            assert_eq!(world.erros[0]["errorCode"], code, "{}", world.erros[0]);
            assert_eq!(world.current().last().1["transStatus"], "Y");
        }
    }
    let mut world = decided(NEWEST);
    world.rreq_news(RReqNews::Answered(b"<html>"));
    assert_eq!(world.erros[0]["errorCode"], "101");
    let mut world = decided(NEWEST);
    world.rreq_news(RReqNews::NoAnswer);
    assert_eq!(world.erros[0]["errorCode"], "402");
    assert_eq!(world.current().last().1["transStatus"], "Y");
}

#[test]
fn an_erro_for_an_rres_is_only_noted() {
    let mut world = decided(NEWEST);
    let erro = json!({
        "messageType": "Erro", "messageVersion": "2.3.1", "errorCode": "312",
        "errorComponent": "D", "errorDescription": "again", "errorDetail": "dsTransID",
    });
    world.rreq_news(RReqNews::Answered(erro.to_string().as_bytes()));
    assert!(world.erros.is_empty());
    assert_eq!(world.event("rreq-refused")["code"], "312");
    assert_eq!(world.current().last().1["transStatus"], "Y");
    let before = world.state.clone();
    world.answer_rreq();
    world.rreq_news(RReqNews::ConnectionFailedTwice);
    assert_eq!(world.state, before, "a round that is over stays over");
}

#[test]
fn two_failed_connections_make_the_result_u() {
    for version in MessageVersion::ALL {
        let mut world = decided(version);
        world.rreq_news(RReqNews::ConnectionFailedTwice);
        assert_eq!(world.rreqs.len(), 2);
        let late: Value = serde_json::from_slice(&world.rreqs[1]).unwrap();
        assert_eq!(late["transStatus"], "U");
        assert_eq!(late["transStatusReason"], technical(version));
        assert_eq!(late["interactionCounter"], "01");
        assert!(late.get("authenticationValue").is_none());
        assert!(late.get("challengeCancel").is_none());
        let (view, cres) = world.current().last();
        assert_eq!((view.outcome, &cres["transStatus"]), ("fail", &"N".into()));
        let before = world.state.clone();
        world.rreq_news(RReqNews::ConnectionFailedTwice);
        assert_eq!((world.rreqs.len(), &world.state), (2, &before));
        world.answer_rreq();
        assert!(matches!(world.transaction().phase, Phase::Ended(_)));
        assert_eq!(world.current().last().1["transStatus"], "N");
    }
}

#[test]
fn late_results_stay_as_decided_where_set_so() {
    let mut world = World::shown(NEWEST);
    world.issuer.late_status_u = false;
    let code = world.code();
    world.form("submit", &code);
    world.rreq_news(RReqNews::ConnectionFailedTwice);
    assert_eq!(world.rreqs.len(), 1);
    assert_eq!(world.current().last().1["transStatus"], "Y", "the browser waits no longer");
    world.rreq_news(RReqNews::GivenUp);
    assert_eq!(world.event("rreq-given-up")["status"], "Y");
}

#[test]
fn a_result_that_cannot_be_built_becomes_u() {
    let mut world = World::shown(NEWEST);
    world.ds.eci.authenticated = Some("too long".to_owned());
    let code = world.code();
    assert!(matches!(world.form("submit", &code), View::Processing));
    let rreq = world.rreq();
    assert_eq!(rreq["transStatus"], "U");
    assert_eq!(world.event("rreq-unbuildable")["elements"], "eci");
    world.answer_rreq();
    assert_eq!(world.current().last().1["transStatus"], "N");
}

#[test]
fn a_contact_that_went_away_ends_the_challenge() {
    let mut world = World::challenged(NEWEST);
    world.contacts = Contacts::default();
    let creq = world.creq();
    assert!(matches!(world.send_creq(&creq), View::Processing));
    assert_eq!(world.rreq()["transStatus"], "U");
    world.answer_rreq();
    let (view, cres) = world.current().last();
    assert_eq!((&cres["transStatus"], view.session_data.is_some()), (&"N".into(), true));
}

#[test]
fn nothing_secret_is_kept_or_told() {
    let mut world = World::shown(NEWEST);
    world.wait(30);
    world.form("resend", "");
    let wrong = world.wrong_code();
    world.form("submit", &wrong);
    let told = format!("{:?} {}", world.events, world.state);
    for code in &world.codes {
        assert!(!told.contains(code.as_str()));
    }
    for secret in [super::harness::PAN, "+819012345689", "taro@mail.example"] {
        assert!(!told.contains(secret));
    }
}

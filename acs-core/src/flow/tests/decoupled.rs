//! Decoupled authentication: when D is answered, and the one RReq that follows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::harness::{World, app_areq, areq, card};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransStatus};
use crate::flow::challenge::{Input, RReqNews};
use crate::flow::confirmation::Verdict;
use crate::flow::present::{SdkReply, View};
use crate::flow::transaction::Phase;
use crate::message::AReq;
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{CardLookup, ScriptedOutcome};

const NEW: [MessageVersion; 2] = [MessageVersion::V220, MessageVersion::V231];

fn asking(version: MessageVersion, indicator: &str, minutes: u16) -> AReq {
    AReq {
        decoupled_req_ind: Some(indicator.to_owned()),
        decoupled_max_minutes: Some(minutes),
        ..areq(version)
    }
}

fn by_requestor(asked: AReq) -> AReq {
    let three_ri_ind = Some("01".to_owned());
    let channel = DeviceChannel::ThreeRi;
    AReq { channel, browser: None, authentication_ind: None, three_ri_ind, ..asked }
}

fn offering() -> World {
    let mut world = World::new();
    world.issuer.decoupled.offered = true;
    world
}

fn promised(areq: &AReq) -> World {
    let mut world = offering();
    world.authenticate(areq, CardLookup::Found(card()));
    assert_eq!(world.ares["transStatus"], "D", "{}", world.ares);
    world
}

fn reply(areq: &AReq, set: impl FnOnce(&mut World)) -> (String, String) {
    let mut world = offering();
    set(&mut world);
    world.authenticate(areq, CardLookup::Found(card()));
    let text = |name: &str| world.ares[name].as_str().unwrap_or_default().to_owned();
    (text("transStatus"), text("transStatusReason"))
}

fn word(world: &mut World, verdict: Verdict) {
    assert!(world.step(Input::Confirmation(verdict)).is_none());
}

/// [P-DEC-02, P-STAT-15]
#[test]
fn t_dc_01_d_says_what_a_decoupled_authentication_says_and_no_more() {
    for version in NEW {
        let non_payment = AReq {
            category: MessageCategory::NonPayment,
            purchase: None,
            ..asking(version, "Y", 60)
        };
        let app = AReq {
            decoupled_req_ind: Some("Y".to_owned()),
            decoupled_max_minutes: Some(60),
            ..app_areq(version)
        };
        for areq in
            [asking(version, "Y", 60), by_requestor(asking(version, "Y", 60)), non_payment, app]
        {
            let world = promised(&areq);
            let ares = &world.ares;
            let newest = version == MessageVersion::V231;
            assert_eq!(ares["acsDecConInd"], "Y");
            let mandated = areq.channel != DeviceChannel::ThreeRi;
            assert_eq!(ares["acsChallengeMandated"], if mandated { "Y" } else { "N" });
            let info = &ares["cardholderInfo"];
            let text = if newest { &info["text"] } else { info };
            assert!(text.as_str().unwrap().contains("アルファ銀行"), "{ares}");
            assert_eq!(ares.get("authenticationType"), (!newest).then(|| json!("04")).as_ref());
            assert_eq!(ares.get("authenticationMethod"), newest.then(|| json!(["12"])).as_ref());
            for foreign in ["acsURL", "acsSignedContent", "authenticationValue", "eci"] {
                assert!(ares.get(foreign).is_none(), "{foreign} {ares}");
            }
            assert_eq!(world.asked.len(), 1);
            assert_eq!(world.asked[0].expires, world.now.plus_seconds(3600));
            assert!(world.codes.is_empty());
            assert_eq!(world.transaction().deadline(), Some(world.now.plus_seconds(3600)));
            assert_eq!(world.event("areq-answered")["minutes"], 60);
        }
    }
}

#[test]
fn each_word_of_the_issuer_is_one_rreq() {
    for version in NEW {
        for (verdict, status, reason) in [
            (Verdict::Approved, "Y", None),
            (Verdict::Declined, "N", Some("01")),
            (Verdict::Rejected, "R", Some("11")),
            (Verdict::Unavailable, "U", Some("22")),
        ] {
            for areq in [asking(version, "Y", 60), by_requestor(asking(version, "Y", 60))] {
                let mut world = promised(&areq);
                world.wait(3599);
                word(&mut world, verdict);
                let rreq = world.rreq();
                let newest = version == MessageVersion::V231;
                assert_eq!(rreq["transStatus"], status);
                assert_eq!(rreq.get("transStatusReason").and_then(Value::as_str), reason);
                let value = rreq.get("authenticationValue").and_then(Value::as_str);
                assert_eq!(value.is_some(), status == "Y");
                assert!(value.is_none_or(|value| world.is_value(value)));
                let completed = ["Y", "N"].contains(&status);
                let method = (completed && newest).then(|| json!(["12"]));
                assert_eq!(rreq.get("authenticationMethod"), method.as_ref());
                let kind = (completed && !newest).then(|| json!("04"));
                assert_eq!(rreq.get("authenticationType"), kind.as_ref());
                for foreign in ["interactionCounter", "acsRenderingType", "challengeCancel"] {
                    assert!(rreq.get(foreign).is_none(), "{foreign} {rreq}");
                }
                assert_eq!(world.cancelled_asks, 1);
                world.wait(10_000);
                world.tick();
                word(&mut world, Verdict::Approved);
                assert_eq!(world.rreqs.len(), 1, "a second word changes nothing");
            }
        }
    }
}

#[test]
fn t_dc_04_without_a_word_the_time_ends_it() {
    for version in NEW {
        for early in [true, false] {
            let mut world = promised(&asking(version, "Y", 1));
            world.wait(59);
            world.tick();
            assert!(world.rreqs.is_empty());
            world.wait(1);
            // The clock or a word that comes too late: both find the time over.
            if early {
                world.tick();
            } else {
                word(&mut world, Verdict::Approved);
            }
            let rreq = world.rreq();
            assert_eq!(rreq["transStatus"], "U");
            assert_eq!(
                (&rreq["transStatusReason"], &rreq["challengeCancel"]),
                (&"24".into(), &"03".into())
            );
            assert!(
                rreq.get("interactionCounter").is_none()
                    && rreq.get("authenticationValue").is_none()
            );
            word(&mut world, Verdict::Approved);
            assert_eq!(world.rreqs.len(), 1);
        }
    }
}

#[test]
fn t_dc_05_d_is_for_those_who_ask_for_it() {
    use MessageVersion as V;
    for (version, indicator, status) in [
        (V::V210, None, "C"),
        (V::V220, None, "C"),
        (V::V220, Some("N"), "C"),
        (V::V220, Some("Y"), "D"),
        (V::V231, Some("Y"), "D"),
        (V::V231, Some("B"), "D"),
        (V::V231, Some("F"), "C"),
        (V::V231, Some("N"), "C"),
    ] {
        let areq = AReq {
            decoupled_req_ind: indicator.map(str::to_owned),
            decoupled_max_minutes: Some(60),
            ..areq(version)
        };
        assert_eq!(reply(&areq, |_| {}).0, status, "{version} {indicator:?}");
        let not_offered = reply(&areq, |world| world.issuer.decoupled.offered = false);
        assert_eq!(not_offered.0, "C", "{version} {indicator:?}");
        if status == "C" && version != V::V210 {
            let only = |world: &mut World| {
                let then = RuleOutcome::Decoupled { mandated: false };
                let when = Condition::default();
                world.issuer.rules =
                    vec![Rule { name: "push".to_owned(), when, then, exemption: None }];
            };
            let denied = ("N".to_owned(), "23".to_owned());
            assert_eq!(reply(&areq, only), denied, "{version} {indicator:?}");
            assert_eq!(reply(&by_requestor(areq), |_| {}), denied, "{version} {indicator:?}");
        }
    }
    let no_challenge = AReq { challenge_ind: vec!["06".to_owned()], ..asking(V::V220, "Y", 60) };
    assert_eq!(reply(&no_challenge, |_| {}).0, "N", "06 forbids what a rule mandates");
}

#[test]
fn t_dc_06_too_little_time_is_not_tried() {
    let need_5 = |world: &mut World| world.issuer.decoupled.min_minutes = 5;
    for version in NEW {
        let short = reply(&asking(version, "Y", 4), need_5);
        assert_eq!((short.0.as_str(), short.1.as_str()), ("N", "25"));
        assert_eq!(reply(&asking(version, "Y", 5), need_5).0, "D");
        assert_eq!(reply(&asking(version, "Y", 10_080), need_5).0, "D");
    }
}

#[test]
fn t_dc_08_what_the_directory_server_answers_is_only_noted() {
    let erro = json!({"messageType": "Erro", "messageVersion": "2.2.0", "errorCode": "403",
        "errorComponent": "D", "errorDescription": "x", "errorDetail": "y"});
    let mut world = promised(&asking(MessageVersion::V220, "Y", 60));
    word(&mut world, Verdict::Approved);
    world.rreq_news(RReqNews::Answered(erro.to_string().as_bytes()));
    assert_eq!(world.event("rreq-refused")["code"], "403");
    assert!(world.erros.is_empty() && world.rreqs.len() == 1);
    assert!(matches!(world.transaction().phase, Phase::Ended(_)));
}

#[test]
fn a_result_nobody_waits_for_stays_true_however_late_it_arrives() {
    let mut world = promised(&asking(MessageVersion::V220, "Y", 60));
    word(&mut world, Verdict::Approved);
    world.rreq_news(RReqNews::ConnectionFailedTwice);
    assert_eq!(world.transaction().decided().unwrap().status, TransStatus::Authenticated);
    assert_eq!(world.rreqs.len(), 1);
}

#[test]
fn a_creq_for_a_decoupled_authentication_is_refused_and_changes_nothing() {
    for decided in [false, true] {
        let mut world = promised(&asking(MessageVersion::V220, "Y", 60));
        if decided {
            word(&mut world, Verdict::Approved);
        }
        let creq = world.creq();
        let _ = world.send_creq(&creq);
        let erro = world.rejection.take().unwrap();
        let erro = crate::erro::erro(&erro, &MessageVersion::ALL);
        assert_eq!(serde_json::from_slice::<Value>(&erro.body).unwrap()["errorCode"], "305");
        assert_eq!(world.rreqs.len(), usize::from(decided));
    }
}

/// [Note 38]
#[test]
fn in_apps_too_a_creq_for_a_decoupled_authentication_is_305() {
    for end in 0..3 {
        let areq = AReq {
            decoupled_req_ind: Some("Y".to_owned()),
            decoupled_max_minutes: Some(60),
            ..app_areq(MessageVersion::V231)
        };
        let mut world = promised(&areq);
        match end {
            0 => {}
            1 => word(&mut world, Verdict::Approved),
            _ => {
                world.wait(3600);
                world.tick();
            }
        }
        let id = world.transaction().acs_trans_id;
        let header = json!({"alg": "dir", "enc": "A128GCM", "kid": id.to_string()}).to_string();
        let body = format!("{}..AAAA.AAAA.AAAA", URL_SAFE_NO_PAD.encode(header));
        let view = world.step(Input::SdkMessage(body.as_bytes())).unwrap();
        let View::Sdk(SdkReply::Erro(erro)) = view else { panic!("no Erro: {view:?}") };
        assert_eq!(serde_json::from_str::<Value>(&erro).unwrap()["errorCode"], "305", "{end}");
        assert_eq!(world.rreqs.len(), usize::from(end > 0));
    }
}

#[test]
fn a_script_may_want_it() {
    let scripted = |areq: &AReq| {
        let mut world = offering();
        world.issuer.scripted_outcomes = true;
        let mut card = card();
        let status = TransStatus::Decoupled;
        card.outcome = Some(ScriptedOutcome { status, reason: None });
        world.authenticate(areq, CardLookup::Found(card));
        world.ares["transStatus"].clone()
    };
    assert_eq!(scripted(&asking(MessageVersion::V220, "Y", 60)), "D");
    assert_eq!(scripted(&areq(MessageVersion::V220)), "N");
    assert_eq!(scripted(&areq(MessageVersion::V210)), "C");
}

#[test]
fn the_issuer_is_told_shop_and_amount() {
    let world = promised(&asking(MessageVersion::V220, "Y", 60));
    let asked = &world.asked[0];
    assert_eq!(asked.text, "Midori Booksでの12,800円のお支払い（カード末尾1091）を承認しますか？");
    assert_eq!((asked.language.as_str(), asked.card_last4.as_str()), ("ja", "1091"));
    assert!(!format!("{asked:?}").contains("8190"));
}

//! Native challenges step by step, in every version and both encryptions.

use serde_json::{Value, json};

use super::harness::World;
use super::sdk::{ENCRYPTIONS, Got, Sdk};
use crate::crypto::jwe::Encryption;
use crate::element::MessageVersion;
use crate::flow::challenge::{RReqNews, sdk_transaction};
use crate::flow::transaction::{Interface, Phase};
use crate::profile::ConsentSettings;

const NEWEST: MessageVersion = MessageVersion::V231;

fn each(mut run: impl FnMut(MessageVersion, Encryption)) {
    for version in MessageVersion::ALL {
        for enc in ENCRYPTIONS {
            run(version, enc);
        }
    }
}

fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
}

fn assert_last(cres: &Value, version: MessageVersion, status: &str) {
    let members: Vec<_> = cres.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "acsCounterAtoS",
        "acsTransID",
        "challengeCompletionInd",
        "messageType",
        "messageVersion",
        "sdkTransID",
        "threeDSServerTransID",
        "transStatus",
    ];
    wanted.sort_unstable();
    let mut members = members;
    members.sort_unstable();
    assert_eq!(members, wanted, "nothing but its elements");
    assert_eq!(cres["challengeCompletionInd"], "Y");
    assert_eq!(cres["messageVersion"], version.as_str());
    assert_eq!(cres["transStatus"], status);
}

/// The challenge was refused: Erro, U to the DS, key gone, no final CRes.
fn assert_refused(sdk: &Sdk, erro: &Value, version: MessageVersion) {
    let rreq = sdk.world.rreq();
    assert_eq!(rreq["transStatus"], "U");
    if version == NEWEST {
        assert_eq!(rreq["challengeCancel"], "10");
        assert_eq!(&rreq["challengeErrorReporting"], erro);
    } else {
        assert_eq!(rreq["challengeCancel"], "06");
        assert!(rreq.get("challengeErrorReporting").is_none());
    }
    assert!(rreq.get("authenticationValue").is_none());
    assert!(sdk.world.content_key.is_none(), "the key is wiped");
}

#[test]
fn t_an_02_right_code_is_y() {
    each(|version, enc| {
        let mut sdk = Sdk::new(version, enc);
        let first = sdk.send(json!({})).cres();
        assert_eq!(first["acsUiType"], "01");
        assert_eq!(first["challengeCompletionInd"], "N");
        assert_eq!(first["challengeInfoHeader"], "認証コードの入力");
        let text = first["challengeInfoText"].as_str().unwrap();
        assert!(text.contains("12,800円") && text.contains("Midori Books"), "{text}");
        assert!(text.contains("末尾 89"), "{text}");
        assert_eq!(first["submitAuthenticationLabel"], "認証する");
        assert_eq!(first["resendInformationLabel"], "コードを再送する");
        assert!(first.get("challengeInfoTextIndicator").is_none());
        if version == NEWEST {
            assert!(first.get("challengeInfoLabel").is_none());
            assert_eq!(first["challengeEntryBox"]["challengeDataEntryLengthMax"], "08");
        } else {
            assert_eq!(first["challengeInfoLabel"], "認証コード（数字6桁）");
            assert!(first.get("challengeEntryBox").is_none());
        }
        let code = sdk.world.code();
        assert!(matches!(sdk.enter(&code), Got::Processing));
        let rreq = sdk.world.rreq();
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("01")]);
        assert_eq!(rreq["acsRenderingType"], sdk.world.ares["acsRenderingType"]);
        assert_eq!(rreq["sdkTransID"], sdk.world.ares["sdkTransID"]);
        let value = rreq["authenticationValue"].as_str().unwrap();
        assert!(sdk.world.is_value(value));
        assert!(matches!(sdk.wait(), Got::Processing), "not before the RRes");
        let last = sdk.after_rres();
        assert_last(&last, version, "Y");
        assert!(sdk.world.content_key.is_none(), "the key is wiped at the end");
        assert!(sdk.world.erros.is_empty());
    });
}

#[test]
fn t_an_03_the_way_of_the_code_is_chosen() {
    each(|version, enc| {
        let mut sdk = Sdk::with(version, enc, |world, _, _| {
            world.issuer.app.choose_contact = true;
        });
        assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], "02");
        let choice = sdk.send(json!({})).cres();
        assert_eq!(choice["acsUiType"], "02");
        assert_eq!(
            choice["challengeSelectInfo"],
            json!([{"sms": "SMS（末尾 89）"}, {"mail": "メール（t•••@mail.example）"}])
        );
        assert!(sdk.world.codes.is_empty(), "no code before the choice");
        let text = sdk.enter("mail").cres();
        assert_eq!(text["acsUiType"], "01");
        assert!(text["challengeInfoText"].as_str().unwrap().contains("t•••@mail.example"));
        let code = sdk.world.code();
        sdk.enter(&code);
        let rreq = sdk.world.rreq();
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("01")]);
        let method = &rreq["authenticationMethod"];
        assert!(*method == "05" || *method == json!(["05"]), "{method}");
        // T-AN-18
        assert_eq!(rreq["acsRenderingType"], sdk.world.ares["acsRenderingType"]);
    });
}

#[test]
fn a_choice_that_is_none_costs_an_attempt() {
    let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, _| {
        world.issuer.app.choose_contact = true;
    });
    sdk.send(json!({})).cres();
    let again = sdk.enter("fax").cres();
    assert_eq!(again["acsUiType"], "02");
    assert_eq!(again["challengeInfoTextIndicator"], "Y");
    sdk.send(json!({"challengeNoEntry": "Y"})).cres();
    assert!(matches!(sdk.enter("fax"), Got::Processing));
    assert_eq!(facts(&sdk.world.rreq()), [json!("N"), json!("19"), Value::Null, json!("03")]);
}

#[test]
fn one_contact_leaves_no_choice() {
    let sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |world, _, card| {
        world.issuer.app.choose_contact = true;
        card.contacts.email = None;
    });
    assert_eq!(sdk.world.ares["acsRenderingType"]["acsUiTemplate"], "01");
}

#[test]
fn t_an_05_the_last_wrong_code_is_n_19() {
    each(|version, enc| {
        let mut sdk = Sdk::shown(version, enc);
        let wrong = sdk.world.wrong_code();
        let hint = sdk.enter(&wrong).cres();
        assert_eq!(hint["challengeInfoTextIndicator"], "Y");
        let text = hint["challengeInfoText"].as_str().unwrap();
        assert!(text.starts_with("認証コードが違います。あと2回"), "{text}");
        assert!(text.contains("12,800円"), "what is paid stays in sight: {text}");
        sdk.enter(&wrong).cres();
        assert!(matches!(sdk.enter(&wrong), Got::Processing));
        assert_eq!(facts(&sdk.world.rreq()), [json!("N"), json!("19"), Value::Null, json!("03")]);
        assert_last(&sdk.after_rres(), version, "N");
    });
}

#[test]
fn t_an_06_and_17_cancel_has_its_value_and_reason() {
    each(|version, enc| {
        for value in ["01", "08"] {
            let mut sdk = Sdk::shown(version, enc);
            let wrong = sdk.world.wrong_code();
            sdk.enter(&wrong).cres();
            assert!(matches!(sdk.send(json!({"challengeCancel": value})), Got::Processing));
            let reason = if version == MessageVersion::V210 { "01" } else { "26" };
            let wanted = [json!("N"), json!(reason), json!(value), json!("01")];
            assert_eq!(facts(&sdk.world.rreq()), wanted, "counter unchanged");
            assert_last(&sdk.after_rres(), version, "N");
        }
    });
}

#[test]
fn cancel_in_the_first_creq_sends_no_code() {
    let mut sdk = Sdk::new(NEWEST, Encryption::A128Gcm);
    assert!(matches!(sdk.send(json!({"challengeCancel": "01"})), Got::Processing));
    assert!(sdk.world.codes.is_empty());
    assert_eq!(facts(&sdk.world.rreq()), [json!("N"), json!("26"), json!("01"), json!("00")]);
    assert_last(&sdk.after_rres(), NEWEST, "N");
}

/// [P-APP-19, P-STAT-12, Note 4, Note 129]
#[test]
fn cancel_values_that_an_sdk_cannot_mean_are_reported_as_unknown() {
    for (version, value) in [
        (MessageVersion::V210, "04"),
        (MessageVersion::V210, "05"),
        (MessageVersion::V220, "03"),
        (MessageVersion::V220, "04"),
        (NEWEST, "04"),
        (NEWEST, "05"),
        (NEWEST, "09"),
        (NEWEST, "10"),
    ] {
        for first in [true, false] {
            let mut sdk = Sdk::new(version, Encryption::A128Gcm);
            if !first {
                sdk.send(json!({})).cres();
            }
            assert!(matches!(sdk.send(json!({"challengeCancel": value})), Got::Processing));
            let rreq = sdk.world.rreq();
            assert_eq!((&rreq["challengeCancel"], value), (&json!("07"), value));
            assert_ne!(rreq["transStatusReason"], "14");
        }
    }
    for value in ["06", "07"] {
        let mut sdk = Sdk::shown(NEWEST, Encryption::A128Gcm);
        sdk.send(json!({"challengeCancel": value}));
        assert_eq!(sdk.world.rreq()["challengeCancel"], value);
    }
}

#[test]
fn t_an_07_and_10_nothing_entered_is_an_attempt() {
    each(|version, enc| {
        let mut sdk = Sdk::shown(version, enc);
        let empty = match version {
            MessageVersion::V210 => json!({}),
            _ => json!({"challengeNoEntry": "Y"}),
        };
        let again = sdk.send(empty).cres();
        assert_eq!(again["acsUiType"], "01");
        let code = sdk.world.code();
        sdk.enter(&code);
        assert_eq!(sdk.world.rreq()["interactionCounter"], "02");
    });
}

#[test]
fn t_an_08_a_resend_replaces_the_code_and_counts_nothing() {
    each(|version, enc| {
        let mut sdk = Sdk::shown(version, enc);
        let old = sdk.world.code();
        let early = sdk.send(json!({"resendChallenge": "Y"})).cres();
        assert!(early["challengeInfoText"].as_str().unwrap().starts_with("再送はあと30秒"));
        for _ in 0..2 {
            sdk.world.wait(31);
            let done = sdk.send(json!({"resendChallenge": "Y"})).cres();
            assert!(done["challengeInfoText"].as_str().unwrap().starts_with("新しい認証コード"));
            assert!(done.get("challengeInfoTextIndicator").is_none());
        }
        sdk.world.wait(31);
        let limit = sdk.send(json!({"resendChallenge": "Y"})).cres();
        assert!(limit.get("resendInformationLabel").is_none(), "never offered, never empty");
        assert_eq!(sdk.world.codes.len(), 3);
        sdk.enter(&old).cres();
        let code = sdk.world.code();
        sdk.enter(&code);
        assert_eq!(sdk.world.rreq()["interactionCounter"], "02");
    });
}

#[test]
fn t_an_09_two_wishes_or_none_are_refused_since_2_2_0() {
    each(|version, enc| {
        for (more, detail) in [
            (
                json!({"challengeCancel": "01", "resendChallenge": "Y"}),
                "challengeCancel,resendChallenge",
            ),
            (
                json!({"challengeDataEntry": "1", "resendChallenge": "Y"}),
                "resendChallenge,challengeDataEntry",
            ),
            (json!({}), "challengeDataEntry"),
        ] {
            let mut sdk = Sdk::shown(version, enc);
            let got = sdk.send(more);
            if version == MessageVersion::V210 {
                assert!(matches!(got, Got::Processing | Got::CRes(_)));
                continue;
            }
            let erro = got.erro("203");
            assert_eq!(erro["errorDetail"], detail);
            assert_eq!(erro["errorMessageType"], "CReq");
            assert_refused(&sdk, &erro, version);
            sdk.world.answer_rreq();
            assert!(matches!(sdk.wait(), Got::Erro(_)), "no final CRes");
        }
    });
}

#[test]
fn a_resend_that_says_no_is_no_wish_before_2_3_1() {
    for version in [MessageVersion::V210, MessageVersion::V220] {
        let mut sdk = Sdk::shown(version, Encryption::A128Gcm);
        let code = sdk.world.code();
        let got = sdk.send(json!({"challengeDataEntry": code, "resendChallenge": "N"}));
        assert!(matches!(got, Got::Processing));
        assert_eq!(sdk.world.rreq()["transStatus"], "Y");
    }
}

#[test]
fn t_an_11_an_entry_too_long_is_203() {
    each(|version, enc| {
        let mut sdk = Sdk::shown(version, enc);
        let erro = sdk.enter(&"1".repeat(46)).erro("203");
        assert_eq!(erro["errorDetail"], "challengeDataEntry");
        assert_refused(&sdk, &erro, version);
    });
}

#[test]
fn t_an_14_ids_and_version_are_those_of_the_transaction() {
    each(|version, enc| {
        let other = "11111111-2222-4333-8444-555555555555";
        for name in ["sdkTransID", "threeDSServerTransID", "acsTransID"] {
            let mut sdk = Sdk::shown(version, enc);
            let erro = sdk.send(json!({name: other, "challengeDataEntry": "1"})).erro("301");
            assert_eq!(erro["errorDetail"], name);
            assert_refused(&sdk, &erro, version);
        }
        let another = if version == NEWEST { MessageVersion::V220 } else { NEWEST }.as_str();
        let mut sdk = Sdk::shown(version, enc);
        let more =
            json!({"messageVersion": another, "oobAppURLInd": "02", "challengeNoEntry": "Y"});
        let erro = sdk.send(more).erro("203");
        assert_eq!(erro["errorDetail"], "messageVersion");
    });
}

/// [P-APP-11]
#[test]
fn another_version_is_the_defect_whatever_its_tables_say() {
    each(|version, enc| {
        let another = if version == NEWEST { MessageVersion::V220 } else { NEWEST };
        for more in [
            json!({"challengeDataEntry": "1".repeat(46)}),
            // Wrong by the other version's table, one way or the other.
            json!({"oobContinue": true}),
            json!({"oobContinue": "01"}),
            json!({"sdkTransID": "11111111-2222-4333-8444-555555555555"}),
            json!({"threeDSRequestorAppURL": "shop://back"}),
        ] {
            let mut sdk = Sdk::shown(version, enc);
            let mut creq = sdk.creq(more);
            creq["messageVersion"] = another.as_str().into();
            // Required since 2.3.1 only.
            creq.as_object_mut().unwrap().remove("oobAppURLInd");
            let jwe = sdk.seal(&creq);
            let erro = sdk.post(jwe.as_bytes()).erro("203");
            assert_eq!(erro["errorDetail"], "messageVersion");
            assert_eq!(erro["messageVersion"], version.as_str());
            assert_refused(&sdk, &erro, version);
        }
        let mut sdk = Sdk::shown(version, enc);
        sdk.send(json!({"messageVersion": another.as_str(), "messageType": "XReq"})).erro("101");
        let mut sdk = Sdk::shown(version, enc);
        sdk.send(json!({"messageVersion": another.as_str(), "sdkCounterStoA": "077"})).erro("302");
        let mut sdk = Sdk::shown(version, enc);
        sdk.send(json!({"messageVersion": "2.9.9", "oobContinue": 7})).erro("102");
    });
}

/// [Req 475]
#[test]
fn the_address_of_the_requestors_app_is_https_since_2_3_1() {
    for (url, newest) in [
        ("https://shop.example/back", true),
        ("HTTPS://shop.example", true),
        ("http://shop.example/back", false),
        ("shop://back", false),
        ("https:shop.example", false),
        ("https://", false),
    ] {
        for version in [MessageVersion::V220, NEWEST] {
            let mut sdk = Sdk::new(version, Encryption::A128Gcm);
            let got = sdk.send(json!({"threeDSRequestorAppURL": url}));
            if newest || version == MessageVersion::V220 {
                got.cres();
                continue;
            }
            let erro = got.erro("203");
            assert_eq!(erro["errorDetail"], "threeDSRequestorAppURL", "{url}");
            assert_refused(&sdk, &erro, version);
            assert!(sdk.world.codes.is_empty());
        }
    }
}

#[test]
fn t_an_15_and_to_07_an_erro_of_the_sdk_ends_the_challenge_in_silence() {
    each(|version, enc| {
        let mut sdk = Sdk::shown(version, enc);
        let transaction = sdk.world.transaction();
        let mut erro = json!({
            "messageType": "Erro",
            "messageVersion": version.as_str(),
            "errorCode": "402",
            "errorComponent": "C",
            "errorDescription": "timeout",
            "errorDetail": "timeout expired",
            "errorMessageType": "CRes",
            "acsTransID": transaction.acs_trans_id.to_string(),
            "sdkTransID": "11111111-2222-4333-8444-555555555555",
        });
        let text = erro.to_string();
        assert_eq!(sdk_transaction(text.as_bytes()), Some(transaction.acs_trans_id));
        assert!(matches!(sdk.post(text.as_bytes()), Got::Nothing));
        assert!(sdk.world.is_open(), "somebody else's Erro changes nothing");
        erro["sdkTransID"] = transaction.app.unwrap().sdk_trans_id.to_string().into();
        assert!(matches!(sdk.post(erro.to_string().as_bytes()), Got::Nothing));
        let rreq = sdk.world.rreq();
        assert_eq!(rreq["transStatus"], "U");
        if version == NEWEST {
            assert_eq!(rreq["challengeCancel"], "09");
            assert_eq!(rreq["challengeErrorReporting"], erro);
        } else {
            assert_eq!(rreq["challengeCancel"], "06");
        }
        assert!(matches!(sdk.post(erro.to_string().as_bytes()), Got::Nothing), "no second RReq");
        assert_eq!(sdk.world.rreqs.len(), 1);
    });
}

#[test]
fn t_cr_cryptographic_failures_have_one_answer() {
    each(|version, enc| {
        let mut answers = Vec::new();
        for cause in 0..7 {
            let mut sdk = Sdk::shown(version, enc);
            let creq = sdk.creq(json!({"challengeDataEntry": "1"}));
            let jwe = sdk.seal(&creq);
            let (head, tag) = jwe.rsplit_once('.').unwrap();
            let bad = match cause {
                0 => {
                    let flipped = if tag.starts_with('A') { "B" } else { "A" };
                    format!("{head}.{flipped}{}", &tag[1..])
                }
                1 => format!("{jwe}="),
                2 => format!("{jwe}\n"),
                3 => jwe.replacen("..", ".AAAA.", 1),
                4 => {
                    // T-CR-06
                    let header =
                        json!({"alg": "ECDH-ES", "enc": "A128GCM", "kid": sdk.id().to_string()});
                    let header = base64::Engine::encode(
                        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                        header.to_string(),
                    );
                    format!("{header}.{}", jwe.split_once('.').unwrap().1)
                }
                // T-CR-02 and 03: good cryptography, wrong counter.
                5 => {
                    let old = sdk.creq(json!({"sdkCounterStoA": "000", "challengeDataEntry": "1"}));
                    sdk.seal(&old)
                }
                _ => {
                    let skipped =
                        sdk.creq(json!({"sdkCounterStoA": "003", "challengeDataEntry": "1"}));
                    sdk.seal(&skipped)
                }
            };
            assert_eq!(sdk_transaction(bad.as_bytes()), Some(sdk.id()), "{cause}");
            let erro = sdk.post(bad.as_bytes()).erro("302");
            assert_refused(&sdk, &erro, version);
            answers.push(erro.to_string());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "one text for all causes");
    });
}

#[test]
fn t_cr_04_the_last_counter_ends_the_challenge() {
    let mut sdk = Sdk::shown(NEWEST, Encryption::A128Gcm);
    for _ in 1..255 {
        sdk.world.wait(1);
        sdk.send(json!({"resendChallenge": "Y"})).cres();
    }
    assert_eq!((sdk.counter, sdk.seen), (255, 255));
    let erro = sdk.send(json!({"resendChallenge": "Y"})).erro("302");
    assert_refused(&sdk, &erro, NEWEST);
}

#[test]
fn t_cr_09_a_plain_creq_is_refused_like_one_that_cannot_be_decrypted() {
    each(|version, enc| {
        for (setting, code) in [(false, "302"), (true, "101")] {
            let mut sdk = Sdk::shown(version, enc);
            sdk.world.issuer.app.plain_creq_is_101 = setting;
            let creq = sdk.creq(json!({"challengeDataEntry": "1"})).to_string();
            assert_eq!(sdk_transaction(creq.as_bytes()), Some(sdk.id()));
            let erro = sdk.post(creq.as_bytes()).erro(code);
            assert_refused(&sdk, &erro, version);
        }
    });
}

#[test]
fn t_cr_13_a_split_sdk_uses_gcm_only() {
    let split =
        |enc| Sdk::with(NEWEST, enc, |_, areq, _| areq.app.as_mut().unwrap().split_sdk = true);
    let mut sdk = split(Encryption::A128CbcHs256);
    let erro = sdk.send(json!({})).erro("310");
    assert_refused(&sdk, &erro, NEWEST);
    split(Encryption::A128Gcm).send(json!({})).cres();
}

#[test]
fn a_repeated_message_gets_the_same_answer_and_changes_nothing() {
    each(|version, enc| {
        let mut sdk = Sdk::new(version, enc);
        let creq = sdk.creq(json!({}));
        let first = sdk.seal(&creq);
        sdk.counter += 1;
        let cres = sdk.post(first.as_bytes()).cres();
        let state = sdk.world.state.clone();
        sdk.seen -= 1;
        assert_eq!(sdk.post(first.as_bytes()).cres(), cres);
        assert_eq!(sdk.world.state, state);
        assert_eq!(sdk.world.codes.len(), 1);
        let code = sdk.world.code();
        let creq = sdk.creq(json!({"challengeDataEntry": code}));
        let right = sdk.seal(&creq);
        assert!(matches!(sdk.post(right.as_bytes()), Got::Processing));
        assert!(matches!(sdk.post(right.as_bytes()), Got::Processing));
        sdk.world.answer_rreq();
        let last = sdk.post(right.as_bytes()).cres();
        assert_last(&last, version, "Y");
        sdk.seen -= 1;
        assert_eq!(sdk.post(right.as_bytes()).cres(), last);
        assert_eq!(sdk.world.rreqs.len(), 1);
    });
}

#[test]
fn another_message_after_the_end_cannot_be_decrypted_any_more() {
    let mut sdk = Sdk::shown(NEWEST, Encryption::A128Gcm);
    let code = sdk.world.code();
    sdk.enter(&code);
    sdk.enter(&code).erro("302");
    assert!(matches!(sdk.wait(), Got::Processing), "the answer of the round is still owed");
    assert_last(&sdk.after_rres(), NEWEST, "Y");
    sdk.enter(&code).erro("302");
    assert_eq!(sdk.world.rreqs.len(), 1);
}

#[test]
fn t_to_03_and_04_late_creqs_get_402() {
    each(|version, enc| {
        let mut sdk = Sdk::new(version, enc);
        sdk.world.wait(31);
        sdk.send(json!({})).erro("402");
        assert_eq!(facts(&sdk.world.rreq()), [json!("N"), json!("14"), json!("05"), json!("00")]);
        assert!(sdk.world.content_key.is_none());

        let mut sdk = Sdk::shown(version, enc);
        sdk.world.wait(601);
        sdk.world.tick();
        assert_eq!(facts(&sdk.world.rreq()), [json!("N"), json!("14"), json!("04"), json!("00")]);
        assert!(sdk.world.content_key.is_none());
        sdk.enter("123456").erro("402");
        assert_eq!(sdk.world.rreqs.len(), 1);
    });
}

#[test]
fn each_screen_starts_the_ten_minutes_anew() {
    let mut sdk = Sdk::shown(NEWEST, Encryption::A128Gcm);
    sdk.world.wait(540);
    sdk.enter("000000").cres();
    sdk.world.wait(540);
    sdk.world.tick();
    assert!(sdk.world.is_open());
    sdk.world.wait(61);
    sdk.world.tick();
    assert!(!sdk.world.is_open());
}

fn decided(version: MessageVersion, enc: Encryption) -> Sdk {
    let mut sdk = Sdk::shown(version, enc);
    let code = sdk.world.code();
    assert!(matches!(sdk.enter(&code), Got::Processing));
    sdk
}

#[test]
fn t_rr_02_04_05_06_an_sdk_hears_of_a_round_that_failed() {
    each(|version, enc| {
        let mut sdk = decided(version, enc);
        sdk.world.rreq_news(RReqNews::NoAnswer);
        sdk.wait().erro("402");
        assert_eq!(sdk.world.erros[0]["errorCode"], "402");
        assert!(sdk.world.content_key.is_none());

        let mut sdk = decided(version, enc);
        sdk.world.issuer.app.without_rres_is_403 = true;
        sdk.world.rreq_news(RReqNews::NoAnswer);
        sdk.wait().erro("403");

        let mut sdk = decided(version, enc);
        let erro = json!({"messageType": "Erro", "messageVersion": version.as_str(),
            "errorCode": "404", "errorComponent": "D", "errorDescription": "x",
            "errorDetail": "x"});
        sdk.world.rreq_news(RReqNews::Answered(erro.to_string().as_bytes()));
        sdk.wait().erro("403");
        assert!(sdk.world.erros.is_empty());

        for (name, value, code) in [
            ("acsTransID", json!("11111111-2222-4333-8444-555555555555"), "301"),
            ("sdkTransID", json!("11111111-2222-4333-8444-555555555555"), "301"),
            ("resultsStatus", Value::Null, "201"),
            ("resultsStatus", json!("zz"), "203"),
        ] {
            let mut sdk = decided(version, enc);
            let mut rres = sdk.world.rres();
            rres[name] = value;
            sdk.world.rreq_news(RReqNews::Answered(rres.to_string().as_bytes()));
            sdk.wait().erro(code);
            assert_eq!(sdk.world.erros[0]["errorCode"], code);
            assert_eq!(sdk.world.rreq()["transStatus"], "Y", "the result stays");
        }
    });
}

#[test]
fn t_rr_01_two_failed_connections_let_the_sdk_go_with_n() {
    each(|version, enc| {
        let mut sdk = decided(version, enc);
        sdk.world.rreq_news(RReqNews::ConnectionFailedTwice);
        assert_last(&sdk.wait().cres(), version, "N");
        assert!(sdk.world.content_key.is_none());
        assert_eq!(sdk.world.rreqs.len(), 2);
        let late: Value = serde_json::from_slice(&sdk.world.rreqs[1]).unwrap();
        assert_eq!(late["transStatus"], "U");
        assert!(late.get("authenticationValue").is_none());
        sdk.world.answer_rreq();
        sdk.seen -= 1;
        assert_last(&sdk.wait().cres(), version, "N");
    });
}

#[test]
fn other_endpoints_cannot_touch_an_app_challenge_nor_the_other_way_round() {
    let mut sdk = Sdk::new(NEWEST, Encryption::A128Gcm);
    let mut creq = sdk.world.creq();
    creq["challengeWindowSize"] = "02".into();
    sdk.world.send_creq(&creq);
    assert!(sdk.world.is_open() && sdk.world.rreqs.is_empty());
    let mut browser = World::shown(NEWEST);
    let id = browser.transaction().acs_trans_id;
    let header = json!({"alg": "dir", "enc": "A128GCM", "kid": id.to_string()}).to_string();
    let header = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header);
    let body = format!("{header}..AAAA.AAAA.AAAA");
    browser.step(crate::flow::challenge::Input::SdkMessage(body.as_bytes())).unwrap();
    assert!(matches!(browser.transaction().phase, Phase::ExpectEntry(_)));
    assert!(browser.rreqs.is_empty());
}

/// [P-APP-04, P-APP-44]
#[test]
fn without_its_key_the_last_word_is_an_erro_and_nothing_is_kept() {
    each(|version, enc| {
        for released in [false, true] {
            let mut sdk = decided(version, enc);
            sdk.world.content_key = None;
            if released {
                sdk.world.rreq_news(RReqNews::ConnectionFailedTwice);
            } else {
                sdk.world.answer_rreq();
            }
            sdk.wait().erro("404");
            assert_eq!(sdk.world.event("cres-unbuildable")["elements"], "content key");
            assert!(!sdk.world.transaction().needs_secret(), "account data can go");
        }
    });
}

#[test]
fn the_device_language_chooses_the_words() {
    let mut sdk = Sdk::with(NEWEST, Encryption::A128Gcm, |_, areq, _| {
        areq.app.as_mut().unwrap().device.as_mut().unwrap().locale = Some("en_US".to_owned());
        areq.merchant.name = Some("**Midori**\n<b>Books".to_owned());
    });
    let first = sdk.send(json!({})).cres();
    assert_eq!(first["challengeInfoHeader"], "Enter your code");
    let text = first["challengeInfoText"].as_str().unwrap();
    assert!(text.contains("to *Midori* <b>Books with the card ending 1091."), "{text}");
}

#[test]
fn nothing_secret_is_kept_or_told() {
    let mut sdk = decided(NEWEST, Encryption::A128CbcHs256);
    sdk.world.answer_rreq();
    let code = sdk.world.code();
    let events = format!("{:?}", sdk.world.events);
    assert!(!events.contains(&code) && !sdk.world.state.contains(&code));
}

fn asking_for_trust(version: MessageVersion, html: bool) -> Sdk {
    Sdk::with(version, Encryption::A128Gcm, |world, _, _| {
        world.issuer.consents =
            ConsentSettings { trust_list: true, device_binding: true, ..ConsentSettings::off() };
        if html {
            world.issuer.app.interface = Interface::Html;
        }
    })
}

#[test]
fn t_an_13_the_trust_list_is_asked_for_and_must_be_answered() {
    for (version, shown, answered, status) in [
        (MessageVersion::V210, "whitelistingInfoText", "whitelistingDataEntry", "whiteListStatus"),
        (MessageVersion::V220, "whitelistingInfoText", "whitelistingDataEntry", "whiteListStatus"),
        (NEWEST, "trustListInfoText", "trustListDataEntry", "trustListStatus"),
    ] {
        let oldest = version == MessageVersion::V210;
        for answer in ["Y", "N"] {
            let mut sdk = asking_for_trust(version, false);
            let first = sdk.send(json!({})).cres();
            assert_eq!(first.get(shown).is_some(), !oldest);
            assert!(first.get("deviceBindingInfoText").is_none(), "no device is known");
            let code = sdk.world.code();
            let mut entry = json!({"challengeDataEntry": code});
            if !oldest {
                entry[answered] = answer.into();
            }
            assert!(matches!(sdk.send(entry), Got::Processing));
            let rreq = sdk.world.rreq();
            assert_eq!(rreq["transStatus"], "Y");
            match (oldest, answer) {
                (true, _) => assert!(rreq.get(status).is_none()),
                (_, "Y") => assert_eq!(rreq[status], "Y"),
                _ => assert_ne!(rreq[status], "Y"),
            }
            let trusted = sdk.world.consents.iter().any(|consent| consent.given);
            assert_eq!(trusted, !oldest && answer == "Y");
        }
        if oldest {
            continue;
        }
        let mut sdk = asking_for_trust(version, false);
        sdk.send(json!({})).cres();
        let code = sdk.world.code();
        let erro = sdk.enter(&code).erro("201");
        assert_eq!(erro["errorDetail"], answered);
        assert_refused(&sdk, &erro, version);
        assert!(sdk.world.consents.is_empty());
        // Nothing is asked of who cancels.
        let mut sdk = asking_for_trust(version, false);
        sdk.send(json!({})).cres();
        assert!(matches!(sdk.send(json!({"challengeCancel": "01"})), Got::Processing));
    }
}

#[test]
fn a_box_on_the_page_is_the_same_consent() {
    for (more, given) in [("&trust=yes", true), ("", false)] {
        let mut sdk = asking_for_trust(NEWEST, true);
        sdk.send(json!({})).cres();
        let code = sdk.world.code();
        let typed = format!("challengeDataEntry={code}{more}&action=submit");
        assert!(matches!(sdk.send(json!({"challengeHTMLDataEntry": typed})), Got::Processing));
        assert_eq!(sdk.world.consents.iter().any(|consent| consent.given), given);
        assert_eq!(sdk.world.rreq()["trustListStatus"] == "Y", given);
    }
}

//! Whole payments: every version, both issuers, both directory servers, every kind of card.

use ds_simulator::{Receipt, Step};
use e2e::stage::member;
use e2e::{Card, Issuer, Stage, VERSIONS};

/// What every finished challenge has in common.
fn check_challenged(receipt: &Receipt, stage: &Stage) {
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    let events = stage.events(&receipt.id);
    let place = |leg: &str, what: &str| {
        events.iter().position(|event| event.leg == leg && event.what == what)
    };
    let (rreq, rres) = (place("ACS-DS", "RReq").unwrap(), place("DS-ACS", "RRes").unwrap());
    let cres = place("ACS-BRW", "CRes").unwrap();
    assert!(rreq < rres && rres < cres, "RReq {rreq}, RRes {rres}, CRes {cres}");
    let rreqs = events.iter().filter(|event| event.leg == "ACS-DS" && event.what == "RReq");
    assert_eq!(rreqs.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn frictionless_and_challenged_payments_for_both_issuers_over_both_directory_servers() {
    let stage = Stage::set("payments").await;
    for ds in ["ds-a", "ds-b"] {
        for issuer in Issuer::ALL {
            for version in VERSIONS {
                let mut options = stage.options(&issuer.pan(Card::Frictionless));
                options.version = Some(version.to_owned());
                let receipt = stage.pay(ds, &options).await;
                assert_eq!(receipt.problems, Vec::<String>::new(), "{ds} {issuer:?} {version}");
                assert_eq!(receipt.status.as_deref(), Some("Y"), "{ds} {issuer:?} {version}");
                assert!(receipt.authentication_value && receipt.eci.is_some());
                assert_eq!(receipt.version, version);

                let mut options = stage.options(&issuer.pan(Card::Sms));
                options.version = Some(version.to_owned());
                options.order.session_data = Some("b3JkZXItNDcxMQ".to_owned());
                let receipt = stage.pay(ds, &options).await;
                check_challenged(&receipt, &stage);
                assert_eq!(receipt.status.as_deref(), Some("Y"), "{ds} {issuer:?} {version}");
                assert!(receipt.authentication_value);
                assert_eq!(receipt.interaction_counter.as_deref(), Some("01"));
                let rreq = receipt.rreq.unwrap();
                let (name, old) = ("authenticationMethod", version != "2.3.1");
                assert_eq!(rreq.get("authenticationType").is_some(), old, "{rreq}");
                assert!(old || rreq[name].is_array(), "{rreq}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_card_gets_the_answer_of_its_state() {
    let stage = Stage::set("card-states").await;
    let expected = [
        (Card::NotActivated, "N", Some("13")),
        (Card::NotEnrolled, "N", Some("13")),
        (Card::Suspended, "N", Some("12")),
        (Card::Lost, "R", Some("10")),
        (Card::Stolen, "R", Some("10")),
        (Card::Expired, "N", Some("05")),
        (Card::Unknown, "N", Some("08")),
        (Card::ScriptedAttempt, "A", None),
        (Card::ScriptedDenied, "N", Some("01")),
        (Card::ScriptedUnavailable, "U", Some("08")),
        (Card::ScriptedRejected, "R", Some("11")),
    ];
    for issuer in Issuer::ALL {
        for version in VERSIONS {
            for (card, status, reason) in expected {
                let mut options = stage.options(&issuer.pan(card));
                options.version = Some(version.to_owned());
                options.skip_method = true;
                let receipt = stage.pay("ds-a", &options).await;
                let about = format!("{issuer:?} {version} {card:?}: {receipt:#?}");
                assert_eq!(receipt.problems, Vec::<String>::new(), "{about}");
                assert_eq!(receipt.ares_status.as_deref(), Some(status), "{about}");
                assert_eq!(receipt.reason.as_deref(), reason, "{about}");
                assert_eq!(receipt.authentication_value, status == "A", "{about}");
            }
        }
    }
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.order.expiry = Some("3101".to_owned());
    let receipt = stage.pay("ds-a", &options).await;
    assert_eq!((receipt.status.as_deref(), receipt.reason.as_deref()), (Some("N"), Some("05")));
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_go_by_text_message_or_e_mail_and_unreachable_cardholders_are_not_challenged() {
    let stage = Stage::set("contacts").await;
    let pay = async |card: Card| {
        let mut options = stage.options(&Issuer::Alpha.pan(card));
        options.skip_method = true;
        stage.pay("ds-a", &options).await
    };
    for (card, channel) in [(Card::Sms, "sms"), (Card::Email, "email")] {
        let receipt = pay(card).await;
        check_challenged(&receipt, &stage);
        let outbox = std::fs::read_to_string(stage.acs.outbox()).unwrap();
        let last: serde_json::Value = serde_json::from_str(outbox.lines().last().unwrap()).unwrap();
        assert_eq!(last["channel"], channel);
        assert_eq!(last["acsTransID"], receipt.acs_trans_id.unwrap());
        assert!(member(&last, "text").contains(member(&last, "code")), "{last}");
        assert!(last["at"].is_string());
    }
    let receipt = pay(Card::ScriptedChallenge).await;
    check_challenged(&receipt, &stage);
    let receipt = pay(Card::Unreachable).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    assert!(matches!(receipt.ares_status.as_deref(), Some("U" | "N")), "{receipt:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_wishes_decide_who_is_challenged() {
    let stage = Stage::set("decisions").await;
    for version in VERSIONS {
        let mut small = stage.options(&Issuer::Alpha.pan(Card::Sms));
        small.version = Some(version.to_owned());
        small.order.amount = "100".to_owned();
        let receipt = stage.pay("ds-a", &small).await;
        assert_eq!(receipt.problems, Vec::<String>::new());
        assert_eq!(receipt.ares_status.as_deref(), Some("Y"), "small amounts pass: {receipt:#?}");
    }
    for version in ["2.2.0", "2.3.1"] {
        let mut data_only = stage.options(&Issuer::Alpha.pan(Card::Sms));
        data_only.version = Some(version.to_owned());
        data_only.order.challenge_ind = vec!["06".to_owned()];
        let receipt = stage.pay("ds-a", &data_only).await;
        assert_eq!(receipt.problems, Vec::<String>::new());
        assert_eq!(receipt.ares_status.as_deref(), Some("I"), "06 forbids a challenge");
    }
    let mut add_card = stage.options(&Issuer::Beta.pan(Card::Sms));
    add_card.order.category = "02".to_owned();
    add_card.order.session_data = None;
    let receipt = stage.pay("ds-b", &add_card).await;
    check_challenged(&receipt, &stage);
    assert_eq!(receipt.status.as_deref(), Some("Y"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_02_y_in_an_app() {
    let stage = Stage::set_with(e2e::stage::Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    let pan = Issuer::Alpha.pan(Card::Frictionless);
    for version in VERSIONS {
        let areq = ds.app_areq(version, &pan);
        let ares = ds.post(&areq).await.unwrap();
        assert_eq!(ares["messageType"], "ARes", "{ares}");
        assert_eq!(ares["transStatus"], "Y", "{ares}");
        assert!(ares["authenticationValue"].is_string() && ares["eci"].is_string(), "{ares}");
        assert!(ares.get("acsSignedContent").is_none(), "{ares}");
        assert_eq!(ares["sdkTransID"], areq["sdkTransID"]);
        if version == "2.3.1" {
            assert!(ares["deviceInfoRecognisedVersion"].is_string(), "{ares}");
            assert!(ares["threeDSRequestorAppURLInd"].is_string(), "{ares}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_of_the_development_set_do_what_their_file_says() {
    let stage = Stage::set("development-cards").await;
    let cards = ds_simulator::cards::read(&stage.acs.dir().join("sim/cards.json"));
    assert!(cards.len() >= 11, "{} cards", cards.len());
    for card in &cards {
        let mut options = stage.options_approved(&card.pan);
        options.order.expiry.clone_from(&card.expiry);
        options.steps = if card.app.is_some() { Vec::new() } else { vec![Step::Code] };
        options.skip_method = true;
        let receipt = stage.pay("ds-a", &options).await;
        assert_eq!(receipt.problems, Vec::<String>::new(), "{card:?}");
        let promised = card.expect.as_str().unwrap_or_default();
        let ares = receipt.ares_status.as_deref().unwrap_or_default();
        assert!(promised.starts_with(ares), "{card:?} gave {ares}");
    }
    for prefix in ['4', '6'] {
        let of_issuer = |status: &str| {
            cards.iter().any(|card| card.pan.starts_with(prefix) && card.expect == status)
        };
        assert!(of_issuer("Y") && of_issuer("C"), "cards that begin with {prefix}: {cards:?}");
    }
}

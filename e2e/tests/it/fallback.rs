//! Decoupled authentication as the way out of a challenge, 2.3.1 [P-DEC-07].

use std::time::Duration;

use ds_simulator::issuer::IssuerSystems;
use ds_simulator::{PayOptions, Receipt, Step};
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};

/// A payment whose cardholder presses "confirm later" after one wrong code.
fn leaving(stage: &Stage, indicator: &str) -> PayOptions {
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some("2.3.1".to_owned());
    options.skip_method = true;
    options.order.decoupled = Some(indicator.to_owned());
    options.order.decoupled_minutes = Some(60);
    options.steps = vec![Step::Type("000000x".to_owned()), Step::Later];
    options.rreq_patience = Duration::from_secs(20);
    options
}

fn issuer_of(stage: &Stage) -> IssuerSystems {
    IssuerSystems::for_endpoints(&stage.acs.endpoints()).unwrap()
}

async fn paid(stage: &Stage, options: &PayOptions) -> Receipt {
    let receipt = stage.pay("ds-a", options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

/// What the ACS and the 3DS Server said about the result: RReq and RRes.
fn results_status(stage: &Stage, receipt: &Receipt) -> Option<Value> {
    let trace = stage.sim.trace().get(&receipt.id).unwrap();
    let rres = trace.events.iter().filter(|event| event.what == "RRes");
    rres.filter_map(|event| event.body.as_ref()).map(|body| body["resultsStatus"].clone()).next()
}

fn assert_gave_way(stage: &Stage, receipt: &Receipt) {
    assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{receipt:#?}");
    assert_eq!((receipt.status.as_deref(), receipt.reason.as_deref()), (Some("D"), Some("29")));
    assert_eq!(receipt.cres_status.as_deref(), Some("D"));
    assert!(!receipt.authentication_value && receipt.eci.is_none(), "{receipt:#?}");
    assert_eq!(results_status(stage, receipt), Some(json!("04")));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_09_decoupled_fallback() {
    let stage = Stage::set("fallback").await;
    for word in ["approved", "declined"] {
        let mut options = leaving(&stage, "F");
        options.rreq_patience = Duration::ZERO;
        let receipt = paid(&stage, &options).await;
        let merchant = &stage.sim.network().merchant;
        assert_gave_way(&stage, &receipt);
        assert_eq!(receipt.interaction_counter.as_deref(), Some("01"));

        let second = receipt.follow_up.as_ref().unwrap();
        assert_eq!(second.problems, Vec::<String>::new(), "{second:#?}");
        assert_eq!(second.ares_status.as_deref(), Some("D"), "{second:#?}");
        assert_ne!(second.acs_trans_id, receipt.acs_trans_id);
        let id = second.acs_trans_id.as_deref().unwrap();
        let issuer = issuer_of(&stage);
        issuer.asked(id).await.unwrap();
        stage.acs.advance(Duration::from_secs(3000)).await.unwrap();
        issuer.answer(id, word).await.unwrap();
        let rreq = stage.result(&merchant.payment(&second.id).unwrap()).await;
        let expected = if word == "approved" { "Y" } else { "N" };
        assert_eq!(rreq["transStatus"], expected, "{rreq}");
        assert_eq!(rreq.get("authenticationValue").is_some(), word == "approved");
        let first = receipt.acs_trans_id.as_deref().unwrap();
        let directory = &stage.sim.network().directory;
        assert_eq!(directory.rreqs_received(first).len(), 1, "the challenge is over with its D");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_09_decoupled_fallback_after_the_last_attempt() {
    let stage = Stage::set_configured("fallback-exhausted", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            let decoupled = issuer["decoupled"].as_table_mut().unwrap();
            decoupled.insert("fallback".into(), "exhausted".into());
        }
    })
    .await;
    let mut options = leaving(&stage, "F");
    options.steps = vec![Step::Type("000000x".to_owned()); 3];
    options.word = Some((issuer_of(&stage), "approved".to_owned()));
    let receipt = paid(&stage, &options).await;
    assert_gave_way(&stage, &receipt);
    assert_eq!(receipt.interaction_counter.as_deref(), Some("03"));
    let second = receipt.follow_up.unwrap();
    assert!(second.is_consistent(), "{second:#?}");
    assert_eq!((second.status.as_deref(), second.authentication_value), (Some("Y"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_09_the_3ri_must_follow_its_challenge() {
    let stage = Stage::set("fallback-unproven").await;
    let mut options = leaving(&stage, "F");
    options.no_fallback = true;
    let receipt = paid(&stage, &options).await;
    assert_gave_way(&stage, &receipt);

    let mut later = leaving(&stage, "Y");
    later.order.channel = "03".to_owned();
    later.order.three_ri_ind = Some("19".to_owned());
    let refused = |receipt: Receipt, what: &str| {
        let said = (receipt.ares_status.as_deref(), receipt.reason.as_deref());
        assert_eq!(said, (Some("N"), Some("01")), "{what}");
    };
    later.order.prior_ref = Some("6e1c0f7a-6a3c-4d0e-9a57-0c6e4b1f2a33".to_owned());
    refused(paid(&stage, &later).await, "not ours");
    later.order.prior_ref.clone_from(&receipt.acs_trans_id);
    later.order.pan = Issuer::Alpha.pan(Card::Email);
    refused(paid(&stage, &later).await, "another card");
    later.order.pan.clone_from(&options.order.pan);
    let mut otherwise = later.clone();
    let info = json!([{"threeDSReqPriorAuthMethod": "01",
        "threeDSReqPriorAuthTimestamp": "202611250900",
        "threeDSReqPriorRef": receipt.acs_trans_id}]);
    otherwise.order.overrides.insert("threeDSRequestorPriorAuthenticationInfo".to_owned(), info);
    refused(paid(&stage, &otherwise).await, "it says that no challenge came before it");
    // What was refused used nothing up; what is answered does, over a restart too.
    later.order.decoupled_minutes = Some(1);
    let second = paid(&stage, &later).await;
    assert_eq!(second.ares_status.as_deref(), Some("D"), "{second:#?}");
    refused(paid(&stage, &later).await, "a second one");
    stage.acs.kill_9();
    stage.acs.start().await.unwrap();
    refused(paid(&stage, &later).await, "a third one");

    let receipt = paid(&stage, &options).await;
    assert_gave_way(&stage, &receipt);
    later.order.prior_ref.clone_from(&receipt.acs_trans_id);
    stage.acs.advance(Duration::from_secs(121)).await.unwrap();
    refused(paid(&stage, &later).await, "too late");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_10_fallback_not_allowed() {
    let stage = Stage::set_configured("fallback-not-allowed", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            let decoupled = issuer["decoupled"].as_table_mut().unwrap();
            decoupled.insert("fallback".into(), "exhausted".into());
            // A challenge although decoupled is asked for.
            decoupled.insert("offered".into(), false.into());
        }
    })
    .await;
    for (version, indicator) in [("2.3.1", "Y"), ("2.3.1", "F"), ("2.2.0", "Y"), ("2.3.1", "N")] {
        let mut options = leaving(&stage, indicator);
        options.version = Some(version.to_owned());
        if indicator == "N" {
            options.order.decoupled_minutes = None;
        }
        // A button that the page does not have shows the page again.
        options.steps = vec![Step::Later; 2];
        options.steps.extend(vec![Step::Type("000000x".to_owned()); 3]);
        let receipt = paid(&stage, &options).await;
        assert_eq!(receipt.ares_status.as_deref(), Some("C"));
        assert_eq!((receipt.status.as_deref(), receipt.reason.as_deref()), (Some("N"), Some("19")));
        assert_eq!(receipt.cres_status.as_deref(), Some("N"));
        assert!(receipt.follow_up.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_10_no_fallback_without_the_requestors_word() {
    let stage = Stage::set_configured("fallback-not-asked", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            let decoupled = issuer["decoupled"].as_table_mut().unwrap();
            decoupled.insert("fallback".into(), "exhausted".into());
        }
    })
    .await;
    for indicator in [Some("N"), None] {
        let mut options = leaving(&stage, "N");
        options.order.decoupled = indicator.map(str::to_owned);
        options.order.decoupled_minutes = None;
        options.steps = vec![Step::Later];
        options.steps.extend(vec![Step::Type("000000x".to_owned()); 3]);
        let receipt = paid(&stage, &options).await;
        assert_eq!(
            (receipt.ares_status.as_deref(), receipt.status.as_deref()),
            (Some("C"), Some("N"))
        );
    }
}

//! What cardholders agree to on the challenge page: trusted merchants and bound devices.

use ds_simulator::{Browser, PayOptions, Receipt, pay};
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};

/// Both issuers ask for everything; trusted merchants and bound devices are not challenged.
fn asking(config: &mut toml::Table) {
    for issuer in config["issuer"].as_array_mut().unwrap() {
        let issuer = issuer.as_table_mut().unwrap();
        let consent = toml::toml! {
            trust_list = true
            device_binding = true
        };
        issuer.insert("consent".to_owned(), consent.into());
        let rules = toml::toml! {
            [[rule]]
            name = "trusted merchant"
            when = { trusted_merchant = true }
            then = "accept"
            [[rule]]
            name = "own device"
            when = { bound_device = true }
            then = "accept"
        };
        let mut ours = rules["rule"].as_array().unwrap().clone();
        if let Some(theirs) = issuer.get("rule").and_then(|rules| rules.as_array()) {
            ours.extend(theirs.iter().cloned());
        }
        issuer.insert("rule".to_owned(), ours.into());
    }
}

fn options(stage: &Stage, version: &str, card: Card, ticks: &[&str]) -> PayOptions {
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    options.ticks = ticks.iter().map(|&name| name.to_owned()).collect();
    options
}

async fn paid(stage: &Stage, browser: &Browser, options: &PayOptions) -> Receipt {
    let receipt = pay(&stage.sim.network().merchant, browser, options).await.unwrap();
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    assert_eq!(receipt.status.as_deref(), Some("Y"), "{receipt:#?}");
    receipt
}

fn pair(message: &Value, name: &str) -> [Value; 2] {
    [message[name].clone(), message[format!("{name}Source")].clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_24_whitelist_consent() {
    let stage = Stage::set_configured("whitelist", asking).await;
    let browser = stage.sim.browser().unwrap();
    let unticked = options(&stage, "2.2.0", Card::Sms, &[]);
    let receipt = paid(&stage, &browser, &unticked).await;
    let rreq = receipt.rreq.unwrap();
    assert_eq!(pair(&rreq, "whiteListStatus"), [json!("N"), json!("03")], "{rreq}");
    let ticked = options(&stage, "2.2.0", Card::Sms, &["trust"]);
    let receipt = paid(&stage, &browser, &ticked).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"), "a refusal is no consent");
    let rreq = receipt.rreq.unwrap();
    assert_eq!(pair(&rreq, "whiteListStatus"), [json!("Y"), json!("03")], "{rreq}");
    assert!(rreq.get("trustListStatus").is_none() && rreq.get("deviceBindingStatus").is_none());

    // From now on that card is known to trust that merchant, after a restart too.
    stage.acs.kill_9();
    stage.acs.start().await.unwrap();
    let receipt = paid(&stage, &browser, &unticked).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("Y"));
    let ares = receipt.ares.unwrap();
    assert_eq!(pair(&ares, "whiteListStatus"), [json!("Y"), json!("03")], "{ares}");
    // But no other merchant, no other card, and nobody through another directory server.
    let mut elsewhere = unticked.clone();
    elsewhere.order.overrides.insert("acquirerMerchantID".to_owned(), json!("another-shop"));
    let receipt = paid(&stage, &browser, &elsewhere).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    let other_card = options(&stage, "2.2.0", Card::Email, &[]);
    let receipt = paid(&stage, &browser, &other_card).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_15_trust_list_has_its_new_name_in_2_3_1_only() {
    let stage = Stage::set_configured("trust-list", asking).await;
    let browser = stage.sim.browser().unwrap();
    let options_of = |version| options(&stage, version, Card::Sms, &["trust"]);
    let rreq = paid(&stage, &browser, &options_of("2.3.1")).await.rreq.unwrap();
    assert_eq!(pair(&rreq, "trustListStatus"), [json!("Y"), json!("03")], "{rreq}");
    assert!(rreq.get("whiteListStatus").is_none(), "{rreq}");
    for (version, name) in [("2.3.1", "trustListStatus"), ("2.2.0", "whiteListStatus")] {
        let ares = paid(&stage, &browser, &options_of(version)).await.ares.unwrap();
        assert_eq!(pair(&ares, name), [json!("Y"), json!("03")], "{ares}");
        let names: Vec<_> = ares.as_object().unwrap().keys().collect();
        let statuses = names.iter().filter(|name| name.contains("ListStatus")).count();
        assert_eq!(statuses, 2, "{ares}");
    }
    // 2.1.0 knows no list: nothing is said, and the rule holds all the same.
    let ares = paid(&stage, &browser, &options_of("2.1.0")).await.ares.unwrap();
    assert_eq!(ares["transStatus"], "Y");
    assert!(!ares.to_string().contains("ListStatus"), "{ares}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_14_device_binding() {
    let stage = Stage::set_configured("device-binding", asking).await;
    let browser = stage.sim.browser().unwrap();
    let unticked = options(&stage, "2.3.1", Card::Sms, &[]);
    let rreq = paid(&stage, &browser, &unticked).await.rreq.unwrap();
    assert_eq!(pair(&rreq, "deviceBindingStatus"), [json!("04"), json!("03")], "{rreq}");
    let ticked = options(&stage, "2.3.1", Card::Sms, &["bind"]);
    let rreq = paid(&stage, &browser, &ticked).await.rreq.unwrap();
    assert_eq!(pair(&rreq, "deviceBindingStatus"), [json!("14"), json!("03")], "{rreq}");

    // The browser that holds the cookie is known to the 3DS Method.
    let receipt = paid(&stage, &browser, &unticked).await;
    let ares = receipt.ares.unwrap();
    assert_eq!(ares["transStatus"], "Y", "{ares}");
    assert_eq!(pair(&ares, "deviceBindingStatus"), [json!("14"), json!("03")], "{ares}");
    // Without the method, in another browser, and with another card it is not.
    let mut no_method = unticked.clone();
    no_method.skip_method = true;
    let receipt = paid(&stage, &browser, &no_method).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    let other = stage.sim.browser().unwrap();
    let receipt = paid(&stage, &other, &unticked).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    let other_card = options(&stage, "2.3.1", Card::Email, &["bind"]);
    let receipt = paid(&stage, &browser, &other_card).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    // One cookie serves all cards of the browser, and an empty box takes nothing back.
    for options in [&other_card, &unticked] {
        let receipt = paid(&stage, &browser, options).await;
        assert_eq!(receipt.ares_status.as_deref(), Some("Y"));
    }
}

/// Whoever makes a stranger's browser run the 3DS Method for a payment of his own gets nothing by it.
#[tokio::test(flavor = "multi_thread")]
async fn t_23_14_a_bound_device_seen_elsewhere_counts_as_not_seen() {
    for same_address in [true, false] {
        let stage = Stage::set_configured("device-elsewhere", move |config| {
            asking(config);
            for issuer in config["issuer"].as_array_mut().unwrap() {
                let consent = issuer["consent"].as_table_mut().unwrap();
                consent.insert("same_address".to_owned(), same_address.into());
            }
        })
        .await;
        let browser = stage.sim.browser().unwrap();
        let bound = options(&stage, "2.3.1", Card::Sms, &["bind"]);
        paid(&stage, &browser, &bound).await;
        let honest = options(&stage, "2.3.1", Card::Sms, &[]);
        let receipt = paid(&stage, &browser, &honest).await;
        assert_eq!(receipt.ares_status.as_deref(), Some("Y"), "{receipt:#?}");
        let mut relayed = honest.clone();
        relayed.order.overrides.insert("browserIP".to_owned(), json!("203.0.113.9"));
        let receipt = paid(&stage, &browser, &relayed).await;
        let expected = if same_address { "C" } else { "Y" };
        assert_eq!(receipt.ares_status.as_deref(), Some(expected), "{receipt:#?}");
        let counted = stage.acs.metric("acs_device_elsewhere_total", &[]).await.unwrap();
        assert_eq!(counted > 0.0, same_address);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_or_set_where_the_issuer_keeps_no_consents() {
    let stage = Stage::set("no-consents").await;
    let browser = stage.sim.browser().unwrap();
    let ticked = options(&stage, "2.3.1", Card::Sms, &["trust", "bind"]);
    let rreq = paid(&stage, &browser, &ticked).await.rreq.unwrap();
    assert!(rreq.get("trustListStatus").is_none() && rreq.get("deviceBindingStatus").is_none());
    let receipt = paid(&stage, &browser, &ticked).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p_231_01_a_vetted_requestors_authentication_is_a_fact_for_rules() {
    let stage = Stage::set_configured("delegated", |config| {
        let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        let rules = toml::toml! {
            [[rule]]
            name = "delegated"
            then = "accept"
            [rule.when]
            requestor_id = ["ds-sim-requestor-01"]
            requestor_auth_method = ["06", "07"]
            requestor_auth_verified = true
            [[rule]]
            name = "subscription"
            then = { deny = { reason = "12" } }
            [rule.when]
            recurring = true
            multi_transaction = true
        };
        issuer.insert("rule".to_owned(), rules["rule"].clone());
    })
    .await;
    let ds = stage.raw_ds("ds-a");
    let pan = Issuer::Alpha.pan(Card::Sms);
    let with = |info: Value| {
        let mut areq = ds.areq("2.3.1", &pan);
        areq["threeDSRequestorAuthenticationInfo"] = info;
        areq
    };
    let entry = |method: &str, verified: &str| {
        json!({"threeDSReqAuthMethod": method, "threeDSReqAuthTimestamp": "202611250900",
            "threeDSReqAuthData": {"fido": true}, "dsAuthInfVerifInd": verified})
    };
    for (info, expected) in [
        (json!([entry("07", "01")]), "Y"),
        (json!([entry("02", "01"), entry("06", "01")]), "Y"),
        (json!([entry("07", "02")]), "C"),
        (json!([entry("07", "03"), entry("02", "01")]), "C"),
    ] {
        let ares = ds.post(&with(info.clone())).await.unwrap();
        assert_eq!(ares["transStatus"], expected, "{info}: {ares}");
    }
    let mut areq = ds.areq("2.3.1", &pan);
    areq["threeDSRequestorAuthenticationInd"] = json!("02");
    areq["recurringInd"] = json!({"amountInd": "02", "frequencyInd": "02"});
    areq["multiTransaction"] = json!({"merchantList": [{"merchantNameListed": "One"}]});
    let ares = ds.post(&areq).await.unwrap();
    assert_eq!((&ares["transStatus"], &ares["transStatusReason"]), (&json!("N"), &json!("12")));
}

//! Duties of directory server and 3DS Server that an ACS meets.

use ds_simulator::Faults;
use ds_simulator::directory::ranges::{CardRange, RangeAction, RangeChange};
use ds_simulator::merchant::Refreshed;
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

fn change(stage: &Stage, action: RangeAction, range: CardRange) {
    stage.sim.network().directory.change_range(RangeChange { action, range }).unwrap();
}

/// All cards, with an ACS that speaks these versions.
fn speaking(versions: &[&str]) -> CardRange {
    let versions = versions.iter().map(|version| (*version).to_owned()).collect();
    CardRange { versions, ..CardRange::default() }
}

/// PReqs may follow each other at once.
async fn hasty(name: &'static str) -> Stage {
    let faults = Faults { preq_interval_ms: 1, ..Faults::default() };
    Stage::set_with(Setup { record: Some(name), faults, ..Setup::default() }).await
}

async fn refresh(stage: &Stage, version: &str) -> Refreshed {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    stage.sim.network().merchant.refresh_ranges(version).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_01_the_highest_common_version_is_spoken() {
    let stage = hasty("version-choice").await;
    for (versions, chosen) in [
        (&["2.1.0", "2.2.0"][..], "2.2.0"),
        (&["2.1.0"], "2.1.0"),
        (&["2.1.0", "2.2.0", "2.3.1"], "2.3.1"),
        (&["2.3.1"], "2.3.1"),
    ] {
        change(&stage, RangeAction::Modify, speaking(versions));
        refresh(&stage, "2.3.1").await;
        let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
        options.skip_method = true;
        let receipt = stage.pay("ds-a", &options).await;
        assert_eq!(receipt.problems, Vec::<String>::new());
        assert_eq!((receipt.version.as_str(), receipt.status.as_deref()), (chosen, Some("Y")));
        for event in stage.events(&receipt.id) {
            let body = event.body.unwrap_or_default();
            let version = body["messageVersion"].as_str().unwrap_or(chosen);
            assert_eq!(version, chosen, "{} {}", event.leg, event.what);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_04_changes_come_by_serial_number_and_are_applied() {
    let stage = hasty("ranges").await;
    let merchant = &stage.sim.network().merchant;
    for version in VERSIONS {
        assert_eq!(refresh(&stage, version).await, Refreshed::Whole);
        assert_eq!(refresh(&stage, version).await, Refreshed::Changes(0));
    }
    let serial = merchant.known_ranges("2.3.1").await.serial;
    let second = CardRange {
        start: "7000000000000000".to_owned(),
        end: "7999999999999999".to_owned(),
        ..speaking(&["2.2.0"])
    };
    change(&stage, RangeAction::Add, second.clone());
    change(&stage, RangeAction::Modify, CardRange { method: false, ..CardRange::default() });
    for version in VERSIONS {
        assert_eq!(refresh(&stage, version).await, Refreshed::Changes(2));
        let known = merchant.known_ranges(version).await;
        assert_eq!(known.entries.len(), 2);
        assert_ne!(known.serial, serial);
        let first = known.entries[0].to_string();
        assert!(!first.contains("threeDSMethodURL"), "{first}");
    }
    change(&stage, RangeAction::Delete, second);
    assert_eq!(refresh(&stage, "2.3.1").await, Refreshed::Changes(1));
    assert_eq!(merchant.known_ranges("2.3.1").await.entries.len(), 1);
    // What does not fit is complained about, and everything is loaded anew [P-PREQ-05].
    change(&stage, RangeAction::Add, speaking(&["2.2.0"]));
    assert_eq!(refresh(&stage, "2.3.1").await, Refreshed::Reloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_05_a_bad_serial_number_is_307_and_everything_is_loaded_anew() {
    let stage = hasty("serial").await;
    let merchant = &stage.sim.network().merchant;
    for version in VERSIONS {
        assert_eq!(refresh(&stage, version).await, Refreshed::Whole);
        let serial = merchant.known_ranges(version).await.serial;
        stage.sim.network().directory.forget_range_history();
        assert_eq!(refresh(&stage, version).await, Refreshed::Reloaded);
        assert_ne!(merchant.known_ranges(version).await.serial, serial);
    }
    let events = stage.sim.trace().list().into_iter().flat_map(|trace| trace.events);
    let refused = events.filter(|event| {
        let body = event.body.clone().unwrap_or_default();
        event.leg == "DS-3DSS" && body["errorCode"] == "307" && body["errorComponent"] == "D"
    });
    assert_eq!(refused.count(), VERSIONS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_06_a_second_preq_within_the_hour_is_103() {
    let stage = Stage::set("preq-twice").await;
    for version in VERSIONS {
        assert_eq!(refresh(&stage, version).await, Refreshed::Whole);
        assert_eq!(refresh(&stage, version).await, Refreshed::TooEarly);
        let known = stage.sim.network().merchant.known_ranges(version).await;
        assert_eq!(known.entries.len(), 1, "what is known stays");
    }
}

/// The answer to an AReq of the 3DS Server with one element changed, and whether the ACS saw it.
async fn asked(stage: &Stage, version: &str, name: &str, value: Value) -> (Value, bool) {
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Frictionless));
    options.version = Some(version.to_owned());
    options.order.overrides.insert(name.to_owned(), value);
    let payment = stage.begin(&options).await;
    let seen = stage.events(&payment.id).iter().any(|event| event.leg == "DS-ACS");
    (payment.ares.unwrap(), seen)
}

fn minutes_ago(minutes: i64) -> Value {
    let at = time::OffsetDateTime::now_utc() - time::Duration::minutes(minutes);
    let format = time::macros::format_description!("[year][month][day][hour][minute][second]");
    json!(at.format(format).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_37_a_purchase_date_31_minutes_off_is_refused_by_the_directory_server() {
    let stage = Stage::set("purchase-clock").await;
    for minutes in [31, -31] {
        let (erro, seen) = asked(&stage, "2.3.1", "purchaseDate", minutes_ago(minutes)).await;
        assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!("203"), &json!("D")));
        assert_eq!((&erro["errorDetail"], seen), (&json!("purchaseDate"), false));
    }
    for (version, minutes) in [("2.3.1", 29), ("2.2.0", 31), ("2.1.0", 31)] {
        let (ares, _) = asked(&stage, version, "purchaseDate", minutes_ago(minutes)).await;
        assert_eq!(ares["transStatus"], "Y", "{version}: {ares}");
    }
    // What the directory server lets through is the ACS's to judge, and by default it does not.
    stage.sim.set_faults(Faults { areq_unchecked: true, ..Faults::default() });
    let (ares, seen) = asked(&stage, "2.3.1", "purchaseDate", minutes_ago(31)).await;
    assert_eq!((&ares["transStatus"], seen), (&json!("Y"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defective_areq_of_a_3ds_server_ends_at_the_directory_server() {
    let stage = Stage::set_with(Setup::default()).await;
    for version in VERSIONS {
        for (name, value, code) in [
            ("mcc", Value::Null, "201"),
            ("mcc", json!("54"), "203"),
            ("purchaseCurrency", json!("999"), "304"),
            ("messageVersion", json!("2.9.0"), "102"),
        ] {
            let (erro, seen) = asked(&stage, version, name, value).await;
            assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!(code), &json!("D")));
            assert!(!seen, "{version} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ares_that_the_directory_server_refuses_is_told_to_the_acs() {
    let faults = Faults { ares_erro: "203".to_owned(), ..Faults::default() };
    let stage = Stage::set_with(Setup { faults, ..Setup::default() }).await;
    let payment = stage.begin(&stage.options(&Issuer::Alpha.pan(Card::Frictionless))).await;
    assert_eq!(payment.ares.unwrap()["errorComponent"], "D");
    stage.acs.wait_metric("acs_erro_received_total", &["ds=\"ds-a\""], 1.0).await.unwrap();
}

//! Values that a directory server and the ACS agreed on, and the versions of a directory server: what
//! the configuration of one DS changes must not be seen at another.

use ds_simulator::message::new_id;
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

/// A stage where DS A has these settings more; nothing is recorded, as nobody else agreed on them.
async fn stage(ds: &'static str, issuer: &'static str) -> Stage {
    let config = move |config: &mut toml::Table| {
        for (list, more) in [("ds", ds), ("issuer", issuer)] {
            let more: toml::Table = more.parse().unwrap();
            config[list].as_array_mut().unwrap()[0].as_table_mut().unwrap().extend(more);
        }
    };
    Stage::set_with(Setup { config: Some(Box::new(config)), ..Setup::default() }).await
}

/// [P-GEN-08, P-GEN-10] The RReq has the category of the AReq, also where that is the DS's own.
#[tokio::test(flavor = "multi_thread")]
async fn t_av_20_an_agreed_category_comes_back_in_the_result() {
    let agreed = "agreed_values = [{ element = \"messageCategory\", value = \"85\" }]";
    let stage = stage(agreed, "").await;
    let (ds, tab) = (stage.raw_ds("ds-a"), stage.tab());
    for version in VERSIONS {
        let mut areq = ds.areq(version, &Issuer::Alpha.pan(Card::Sms));
        areq["messageCategory"] = json!("85");
        let ares = ds.post(&areq).await.unwrap();
        assert_eq!(ares["transStatus"], "C", "{ares}");
        let creq = json!({"messageType": "CReq", "messageVersion": version,
            "threeDSServerTransID": areq["threeDSServerTransID"],
            "acsTransID": ares["acsTransID"], "challengeWindowSize": "02"});
        let page = tab.creq(&creq, None).await.unwrap();
        let code = stage.code(member(&ares, "acsTransID"), 1).await.unwrap();
        let last = tab.press(&page, &code, "submit").await.unwrap();
        assert_eq!(last.returned().unwrap().message["transStatus"], "Y");
        // The simulator's directory server did not see this AReq and refuses the RReq; it keeps it.
        let id = member(&ares, "acsTransID");
        let rreqs = stage.sim.network().directory.rreqs_received(id);
        let rreq: Value = serde_json::from_slice(&rreqs[0]).unwrap();
        assert_eq!(rreq["messageCategory"], "85", "{rreq}");
        // The other directory server agreed on nothing.
        areq["dsTransID"] = json!(new_id());
        let erro = stage.raw_ds("ds-b").post(&areq).await.unwrap();
        let code = if version == "2.3.1" { "207" } else { "203" };
        assert_eq!(
            (&erro["errorCode"], &erro["errorDetail"]),
            (&json!(code), &json!("messageCategory"))
        );
    }
}

/// [P-STAT-11] A payment system's own reason, named by a rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_name_a_reason_of_the_payment_system() {
    let rule = "rule = [{ name = \"own\", then = { deny = { reason = \"82\" } } }]";
    let stage = stage("", rule).await;
    for version in VERSIONS {
        let areq = stage.raw_ds("ds-a").areq(version, &Issuer::Alpha.pan(Card::Sms));
        let ares = stage.raw_ds("ds-a").post(&areq).await.unwrap();
        assert_eq!(
            (&ares["transStatus"], &ares["transStatusReason"]),
            (&json!("N"), &json!("82")),
            "{version}: {ares}"
        );
    }
}

/// [P-ERRO-02] Where the type is wrong the version was not looked at yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_erro_never_speaks_a_version_that_its_directory_server_does_not() {
    let stage = stage("versions = [\"2.1.0\", \"2.2.0\"]", "").await;
    let (old, all) = (stage.raw_ds("ds-a"), stage.raw_ds("ds-b"));
    for version in VERSIONS {
        for (kind, code) in [("", "201"), ("XReq", "101"), ("CReq", "101"), ("OReq", "101")] {
            let mut areq = old.areq(version, &Issuer::Alpha.pan(Card::Sms));
            areq["messageType"] = json!(kind);
            let erro = old.post(&areq).await.unwrap();
            assert_eq!(erro["errorCode"], code, "{kind}: {erro}");
            let spoken = if version == "2.3.1" { "2.2.0" } else { version };
            assert_eq!(erro["messageVersion"], spoken, "{kind}: {erro}");
            assert_eq!(all.post(&areq).await.unwrap()["messageVersion"], version);
        }
    }
    let newest = old.areq("2.3.1", &Issuer::Alpha.pan(Card::Sms));
    let erro = old.post(&newest).await.unwrap();
    assert_eq!(
        (&erro["errorCode"], &erro["errorDetail"], &erro["messageVersion"]),
        (&json!("102"), &json!("2.1.0,2.2.0"), &json!("2.2.0"))
    );
}

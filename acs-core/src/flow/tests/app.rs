//! The app channel: the ARes that opens it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::harness::{World, app_areq, card, sdk_key};
use crate::crypto::key_agreement::PeerKey;
use crate::element::MessageVersion;
use crate::flow::transaction::Interface;
use crate::message::{AReq, P256PublicJwk};
use crate::profile::{CardLookup, Contacts};

fn answered(set: impl FnOnce(&mut World, &mut AReq), version: MessageVersion) -> World {
    let mut world = World::new();
    let mut areq = app_areq(version);
    set(&mut world, &mut areq);
    world.notification_url_allowed = false;
    world.authenticate(&areq, CardLookup::Found(card()));
    world
}

fn status_and_reason(world: &World) -> (&str, &str) {
    let text = |name: &str| world.ares[name].as_str().unwrap_or_default();
    (text("transStatus"), text("transStatusReason"))
}

#[test]
fn t_an_01_the_ares_opens_a_channel_that_only_the_sdk_can_share() {
    for version in MessageVersion::ALL {
        let world = answered(|_, _| {}, version);
        assert_eq!(status_and_reason(&world), ("C", ""), "{}", world.ares);
        assert!(world.ares.get("acsURL").is_none());
        let newest = version == MessageVersion::V231;
        let mut rendering = json!({ "acsInterface": "01", "acsUiTemplate": "01" });
        if newest {
            rendering["deviceUserInterfaceMode"] = "01".into();
            assert_eq!(world.ares["deviceInfoRecognisedVersion"], "1.6");
            assert_eq!(world.ares["threeDSRequestorAppURLInd"], "N");
        }
        assert_eq!(world.ares["acsRenderingType"], rendering);
        let jws = world.ares["acsSignedContent"].as_str().unwrap();
        let payload = URL_SAFE_NO_PAD.decode(jws.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["acsURL"], "https://acs.example/3ds/challenge/app");
        let own = sdk_key().public_jwk();
        assert_eq!(payload["sdkEphemPubKey"]["x"], own.x);
        let acs: P256PublicJwk = serde_json::from_value(payload["acsEphemPubKey"].clone()).unwrap();
        let shared = sdk_key().agree(&PeerKey::parse(acs).unwrap(), "SDK-REF").unwrap();
        assert!(world.content_key.as_ref() == Some(&shared), "both sides have the key");
        let hidden = URL_SAFE_NO_PAD.encode(shared.expose_bytes());
        assert!(!world.state.contains(&hidden), "and the state has not");
    }
}

#[test]
fn each_transaction_has_a_key_pair_of_its_own() {
    let mut world = answered(|_, _| {}, MessageVersion::V220);
    let first = world.content_key.take();
    world.authenticate(&app_areq(MessageVersion::V220), CardLookup::Found(card()));
    assert!(first.is_some() && first != world.content_key);
}

#[test]
fn t_an_16_the_device_is_shown_what_it_can_show() {
    let shown = |native: bool, html: bool, types: &[&str], wanted: Interface| {
        let world = answered(
            |world, areq| {
                world.issuer.app.interface = wanted;
                let options = &mut areq.app.as_mut().unwrap().render_options;
                (options.native, options.html) = (native, html);
                options.ui_types = types.iter().map(|t| (*t).to_owned()).collect();
            },
            MessageVersion::V220,
        );
        let rendering = &world.ares["acsRenderingType"];
        let text = |name: &str| rendering[name].as_str().map(str::to_owned);
        match (text("acsInterface"), text("acsUiTemplate")) {
            (Some(interface), Some(template)) => format!("{interface} {template}"),
            _ => {
                assert_eq!(status_and_reason(&world), ("U", "03"));
                assert!(world.content_key.is_none());
                String::new()
            }
        }
    };
    let both = ["01", "02", "05"];
    assert_eq!(shown(true, true, &both, Interface::Native), "01 01");
    assert_eq!(shown(true, true, &both, Interface::Html), "02 05");
    assert_eq!(shown(true, false, &both, Interface::Html), "01 01");
    assert_eq!(shown(false, true, &both, Interface::Native), "02 05");
    assert_eq!(shown(false, true, &["01", "04"], Interface::Native), "02 01");
    assert_eq!(shown(true, false, &["04"], Interface::Native), "");
}

#[test]
fn sdk_authentication_types_choose_the_way_of_the_code() {
    let with = |types: &[&str]| {
        answered(
            |_, areq| {
                let options = &mut areq.app.as_mut().unwrap().render_options;
                options.authentication_types = types.iter().map(|t| (*t).to_owned()).collect();
            },
            MessageVersion::V231,
        )
    };
    assert_eq!(with(&["02"]).ares["authenticationMethod"], json!(["02"]));
    assert_eq!(with(&["05", "07"]).ares["authenticationMethod"], json!(["05"]));
    assert_eq!(status_and_reason(&with(&["07"])), ("U", "03"));
}

#[test]
fn without_key_or_contact_there_is_no_challenge() {
    for version in MessageVersion::ALL {
        let technical = if version == MessageVersion::V210 { "07" } else { "22" };
        let world = answered(|world, _| world.signs = false, version);
        assert_eq!(status_and_reason(&world), ("U", technical));
        assert!(world.content_key.is_none());
        let mut world = World::new();
        let mut nobody = card();
        nobody.contacts = Contacts::default();
        world.authenticate(&app_areq(version), CardLookup::Found(nobody));
        assert_eq!(status_and_reason(&world), ("N", "13"));
    }
}

#[test]
fn t_to_02_a_challenge_that_never_begins_is_reported_with_its_rendering() {
    for version in MessageVersion::ALL {
        let mut world = answered(|_, _| {}, version);
        world.wait(31);
        world.tick();
        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "N");
        assert_eq!(rreq["transStatusReason"], "14");
        assert_eq!(rreq["challengeCancel"], "05");
        assert_eq!(rreq["interactionCounter"], "00");
        assert_eq!(rreq["acsRenderingType"], world.ares["acsRenderingType"]);
        assert_eq!(rreq["sdkTransID"], world.ares["sdkTransID"]);
    }
}

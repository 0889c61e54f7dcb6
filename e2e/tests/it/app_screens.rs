//! Screens of an app challenge beside the plain code: information, consents, and the way out to a
//! decoupled authentication.

use std::time::Duration;

use ds_simulator::issuer::IssuerSystems;
use ds_simulator::sdk::challenge::{Act, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::{AppOptions, Interface, Script, Sdk, pay_in_app, play};
use ds_simulator::{CodeSource, Receipt};
use e2e::stage::wrong;
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

use super::app::{ENCRYPTIONS, Opened, assert_ended_refused, names, open_with, refused};

/// Sets a member of both issuers' `[issuer.app]`.
pub(crate) fn set_app(config: &mut toml::Table, key: &str, value: impl Into<toml::Value>) {
    let value = value.into();
    for issuer in config["issuer"].as_array_mut().unwrap() {
        let app = issuer.as_table_mut().unwrap().entry("app");
        let app = app.or_insert_with(|| toml::Table::new().into()).as_table_mut().unwrap();
        app.insert(key.to_owned(), value.clone());
    }
}

fn keeping_trust_lists(config: &mut toml::Table) {
    for issuer in config["issuer"].as_array_mut().unwrap() {
        let consent = toml::toml! { trust_list = true };
        issuer.as_table_mut().unwrap().insert("consent".to_owned(), consent.into());
    }
}

/// Bound devices are not challenged.
fn keeping_bindings(config: &mut toml::Table) {
    for issuer in config["issuer"].as_array_mut().unwrap() {
        let issuer = issuer.as_table_mut().unwrap();
        let consent = toml::toml! {
            device_binding = true
        };
        issuer.insert("consent".to_owned(), consent.into());
        let rules = toml::toml! {
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

async fn code_of(stage: &Stage, opened: &Opened) -> String {
    stage.code(&opened.id(), 1).await.unwrap()
}

fn pair(message: &Value, name: &str) -> [Value; 2] {
    [message[name].clone(), message[format!("{name}Source")].clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_11_information_ui() {
    let stage = Stage::set_configured("bad-app-information", |c| set_app(c, "notice", true)).await;
    for enc in ENCRYPTIONS {
        for interface in [Interface::Native, Interface::Html] {
            let set = |sdk: &mut Sdk| (sdk.encryption, sdk.interface) = (enc, interface);
            let mut opened = open_with(&stage, "2.3.1", Card::Sms, set).await;
            let rendering = opened.payment.ares.as_ref().unwrap()["acsRenderingType"].clone();
            assert_eq!(rendering["acsUiTemplate"], "07");
            let first = opened.screen(&Act::Open).await;
            assert_eq!(first.ui, if interface == Interface::Html { "05" } else { "07" });
            assert!(stage.codes(&opened.id()).is_empty(), "nothing is sent before the button");
            let second = opened.screen(&Act::Continue).await;
            assert_eq!(second.ui, if interface == Interface::Html { "05" } else { "01" });
            let code = code_of(&stage, &opened).await;
            assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(
                (&rreq["interactionCounter"], &rreq["acsRenderingType"]),
                (&json!("01"), &rendering)
            );
        }
    }
    // Versions without the information screen begin with the code.
    for version in ["2.1.0", "2.2.0"] {
        let mut opened = open_with(&stage, version, Card::Sms, |_| {}).await;
        assert_eq!(opened.screen(&Act::Open).await.ui, "01");
        opened.last(&Act::Cancel).await;
    }
    let mut opened = open_with(&stage, "2.3.1", Card::Sms, |_| {}).await;
    opened.screen(&Act::Open).await;
    let creq = opened.challenge.creq(&Act::Open);
    let received = opened.challenge.send(&creq, &[]).await.unwrap();
    let erro = refused(received, "201");
    assert_eq!(erro["errorDetail"], "infoContinueIndicator");
    assert_ended_refused(&stage, &opened, &erro).await;
}

/// A challenge at a shop that nobody trusts yet.
async fn open_at(stage: &Stage, version: &str, enc: Encryption, shop: &str) -> Opened {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    sdk.encryption = enc;
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some(version.to_owned());
    options.order.overrides.insert("acquirerMerchantID".to_owned(), json!(shop));
    let transaction = sdk.begin();
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    let challenge = sdk.open(&transaction, &payment).unwrap();
    Opened { payment, challenge }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_13_whitelist_text() {
    let stage = Stage::set_configured("bad-app-whitelist", keeping_trust_lists).await;
    for enc in ENCRYPTIONS {
        for (version, text, entry, status) in [
            ("2.2.0", "whitelistingInfoText", "whitelistingDataEntry", "whiteListStatus"),
            ("2.3.1", "trustListInfoText", "trustListDataEntry", "trustListStatus"),
        ] {
            let shop = format!("{}-{version}", enc.name());
            let mut opened = open_at(&stage, version, enc, &shop).await;
            assert!(opened.screen(&Act::Open).await.text(text).is_some());
            let code = code_of(&stage, &opened).await;
            let mut creq = opened.challenge.creq(&Act::Type(code));
            creq.as_object_mut().unwrap().remove(entry);
            let received = opened.challenge.send(&creq, &[]).await.unwrap();
            let erro = refused(received, "201");
            assert_eq!(erro["errorDetail"], entry);
            assert_ended_refused(&stage, &opened, &erro).await;

            for (agrees, said) in [(false, "N"), (true, "Y")] {
                let mut opened = open_at(&stage, version, enc, &shop).await;
                assert!(opened.screen(&Act::Open).await.text(text).is_some());
                opened.challenge.consents = agrees;
                let code = code_of(&stage, &opened).await;
                opened.last(&Act::Type(code)).await;
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(pair(&rreq, status), [json!(said), json!("03")], "{rreq}");
            }
            let mut opened = open_at(&stage, version, enc, &shop).await;
            assert!(opened.screen(&Act::Open).await.text(text).is_none(), "trusted already");
            opened.last(&Act::Cancel).await;
        }
        let mut opened = open_at(&stage, "2.1.0", enc, "oldest").await;
        assert!(opened.screen(&Act::Open).await.text("whitelistingInfoText").is_none());
        opened.last(&Act::Cancel).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_14_device_binding_of_an_app() {
    let stage = Stage::set_configured("app-binding", keeping_bindings).await;
    for (number, enc) in ENCRYPTIONS.into_iter().enumerate() {
        for (place, interface) in [Interface::Native, Interface::Html].into_iter().enumerate() {
            let app_id = format!("5b1f1f6c-3a0a-4a53-9c5e-0d3f0000{number:02}{place:02}");
            let set = |sdk: &mut Sdk| {
                (sdk.encryption, sdk.interface) = (enc, interface);
                sdk.app_id.clone_from(&app_id);
            };
            for (agrees, said) in [(false, "04"), (true, "14")] {
                let mut opened = open_with(&stage, "2.3.1", Card::Sms, set).await;
                let screen = opened.screen(&Act::Open).await;
                if interface == Interface::Native {
                    assert!(screen.text("deviceBindingInfoText").is_some());
                }
                opened.challenge.consents = agrees;
                let code = code_of(&stage, &opened).await;
                opened.last(&Act::Type(code)).await;
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(pair(&rreq, "deviceBindingStatus"), [json!(said), json!("03")]);
            }
            // The app on that device is known from now on, and no other.
            let ares = ares_of(&stage, set).await;
            assert_eq!(ares["transStatus"], "Y", "{ares}");
            assert_eq!(pair(&ares, "deviceBindingStatus"), [json!("14"), json!("03")]);
            let other = |sdk: &mut Sdk| sdk.app_id = app_id.replace("5b1f", "5b1e");
            let mut opened = open_with(&stage, "2.3.1", Card::Sms, other).await;
            opened.last(&Act::Cancel).await;
        }
    }
}

async fn ares_of(stage: &Stage, set: impl FnOnce(&mut Sdk)) -> Value {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    set(&mut sdk);
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some("2.3.1".to_owned());
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &sdk.begin(), &options).await.unwrap();
    payment.ares.unwrap()
}

/// A payment in an app whose cardholder does this after the first screen.
async fn left_for_later(
    stage: &Stage,
    enc: Encryption,
    interface: Interface,
    steps: &[&str],
) -> Receipt {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    (sdk.encryption, sdk.interface) = (enc, interface);
    let mut pay = stage.options(&Issuer::Alpha.pan(Card::Sms));
    pay.version = Some("2.3.1".to_owned());
    pay.order.decoupled = Some("F".to_owned());
    pay.order.decoupled_minutes = Some(60);
    pay.rreq_patience = Duration::from_secs(20);
    let issuer = IssuerSystems::for_endpoints(&stage.acs.endpoints()).unwrap();
    pay.word = Some((issuer, "approved".to_owned()));
    let script = Script {
        codes: CodeSource::Outbox(stage.acs.outbox()),
        steps: steps.iter().map(|word| play::Step::parse(word)).collect(),
        consents: false,
        prompt: None,
    };
    let merchant = &stage.sim.network().merchant;
    let receipt = pay_in_app(merchant, &sdk, &AppOptions { pay, script }).await.unwrap();
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

fn assert_gave_way(receipt: &Receipt, counter: &str) {
    assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{receipt:#?}");
    assert_eq!((receipt.status.as_deref(), receipt.reason.as_deref()), (Some("D"), Some("29")));
    assert_eq!(receipt.cres_status.as_deref(), Some("D"));
    assert_eq!(receipt.interaction_counter.as_deref(), Some(counter));
    assert!(!receipt.authentication_value && receipt.eci.is_none(), "{receipt:#?}");
    let second = receipt.follow_up.as_ref().unwrap();
    assert!(second.is_consistent(), "{second:#?}");
    assert_eq!(second.ares_status.as_deref(), Some("D"), "{second:#?}");
    assert_eq!((second.status.as_deref(), second.authentication_value), (Some("Y"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_09_decoupled_fallback_in_an_app() {
    let stage = Stage::set("app-fallback").await;
    for enc in ENCRYPTIONS {
        for interface in [Interface::Native, Interface::Html] {
            let steps = ["000000x", "more", "continue"];
            let receipt = left_for_later(&stage, enc, interface, &steps).await;
            assert_gave_way(&receipt, "01");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_09_decoupled_fallback_after_the_last_attempt_in_an_app() {
    let stage = Stage::set_configured("app-fallback-exhausted", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            let decoupled = issuer["decoupled"].as_table_mut().unwrap();
            decoupled.insert("fallback".into(), "exhausted".into());
        }
    })
    .await;
    for enc in ENCRYPTIONS {
        let steps = ["000000x", "000000x", "000000x", "continue"];
        let receipt = left_for_later(&stage, enc, Interface::Native, &steps).await;
        assert_gave_way(&receipt, "03");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_10_fallback_not_allowed_in_an_app() {
    let stage = Stage::set("bad-app-no-fallback").await;
    for version in ["2.2.0", "2.3.1"] {
        let mut opened = open_with(&stage, version, Card::Sms, |_| {}).await;
        let screen = opened.screen(&Act::Open).await;
        assert!(screen.text("challengeAddLabel").is_none());
        if version == "2.3.1" {
            let received = opened.act(&Act::Additional).await;
            assert!(matches!(&received, Received::Erro(erro) if erro["errorCode"] == "203"));
        } else {
            opened.last(&Act::Cancel).await;
        }
        stage.result(&opened.payment).await;
    }
}

/// A challenge of a card with two contacts, on an SDK that takes codes by mail too.
async fn two_contacts(
    stage: &Stage,
    version: &str,
    enc: Encryption,
    interface: Interface,
) -> Opened {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    (sdk.encryption, sdk.interface) = (enc, interface);
    let mut options = stage.options(&Issuer::Alpha.pan(Card::TwoContacts));
    options.version = Some(version.to_owned());
    let transaction = sdk.begin();
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    let challenge = sdk.open(&transaction, &payment).unwrap();
    Opened { payment, challenge }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_04_multi_select() {
    let stage = Stage::set_configured("app-several", |c| set_app(c, "choose_several", true)).await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            for interface in [Interface::Native, Interface::Html] {
                let mut opened = two_contacts(&stage, version, enc, interface).await;
                let rendering = opened.payment.ares.as_ref().unwrap()["acsRenderingType"].clone();
                assert_eq!(rendering["acsUiTemplate"], "03");
                let screen = opened.screen(&Act::Open).await;
                let keys: Vec<_> = screen.choices().into_iter().map(|(key, _)| key).collect();
                assert_eq!(keys, ["sms", "mail"]);
                let next = opened.screen(&Act::Choose(keys)).await;
                assert_eq!(next.ui, if interface == Interface::Html { "05" } else { "01" });
                let code = stage.code(&opened.id(), 2).await.unwrap();
                let codes = stage.codes(&opened.id());
                assert!(codes.len() == 2 && codes.iter().all(|sent| *sent == code));
                assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(rreq["acsRenderingType"], rendering);
                assert_eq!(rreq["interactionCounter"], "01");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_13_two_entry_boxes() {
    let stage = Stage::set_configured("app-two-codes", |c| set_app(c, "two_codes", true)).await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            for interface in [Interface::Native, Interface::Html] {
                let mut opened = two_contacts(&stage, version, enc, interface).await;
                let screen = opened.screen(&Act::Open).await;
                let boxes = screen.message.contains_key("challengeEntryBoxTwo");
                assert_eq!(boxes, version == "2.3.1" && interface == Interface::Native);
                let one = stage.code_to(&opened.id(), "sms").await.unwrap();
                let two = stage.code_to(&opened.id(), "email").await.unwrap();
                let entered = |one: &str, two: &str| match (version, interface) {
                    ("2.1.0" | "2.2.0", Interface::Native) => Act::Type(format!("{one} {two}")),
                    _ => Act::TypeBoth(one.to_owned(), two.to_owned()),
                };
                opened.screen(&entered(&one, &wrong(&two))).await;
                assert_eq!(opened.last(&entered(&one, &two)).await["transStatus"], "Y");
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(rreq["interactionCounter"], "02");
                if version == "2.3.1" {
                    assert_eq!(rreq["authenticationMethod"], json!(["02", "05"]));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_13_additional_button() {
    let stage = Stage::set_configured("app-other", |c| set_app(c, "other_contact", true)).await;
    for enc in ENCRYPTIONS {
        for interface in [Interface::Native, Interface::Html] {
            let mut opened = two_contacts(&stage, "2.3.1", enc, interface).await;
            opened.screen(&Act::Open).await;
            stage.code_to(&opened.id(), "sms").await.unwrap();
            stage.acs.advance(Duration::from_secs(31)).await.unwrap();
            opened.screen(&Act::Additional).await;
            let code = stage.code_to(&opened.id(), "email").await.unwrap();
            assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(rreq["authenticationMethod"], json!(["05"]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_02_images_and_bold_text() {
    let stage = Stage::set_configured("app-images", |config| {
        let images = toml::toml! {
            high = "https://img.example/high.png"
            default = "https://img.example/default.png"
            dark = "https://img.example/dark.jpg"
        };
        set_app(config, "images", images.clone());
        for ds in config["ds"].as_array_mut().unwrap() {
            ds.as_table_mut().unwrap().insert("images".to_owned(), images.clone().into());
        }
    })
    .await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let set = |sdk: &mut Sdk| sdk.encryption = enc;
            let mut opened = open_with(&stage, version, Card::Sms, set).await;
            let first = opened.screen(&Act::Open).await;
            let newest = version == "2.3.1";
            for image in ["issuerImage", "psImage"] {
                let found = names(&first.message[image]);
                assert_eq!(found, if newest { vec!["dark", "default"] } else { vec!["high"] });
            }
            assert_eq!(first.text("challengeInfoText").unwrap().contains("**"), newest);
            let second = opened.screen(&Act::Type("000000x".to_owned())).await;
            assert!(!second.message.contains_key("issuerImage"));
            opened.last(&Act::Cancel).await;
        }
    }
}

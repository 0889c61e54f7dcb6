//! Secure Payment Confirmation: S, the second AReq, and what stays away.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};

use super::harness::{World, areq, card};
use crate::element::{MessageCategory, MessageVersion};
use crate::flow::spc::assertion;
use crate::flow::transaction::Phase;
use crate::flow::{Prior, PriorTransaction};
use crate::message::AReq;
use crate::policy::RuleOutcome;
use crate::profile::{Card, CardLookup, Passkey, SpcFailure, SpcSettings};

const NEWEST: MessageVersion = MessageVersion::V231;
const ORIGIN: &str = "https://shop.example";

fn settings() -> SpcSettings {
    SpcSettings {
        icon: "data:image/png;base64,iVBORw0KGgo=".to_owned(),
        timeout_ms: 300_000,
        wait_seconds: 600,
        currency: "JPY".to_owned(),
        on_failure: SpcFailure::Deny,
        on_incomplete: SpcFailure::Challenge,
        in_challenge: false,
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn passkey(byte: u8) -> Passkey {
    let spki = key(byte).verifying_key().to_public_key_der().unwrap();
    Passkey {
        credential_id: base64url([byte; 16]),
        public_key: base64url(spki.as_bytes()),
        rp_id: "bank.example".to_owned(),
    }
}

fn holder() -> Card {
    Card { passkeys: vec![passkey(1), passkey(2)], ..card() }
}

fn asking() -> AReq {
    let mut areq = areq(NEWEST);
    areq.spc.supported = true;
    areq.spc.payee_origin = Some(ORIGIN.to_owned());
    areq
}

fn world() -> World {
    let mut world = World::new();
    world.issuer.spc = Some(settings());
    world
}

fn offered() -> World {
    let mut world = world();
    world.authenticate(&asking(), CardLookup::Found(holder()));
    assert_eq!(world.ares["transStatus"], "S", "{}", world.ares);
    world
}

/// The client data that an honest browser makes of an ARes S.
fn client_data(ares: &Value) -> Value {
    let data = &ares["spcTransData"];
    json!({
        "type": "payment.get", "challenge": data["challenge"], "origin": ORIGIN,
        "crossOrigin": false,
        "payment": {
            "rpId": "bank.example", "topOrigin": ORIGIN, "payeeOrigin": data["payeeOrigin"],
            "payeeName": data["payeeName"],
            "total": {"currency": data["currency"], "value": data["value"]},
            "instrument": {"icon": data["icon"], "displayName": data["displayName"]},
        },
    })
}

fn signed(byte: u8, flags: u8, rp: &str, client: &Value) -> Value {
    let client = client.to_string();
    let mut data =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, rp.as_bytes()).as_ref().to_vec();
    data.extend([flags, 0, 0, 0, 7]);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, client.as_bytes());
    let signature: Signature = key(byte).sign(&[&data, hash.as_ref()].concat());
    json!({
        "id": base64url([byte; 16]), "rawId": base64url([byte; 16]), "type": "public-key",
        "response": {
            "clientDataJSON": base64url(&client), "authenticatorData": base64url(&data),
            "signature": base64url(signature.to_der().as_bytes()),
        },
    })
}

fn assertion_of(ares: &Value) -> Value {
    signed(1, 5, "bank.example", &client_data(ares))
}

/// The answer to a second AReq in the same world, and why.
fn second(first: &World, edit: impl FnOnce(&mut World, &mut AReq)) -> (Value, Value, bool) {
    let mut again = world();
    again.now = first.now;
    again.prior = Prior::Found(Box::new(PriorTransaction::of(&first.transaction())));
    let mut areq = asking();
    edit(&mut again, &mut areq);
    again.authenticate(&areq, CardLookup::Found(holder()));
    (again.ares.clone(), again.event("areq-answered").clone(), again.closes_prior)
}

#[test]
fn s_carries_what_the_browser_needs() {
    let world = offered();
    let ares = &world.ares;
    let data = &ares["spcTransData"];
    assert_eq!(ares["webAuthnCredList"][0]["rpID"], "bank.example");
    assert_eq!(ares["webAuthnCredList"][1]["credentialIds"], base64url([2; 16]));
    assert_eq!((&data["value"], &data["currency"]), (&json!("12800"), &json!("JPY")));
    assert_eq!(
        (&data["payeeOrigin"], &data["payeeName"]),
        (&json!(ORIGIN), &json!("Midori Books"))
    );
    assert_eq!(data["displayName"], "アルファ銀行 ****1091");
    assert_eq!(data["timeout"], "300000");
    assert_eq!(data["challenge"].as_str().unwrap().len(), 43);
    for absent in ["acsURL", "acsChallengeMandated", "authenticationMethod", "eci"] {
        assert!(ares.get(absent).is_none(), "{absent}");
    }
    assert!(world.codes.is_empty());
    assert_eq!(world.transaction().deadline(), Some(world.now.plus_seconds(600)));
}

#[test]
fn challenges_are_never_the_same() {
    let mut world = world();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        world.authenticate(&asking(), CardLookup::Found(holder()));
        seen.insert(world.ares["spcTransData"]["challenge"].to_string());
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn s_is_given_only_where_all_can_do_it() {
    let ask = |edit: &dyn Fn(&mut World, &mut AReq, &mut Card)| {
        let (mut world, mut areq, mut card) = (world(), asking(), holder());
        edit(&mut world, &mut areq, &mut card);
        world.authenticate(&areq, CardLookup::Found(card))["transStatus"].clone()
    };
    assert_eq!(ask(&|_, _, card| card.contacts = Default::default()), "S");
    assert_eq!(ask(&|_, areq, _| areq.spc.supported = false), "C");
    assert_eq!(ask(&|_, areq, _| areq.version = MessageVersion::V220), "C");
    assert_eq!(ask(&|_, _, card| card.passkeys.clear()), "C");
    assert_eq!(ask(&|world, _, _| world.issuer.spc = None), "C");
    assert_eq!(ask(&|world, _, _| world.issuer.default_outcome = RuleOutcome::Accept), "Y");
    assert_eq!(ask(&|_, areq, _| areq.challenge_ind = vec!["06".to_owned()]), "N");
}

#[test]
fn a_non_payment_shows_nothing_to_pay() {
    let mut world = world();
    let mut areq = asking();
    areq.category = MessageCategory::NonPayment;
    areq.purchase = None;
    let ares = world.authenticate(&areq, CardLookup::Found(holder()));
    assert_eq!(ares["spcTransData"]["value"], "0", "{ares}");
    areq.purchase = asking().purchase.map(|mut purchase| {
        (purchase.amount, purchase.currency, purchase.exponent) =
            ("5".to_owned(), "840".to_owned(), 2);
        purchase
    });
    let ares = world.authenticate(&areq, CardLookup::Found(holder()));
    assert_eq!(ares["spcTransData"]["value"], "0.05", "{ares}");
}

#[test]
fn a_right_assertion_is_y_with_a_value_and_closes_the_first() {
    let first = offered();
    let said = assertion_of(&first.ares);
    let (ares, why, closes) = second(&first, |_, areq| areq.spc.assertion = Some(said));
    assert_eq!(ares["transStatus"], "Y", "{why}");
    assert!(ares["authenticationValue"].is_string());
    assert_eq!((&ares["eci"], &why["rule"]), (&json!("05"), &json!("spc-assertion")));
    assert!(closes);
    let closed = first.transaction().after_following_areq().unwrap();
    assert!(matches!(&closed.phase, Phase::Answered(_)));
    assert_eq!((closed.deadline(), closed.revision), (None, 1));
    assert!(closed.after_following_areq().is_none(), "once");
}

#[test]
fn whatever_was_not_asked_is_not_y() {
    let first = offered();
    let honest = client_data(&first.ares);
    let with = |path: &str, value: Value| {
        let mut client = honest.clone();
        *client.pointer_mut(path).unwrap() = value;
        signed(1, 5, "bank.example", &client)
    };
    let good = assertion_of(&first.ares);
    let mut forged = good;
    forged["response"]["clientDataJSON"] =
        json!(base64url(with("/payment/total/value", json!("1"))["response"].to_string()));
    let mut stranger = signed(3, 5, "bank.example", &honest);
    let cases = [
        (with("/payment/total/value", json!("1280")), "amount-differs"),
        (with("/payment/total/currency", json!("USD")), "amount-differs"),
        (with("/payment/payeeOrigin", json!("https://evil.example")), "payee-differs"),
        (with("/payment/payeeName", json!("Evil")), "payee-differs"),
        (with("/payment/instrument/displayName", json!("Gold")), "instrument-differs"),
        (with("/payment/instrument/icon", json!("data:,")), "instrument-differs"),
        (with("/challenge", json!(base64url([9; 32]))), "challenge-differs"),
        (with("/challenge", json!("")), "challenge-differs"),
        (with("/type", json!("webauthn.get")), "type-differs"),
        (with("/origin", json!("http://shop.example")), "origin-implausible"),
        (with("/payment/rpId", json!("evil.example")), "relying-party-differs"),
        (signed(1, 1, "bank.example", &honest), "user-not-verified"),
        (signed(1, 4, "bank.example", &honest), "user-not-verified"),
        (signed(1, 5, "evil.example", &honest), "relying-party-differs"),
        (stranger.clone(), "passkey-of-another"),
        (
            {
                stranger["id"] = json!(base64url([1; 16]));
                stranger["rawId"] = json!(base64url([1; 16]));
                stranger
            },
            "signature-wrong",
        ),
        (forged, "signature-wrong"),
        (json!({}), "no-credential-id"),
        (json!({"id": base64url([1; 16])}), "no-client-data"),
    ];
    for (said, expected) in cases {
        let (ares, why, closes) = second(&first, |_, areq| areq.spc.assertion = Some(said));
        assert_eq!((&ares["transStatus"], &why["obstacle"]), (&json!("N"), &json!(expected)));
        assert!(ares.get("authenticationValue").is_none());
        assert!(closes, "its challenge is used up: {expected}");
    }
}

#[test]
fn another_payment_card_or_time_makes_an_assertion_worthless() {
    let first = offered();
    let said = assertion_of(&first.ares);
    let judged = |edit: &dyn Fn(&mut World, &mut AReq)| {
        let (ares, why, closes) = second(&first, |world, areq| {
            areq.spc.assertion = Some(said.clone());
            edit(world, areq);
        });
        (ares["transStatus"].clone(), why["obstacle"].clone(), closes)
    };
    let cheaper = |_: &mut World, areq: &mut AReq| {
        areq.purchase.as_mut().unwrap().amount = "99999".to_owned();
    };
    assert_eq!(judged(&cheaper), (json!("N"), json!("payment-differs"), true));
    let elsewhere = |_: &mut World, areq: &mut AReq| {
        areq.merchant.acquirer_merchant_id = Some("shop-2".to_owned());
    };
    assert_eq!(judged(&elsewhere), (json!("N"), json!("merchant-differs"), true));
    let late = |world: &mut World, _: &mut AReq| world.now = world.now.plus_seconds(600);
    assert_eq!(judged(&late), (json!("N"), json!("challenge-too-old"), true));
    let alone = |world: &mut World, _: &mut AReq| world.prior = Prior::NotNamed;
    assert_eq!(judged(&alone), (json!("N"), json!("no-first-transaction"), false));
    let other_card = |world: &mut World, _: &mut AReq| {
        if let Prior::Found(prior) = &mut world.prior {
            prior.card_token = "d".repeat(64);
        }
    };
    assert_eq!(judged(&other_card), (json!("N"), json!("challenge-not-open"), false));
    let used = |world: &mut World, _: &mut AReq| {
        let closed = first.transaction().after_following_areq().unwrap();
        world.prior = Prior::Found(Box::new(PriorTransaction::of(&closed)));
    };
    assert_eq!(judged(&used), (json!("N"), json!("challenge-not-open"), false), "a replay");
    let lenient = |world: &mut World, areq: &mut AReq| {
        cheaper(world, areq);
        world.issuer.spc.as_mut().unwrap().on_failure = SpcFailure::Challenge;
    };
    assert_eq!(judged(&lenient), (json!("C"), json!("payment-differs"), true));
}

#[test]
fn an_unfinished_confirmation_is_never_s_again() {
    let first = offered();
    for (how, expected) in
        [(SpcFailure::Challenge, "C"), (SpcFailure::Deny, "N"), (SpcFailure::Unavailable, "U")]
    {
        for code in [Some("01"), Some("02"), Some("03"), None] {
            let (ares, why, closes) = second(&first, |world, areq| {
                world.issuer.spc.as_mut().unwrap().on_incomplete = how;
                areq.spc.incomplete = code.map(str::to_owned);
            });
            assert_eq!(ares["transStatus"], expected, "{code:?}");
            assert_eq!(why["rule"], "spc-incomplete");
            assert!(closes);
        }
    }
}

#[test]
fn without_a_second_areq_the_first_ends_after_ten_minutes() {
    let mut world = offered();
    world.wait(599);
    world.tick();
    assert!(world.rreqs.is_empty());
    world.wait(1);
    world.tick();
    let rreq = world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["transStatusReason"]), (&json!("N"), &json!("14")));
    assert_eq!(
        (&rreq["challengeCancel"], &rreq["interactionCounter"]),
        (&json!("04"), &json!("00"))
    );
    assert_eq!(rreq["authenticationMethod"], json!(["14"]));
    assert!(rreq.get("authenticationValue").is_none());
    assert!(world.transaction().after_following_areq().is_none(), "its challenge died with it");
}

#[test]
fn keys_that_cannot_be_used_are_known_beforehand() {
    assert!(assertion::is_usable(&passkey(1)));
    let broken = |edit: &dyn Fn(&mut Passkey)| {
        let mut passkey = passkey(1);
        edit(&mut passkey);
        assertion::is_usable(&passkey)
    };
    assert!(!broken(&|key| key.public_key = "AAAA".to_owned()));
    assert!(!broken(&|key| key.rp_id.clear()));
    assert!(!broken(&|key| key.credential_id = "*".to_owned()));
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::erro::erro;

const BROWSER: Cell = Cell { channel: DeviceChannel::Browser, category: MessageCategory::Payment };

fn rules() -> ReadRules {
    ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    }
}

/// A browser AReq as a directory server sends it, with what its version asks for.
pub(crate) fn browser_areq(version: &str) -> Value {
    let mut areq = json!({
        "messageType": "AReq", "messageVersion": version, "deviceChannel": "02",
        "messageCategory": "01", "threeDSCompInd": "Y",
        "threeDSServerTransID": "6afa6072-9412-446b-9673-2f98b3ee98a2",
        "threeDSServerRefNumber": "3DS_LOA_SER_0001", "threeDSServerURL": "https://3dss.example/r",
        "threeDSRequestorID": "az0123456789", "threeDSRequestorName": "Shop",
        "threeDSRequestorURL": "https://shop.example", "threeDSRequestorAuthenticationInd": "01",
        "dsTransID": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b", "dsReferenceNumber": "DS_1",
        "dsURL": "https://ds.example/rreq", "acctNumber": "4000000000001000",
        "cardExpiryDate": "3012", "acquirerBIN": "868491", "acquirerMerchantID": "mGm6AJZ1YotkJJ",
        "mcc": "5411", "merchantCountryCode": "392", "merchantName": "Shop",
        "purchaseAmount": "12800", "purchaseCurrency": "392", "purchaseExponent": "0",
        "purchaseDate": "20261124120000", "notificationURL": "https://shop.example/n",
        "browserAcceptHeader": "text/html", "browserLanguage": "ja-JP", "browserUserAgent": "UA",
        "browserColorDepth": "24", "browserScreenHeight": "900", "browserScreenWidth": "1440",
        "browserTZ": "-540", "browserJavaEnabled": false
    });
    if version != "2.1.0" {
        areq["browserJavascriptEnabled"] = json!(true);
    }
    if version == "2.3.1" {
        areq["acceptLanguage"] = json!(["ja", "en"]);
        areq["acquirerCountryCode"] = json!("392");
        areq["acquirerCountryCodeSource"] = json!("01");
    }
    areq
}

/// The same from an app; what belongs to browsers is dropped.
fn app_areq(version: &str) -> Value {
    let mut areq = browser_areq(version);
    let app = json!({
        "deviceChannel": "01", "deviceInfo": "e30",
        "sdkAppID": "dbd64fcb-c19a-4728-8849-e3d50bfdde39", "sdkMaxTimeout": "05",
        "sdkReferenceNumber": "SDK-REF", "sdkTransID": "b2385523-a66c-4907-ac3c-91848e8c0067",
        "deviceRenderOptions": {"sdkInterface": "03", "sdkUiType": ["01", "05"]},
        "sdkEphemPubKey": {
            "kty": "EC", "crv": "P-256",
            "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
            "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
        },
    });
    areq.as_object_mut().unwrap().extend(app.as_object().unwrap().clone());
    areq
}

fn read(message: &Value) -> Result<AReq, Value> {
    read_bytes(message.to_string().as_bytes())
}

fn read_bytes(body: &[u8]) -> Result<AReq, Value> {
    match read_areq(body, &rules()) {
        Ok(AtAreqEndpoint::AReq(areq)) => Ok(*areq),
        Ok(AtAreqEndpoint::Erro(_)) => panic!("an Erro"),
        Err(rejection) => {
            let body = erro(&rejection, &MessageVersion::ALL).body;
            Err(serde_json::from_slice(&body).unwrap())
        }
    }
}

/// Code and detail of the Erro for `message` with `change` merged in; null takes away.
fn refused(version: &str, change: Value) -> (String, String) {
    let mut message = browser_areq(version);
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(message.as_object_mut().unwrap().remove(name)),
            value => message[name] = value.clone(),
        }
    }
    let erro = read(&message).expect_err("it is refused");
    let text = |name: &str| erro[name].as_str().unwrap().to_owned();
    (text("errorCode"), text("errorDetail"))
}

fn pair(code: &str, detail: &str) -> (String, String) {
    (code.to_owned(), detail.to_owned())
}

#[test]
fn a_browser_areq_is_read_in_each_version() {
    for version in ["2.1.0", "2.2.0", "2.3.1"] {
        let areq = read(&browser_areq(version)).unwrap_or_else(|e| panic!("{version}: {e}"));
        assert_eq!(areq.version.as_str(), version);
        assert_eq!(areq.pan.last4(), "1000");
        assert_eq!(areq.purchase.unwrap().amount, "12800");
        assert_eq!(areq.browser.unwrap().language.as_deref(), Some("ja-JP"));
    }
}

#[test]
fn every_offender_of_the_first_failing_stage_is_named() {
    for version in ["2.1.0", "2.2.0", "2.3.1"] {
        let two = refused(version, json!({"mcc": null, "acquirerBIN": "", "browserTZ": "x"}));
        assert_eq!(two, pair("201", "acquirerBIN,mcc"));
        let change = json!({"browserTZ": "x", "purchaseDate": "20261324120000", "mcc": "541"});
        assert_eq!(refused(version, change), pair("203", "browserTZ,mcc,purchaseDate"));
    }
}

#[test]
fn conditions_that_the_message_shows_are_enforced() {
    assert_eq!(refused("2.2.0", json!({"browserTZ": null})), pair("201", "browserTZ"));
    let off = json!({"browserTZ": null, "browserJavascriptEnabled": false});
    let mut message = browser_areq("2.2.0");
    message.as_object_mut().unwrap().remove("browserTZ");
    message["browserJavascriptEnabled"] = off["browserJavascriptEnabled"].clone();
    assert!(read(&message).is_ok());
    let recurring = json!({"threeDSRequestorAuthenticationInd": "02"});
    assert_eq!(refused("2.1.0", recurring), pair("201", "recurringExpiry,recurringFrequency"));
}

#[test]
fn reserved_values_have_their_own_code_from_2_3_1_on() {
    let change = || json!({"threeDSRequestorAuthenticationInd": "60"});
    let name = "threeDSRequestorAuthenticationInd";
    assert_eq!(refused("2.1.0", change()), pair("203", name));
    assert_eq!(refused("2.2.0", change()), pair("203", name));
    assert_eq!(refused("2.3.1", change()), pair("207", name));
}

#[test]
fn iso_codes() {
    let currency = json!({"purchaseCurrency": "963"});
    assert_eq!(refused("2.2.0", currency), pair("304", "purchaseCurrency"));
    let exponent = json!({"purchaseExponent": "2"});
    assert_eq!(refused("2.2.0", exponent), pair("304", "purchaseCurrency,purchaseExponent"));
    let country = json!({"merchantCountryCode": "901"});
    assert_eq!(refused("2.2.0", country), pair("304", "merchantCountryCode"));
}

#[test]
fn nested_elements_are_named_with_their_parent() {
    let phone = json!({"homePhone": {"cc": "81", "subscriber": "a"}});
    assert_eq!(refused("2.2.0", phone), pair("203", "homePhone.subscriber"));
    let phone = json!({"homePhone": {"cc": "81"}});
    assert_eq!(refused("2.2.0", phone), pair("201", "homePhone.subscriber"));
}

#[test]
fn duplicates_at_any_depth() {
    let text = browser_areq("2.1.0").to_string();
    let twice = format!("{},\"mcc\":\"5411\"}}", &text[..text.len() - 1]);
    assert_eq!(read_bytes(twice.as_bytes()).unwrap_err()["errorDetail"], "mcc");
    let nested = format!(
        "{},\"homePhone\":{{\"cc\":\"81\",\"cc\":\"81\",\"subscriber\":\"1\"}}}}",
        &text[..text.len() - 1]
    );
    let erro = read_bytes(nested.as_bytes()).unwrap_err();
    assert_eq!((&erro["errorCode"], &erro["errorDetail"]), (&json!("204"), &json!("homePhone.cc")));
}

#[test]
fn extensions() {
    let extension = |critical: bool, id: &str| {
        json!({"messageExtension":
            [{"name": "n", "id": id, "criticalityIndicator": critical, "data": {"a": "b"}}]})
    };
    assert_eq!(refused("2.2.0", extension(true, "A000000004-x")), pair("202", "A000000004-x"));
    let mut message = browser_areq("2.2.0");
    message["messageExtension"] = extension(false, "x")["messageExtension"].clone();
    assert!(read(&message).is_ok());
    let number = extension(true, "A000000004-4000000000001000");
    assert_eq!(refused("2.2.0", number), pair("202", "unknown extension"));
    let bare = json!({"messageExtension": [{"name": "n", "criticalityIndicator": false}]});
    assert_eq!(refused("2.2.0", bare), pair("201", "messageExtension.id,messageExtension.data"));
}

#[test]
fn type_and_version_come_first() {
    let refusal = |change| refused("2.2.0", change);
    assert_eq!(refusal(json!({"messageType": null})), pair("201", "messageType"));
    assert_eq!(refusal(json!({"messageType": "AREQ"})).0, "101");
    assert_eq!(refusal(json!({"messageType": "PReq"})).0, "101");
    assert_eq!(refusal(json!({"messageVersion": null})), pair("201", "messageVersion"));
    assert_eq!(refusal(json!({"messageVersion": "2.2"})), pair("203", "messageVersion"));
    assert_eq!(refusal(json!({"messageVersion": "2.0.0"})), pair("102", "2.1.0,2.2.0,2.3.1"));
    assert_eq!(read_bytes(b"{").unwrap_err()["errorCode"], "101");
}

/// [P-ERRO-02] also where the type is refused before the version is looked at.
#[test]
fn an_erro_has_a_version_that_its_peer_may_use() {
    let narrow =
        ReadRules { versions: vec![MessageVersion::V210, MessageVersion::V220], ..rules() };
    for kind in ["", "XReq", "CReq", "AReq"] {
        for (version, spoken) in [("2.1.0", "2.1.0"), ("2.2.0", "2.2.0"), ("2.3.1", "2.2.0")] {
            let mut areq = browser_areq(version);
            areq["messageType"] = json!(kind);
            let Err(rejection) = read_areq(areq.to_string().as_bytes(), &narrow) else { continue };
            let body = erro(&rejection, &narrow.versions).body;
            let erro: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(erro["messageVersion"], spoken, "{version}: {erro}");
        }
    }
}

#[test]
fn what_belongs_to_other_channels_or_to_nobody_is_dropped() {
    let mut message = browser_areq("2.1.0");
    message["sdkTransID"] = json!("not an id");
    message["threeRIInd"] = json!("99");
    message["somethingNew"] = json!({"a": [1, 2, null]});
    assert!(read(&message).is_ok());
}

/// [P-GEN-05]
#[test]
fn what_belongs_to_later_versions_is_dropped() {
    let id = "6afa6072-9412-446b-9673-2f98b3ee98a3";
    for version in ["2.1.0", "2.2.0", "2.3.1"] {
        let newest = version == "2.3.1";
        let mut message = browser_areq(version);
        message["threeDSMethodId"] = id.into();
        message["browserJavascriptEnabled"] = false.into();
        message["threeDSRequestorDecReqInd"] = "Y".into();
        message["threeDSRequestorDecMaxTime"] = "00060".into();
        let areq = read(&message).unwrap();
        assert_eq!(areq.decoupled_req_ind.is_some(), version != "2.1.0");
        let browser = areq.browser.unwrap();
        assert_eq!(browser.method_id.is_some(), newest);
        assert_eq!(browser.javascript_enabled, version == "2.1.0");

        let mut message = app_areq(version);
        message["sdkType"] = "02".into();
        message["sdkServerSignedContent"] = "e30.e30.e30".into();
        message["splitSdkType"] = json!({"sdkVariant": "01", "limitedInd": "Y"});
        message["deviceRenderOptions"]["sdkAuthenticationType"] = json!(["02"]);
        let app = read(&message).unwrap_or_else(|e| panic!("{version}: {e}")).app.unwrap();
        assert_eq!((app.split_sdk, app.limited), (newest, newest));
        assert_eq!(app.render_options.authentication_types.is_empty(), !newest);
    }
}

#[test]
fn an_erro_from_the_directory_server_is_taken() {
    let body = json!({"messageType": "Erro", "errorCode": "203", "errorComponent": "D",
        "dsTransID": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b"});
    let taken = read_areq(body.to_string().as_bytes(), &rules()).unwrap();
    let AtAreqEndpoint::Erro(erro) = taken else { panic!("an Erro") };
    assert_eq!((erro.error_code.as_str(), erro.error_component.as_str()), ("203", "D"));
    assert!(erro.ds_trans_id.is_some() && erro.acs_trans_id.is_none());
}

#[test]
fn no_value_of_the_account_is_ever_echoed() {
    let detail = refused("2.2.0", json!({"acctNumber": "40000000000010001111"}));
    assert_eq!(detail, pair("203", "acctNumber"));
    let text = browser_areq("2.1.0").to_string();
    for name in ["4000000000001000", "pan4000000000001000"] {
        let named = format!("{},\"{name}\":1,\"{name}\":1}}", &text[..text.len() - 1]);
        let erro = read_bytes(named.as_bytes()).unwrap_err();
        assert_eq!(erro["errorDetail"], "unknown element");
        assert!(!erro.to_string().contains("4000000000001000"));
    }
}

proptest! {
    #[test]
    fn readers_never_panic_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_areq(&bytes, &rules());
        let _ = read_creq(&bytes, &rules());
        let _ = read_rres(&bytes, &rules(), BROWSER);
        let _ = peek_ids(&bytes);
    }

    #[test]
    fn readers_never_panic_on_changed_messages(
        which in 0_usize..34,
        with in prop_oneof![
            Just(Value::Null), Just(json!("")), Just(json!("99")), Just(json!(7)), Just(json!([])),
            Just(json!({})), Just(json!([["x"]])), Just(json!({"a": {"b": null}})), Just(json!(true)),
            "\\PC{0,60}".prop_map(Value::from),
        ],
        version in prop_oneof![Just("2.1.0"), Just("2.2.0"), Just("2.3.1")],
    ) {
        let mut message = browser_areq(version);
        let name = message.as_object().unwrap().keys().nth(which).unwrap().clone();
        message[&name] = with;
        let _ = read(&message);
    }
}

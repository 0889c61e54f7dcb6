//! What the simulator sends is what the ACS's own reader takes.

use crate::sdk::keys::KeyPair;
use acs_core::dictionary::Cell;
use acs_core::element::{DeviceChannel, MessageCategory, MessageVersion};
use acs_core::erro::erro;
use acs_core::message::{AtAreqEndpoint, ReadRules, read_areq, read_creq, read_rres};
use serde_json::json;

use crate::message::app::{self, SdkFacts};
use crate::message::{BrowserFacts, Order, RequestorUrls, VERSIONS, areq, creq, new_id, rres};

fn rules() -> ReadRules {
    ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    }
}

#[test]
fn areqs_of_every_version_and_category_are_accepted() {
    let urls = RequestorUrls {
        three_ds_server: "https://localhost:1/rreq".to_owned(),
        requestor: "https://localhost:2".to_owned(),
        notification: "https://localhost:2/n".to_owned(),
    };
    for version in VERSIONS {
        for (category, javascript_enabled) in [("01", true), ("02", true), ("01", false)] {
            let order = Order {
                pan: super::PAN.to_owned(),
                category: category.to_owned(),
                challenge_ind: vec!["01".to_owned()],
                ..Order::default()
            };
            let browser = BrowserFacts { javascript_enabled, ..BrowserFacts::default() };
            let mut areq = areq(&order, version, &new_id(), "Y", &urls, &browser);
            areq["dsTransID"] = json!(new_id());
            areq["dsReferenceNumber"] = json!("DS-A-REF-0001");
            areq["dsURL"] = json!("https://localhost:3/ds/rreq");
            match read_areq(areq.to_string().as_bytes(), &rules()) {
                Ok(AtAreqEndpoint::AReq(_)) => {}
                Err(refused) => {
                    panic!("{version} {category}: {}", erro(&refused, &MessageVersion::ALL).detail)
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn app_areqs_of_every_version_are_accepted() {
    let urls = RequestorUrls {
        three_ds_server: "https://localhost:1/rreq".to_owned(),
        requestor: "https://localhost:2".to_owned(),
        notification: String::new(),
    };
    for version in VERSIONS {
        for (category, split) in [("01", None), ("02", Some("e30.e30.AA".to_owned()))] {
            let order = Order {
                pan: super::PAN.to_owned(),
                category: category.to_owned(),
                ..Order::default()
            };
            let facts = SdkFacts {
                app_id: new_id(),
                enc_data: "e30..AA.AA.AA".to_owned(),
                ephem_pub_key: KeyPair::generate().public_jwk(),
                max_timeout: 5,
                reference_number: "3DS_SIM_SDK_00001".to_owned(),
                trans_id: new_id(),
                interface: "03".to_owned(),
                ui_types: ["01", "05", "06", "07"].map(str::to_owned).to_vec(),
                split,
            };
            let mut areq = app::areq(&order, version, &new_id(), &urls, &facts);
            areq["dsTransID"] = json!(new_id());
            areq["dsReferenceNumber"] = json!("DS-A-REF-0001");
            areq["dsURL"] = json!("https://localhost:3/ds/rreq");
            areq["deviceInfo"] = json!("e30");
            areq.as_object_mut().unwrap().remove("sdkEncData");
            match read_areq(areq.to_string().as_bytes(), &rules()) {
                Ok(AtAreqEndpoint::AReq(_)) => {}
                Err(refused) => {
                    panic!("{version} {category}: {}", erro(&refused, &MessageVersion::ALL).detail)
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn creqs_and_rreses_are_accepted() {
    for version in VERSIONS {
        let creq = creq(version, &new_id(), &new_id(), "02");
        read_creq(creq.to_string().as_bytes(), &rules()).unwrap();
        let rreq = json!({"messageVersion": version, "threeDSServerTransID": new_id(),
            "dsTransID": new_id(), "acsTransID": new_id()});
        let cell = Cell { channel: DeviceChannel::Browser, category: MessageCategory::Payment };
        read_rres(rres(&rreq, "01").to_string().as_bytes(), &rules(), cell).unwrap();
    }
}

//! What the simulator sends is what the ACS's own reader takes.

use acs_core::dictionary::Cell;
use acs_core::element::{DeviceChannel, MessageCategory, MessageVersion};
use acs_core::erro::erro;
use acs_core::message::{AtAreqEndpoint, ReadRules, read_areq, read_creq, read_rres};
use serde_json::json;

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

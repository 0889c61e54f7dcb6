//! What an order asks for beside the usual browser payment: 3RI, an earlier authentication,
//! decoupled authentication.

use serde_json::{Value, json};

use super::{Order, merge};

/// Adds the wishes of `order` to its AReq; `now` is YYYYMMDDHHMM.
pub(super) fn add(areq: &mut Value, order: &Order, version: &str, now: &str) {
    if let Some(indicator) = &order.authentication_ind {
        areq["threeDSRequestorAuthenticationInd"] = json!(indicator);
    }
    if let Some(prior) = &order.prior_ref {
        let mut info = json!({
            "threeDSReqPriorRef": prior,
            "threeDSReqPriorAuthMethod": if order.channel == "03" { "02" } else { "01" },
            "threeDSReqPriorAuthTimestamp": now,
        });
        if version == "2.3.1" {
            info = json!([info]);
        }
        areq["threeDSRequestorPriorAuthenticationInfo"] = info;
    }
    if let Some(decoupled) = &order.decoupled {
        areq["threeDSRequestorDecReqInd"] = json!(decoupled);
    }
    if let Some(minutes) = order.decoupled_minutes {
        areq["threeDSRequestorDecMaxTime"] = json!(format!("{minutes:05}"));
    }
}

/// Whether a 3RI request of this kind names a purchase, be it a payment or not.
pub(super) fn name_a_purchase(order: &Order, version: &str) -> bool {
    let named = |indicator: &String| WITH_PURCHASE.contains(&indicator.as_str());
    order.channel == "03" && version != "2.1.0" && order.three_ri_ind.as_ref().is_some_and(named)
}

/// What 3RI has of its own: nobody is at a device [P-3RI-01, P-3RI-02].
pub(super) fn by_requestor(areq: &mut Value, order: &Order, version: &str) {
    if let Some(members) = areq.as_object_mut() {
        members.remove("threeDSRequestorAuthenticationInd");
        if version != "2.3.1" {
            members.remove("threeDSRequestorAuthenticationInfo");
        }
    }
    areq["deviceChannel"] = json!("03");
    let indicator = order.three_ri_ind.as_deref().unwrap_or("01");
    areq["threeRIInd"] = json!(indicator);
    match (indicator, version) {
        (_, "2.1.0") => {}
        ("01" | "02", "2.3.1") => {
            areq["recurringInd"] = json!({"amountInd": "02", "frequencyInd": "02"});
        }
        ("01" | "02", _) => {
            merge(areq, json!({"recurringExpiry": "20991231", "recurringFrequency": "28"}));
        }
        _ => {}
    }
    if indicator == "02" && version != "2.1.0" {
        areq["purchaseInstalData"] = json!("012");
    }
}

/// Indicators with which a non-payment request names a purchase too.
const WITH_PURCHASE: [&str; 8] = ["01", "02", "06", "07", "08", "09", "11", "15"];

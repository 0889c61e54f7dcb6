//! What an app's AReq has of its own, version by version.

use serde_json::{Value, json};

use super::{Order, RequestorUrls, apply_overrides, common, merge};

/// What the SDK hands to the app for the AReq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdkFacts {
    /// `sdkAppID`.
    pub app_id: String,
    /// `sdkEncData`.
    pub enc_data: String,
    /// `sdkEphemPubKey`, a JWK.
    pub ephem_pub_key: Value,
    /// `sdkMaxTimeout`, minutes.
    pub max_timeout: u8,
    /// `sdkReferenceNumber`.
    pub reference_number: String,
    /// `sdkTransID`.
    pub trans_id: String,
    /// `sdkInterface`: 01 native, 02 HTML, 03 both.
    pub interface: String,
    /// `sdkUiType`, those of later versions left out by [`areq`].
    pub ui_types: Vec<String>,
    /// `sdkServerSignedContent` of a Split-SDK (2.3.1); `None` for a Default-SDK.
    pub split: Option<String>,
}

/// The app's AReq as it leaves the 3DS Server (leg `3DSS-DS`).
#[must_use]
pub fn areq(
    order: &Order,
    version: &str,
    three_ds_server_trans_id: &str,
    urls: &RequestorUrls,
    sdk: &SdkFacts,
) -> Value {
    let mut areq = common(order, version, three_ds_server_trans_id, urls);
    let newest = version == "2.3.1";
    let ui_types: Vec<_> =
        sdk.ui_types.iter().filter(|ui| newest || !matches!(ui.as_str(), "06" | "07")).collect();
    let mut options = json!({"sdkInterface": sdk.interface, "sdkUiType": ui_types});
    if newest {
        options["sdkAuthenticationType"] = json!(["02", "04", "05", "07", "08", "09", "11"]);
    }
    merge(
        &mut areq,
        json!({
            "deviceChannel": "01",
            "deviceRenderOptions": options,
            "sdkAppID": sdk.app_id,
            "sdkEncData": sdk.enc_data,
            "sdkEphemPubKey": sdk.ephem_pub_key,
            "sdkMaxTimeout": format!("{:02}", sdk.max_timeout),
            "sdkReferenceNumber": sdk.reference_number,
            "sdkTransID": sdk.trans_id,
        }),
    );
    if newest {
        areq["appIp"] = json!("192.0.2.7");
        match &sdk.split {
            None => {
                merge(&mut areq, json!({"sdkType": "01", "defaultSdkType": {"sdkVariant": "01"}}));
            }
            Some(signed) => merge(
                &mut areq,
                json!({"sdkType": "02", "splitSdkType": {"sdkVariant": "01"},
                    "sdkServerSignedContent": signed}),
            ),
        }
    }
    apply_overrides(&mut areq, &order.overrides);
    areq
}

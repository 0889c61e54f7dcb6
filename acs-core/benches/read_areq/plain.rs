//! The same 2.2.0 message as a plain struct with owned strings: what serde_json makes of it without
//! any check is the measure for reading and checking it. One field per element of the message.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct PlainAReq {
    #[serde(rename = "messageVersion")]
    _message_version: String,
    #[serde(rename = "deviceChannel")]
    _device_channel: String,
    #[serde(rename = "messageCategory")]
    _message_category: String,
    #[serde(rename = "threeDSServerTransID")]
    _three_ds_server_trans_id: String,
    #[serde(rename = "dsTransID")]
    _ds_trans_id: String,
    #[serde(rename = "messageType")]
    _message_type: String,
    #[serde(rename = "threeDSServerRefNumber")]
    _three_ds_server_ref_number: String,
    #[serde(rename = "threeDSServerURL")]
    _three_ds_server_url: String,
    #[serde(rename = "threeDSRequestorID")]
    _three_ds_requestor_id: String,
    #[serde(rename = "threeDSRequestorName")]
    _three_ds_requestor_name: String,
    #[serde(rename = "threeDSRequestorURL")]
    _three_ds_requestor_url: String,
    #[serde(rename = "acctNumber")]
    _acct_number: String,
    #[serde(rename = "dsReferenceNumber")]
    _ds_reference_number: String,
    #[serde(rename = "dsURL")]
    _ds_url: String,
    #[serde(rename = "purchaseAmount")]
    _purchase_amount: String,
    #[serde(rename = "purchaseCurrency")]
    _purchase_currency: String,
    #[serde(rename = "purchaseExponent")]
    _purchase_exponent: String,
    #[serde(rename = "purchaseDate")]
    _purchase_date: String,
    #[serde(rename = "acquirerBIN")]
    _acquirer_bin: String,
    #[serde(rename = "acquirerMerchantID")]
    _acquirer_merchant_id: String,
    #[serde(rename = "mcc")]
    _mcc: String,
    #[serde(rename = "merchantCountryCode")]
    _merchant_country_code: String,
    #[serde(rename = "merchantName")]
    _merchant_name: String,
    #[serde(rename = "threeDSRequestorAuthenticationInd")]
    _three_ds_requestor_authentication_ind: String,
    #[serde(rename = "threeDSCompInd")]
    _three_ds_comp_ind: String,
    #[serde(rename = "notificationURL")]
    _notification_url: String,
    #[serde(rename = "browserAcceptHeader")]
    _browser_accept_header: String,
    #[serde(rename = "browserUserAgent")]
    _browser_user_agent: String,
    #[serde(rename = "browserLanguage")]
    _browser_language: String,
    #[serde(rename = "browserJavaEnabled")]
    _browser_java_enabled: bool,
    #[serde(rename = "browserColorDepth")]
    _browser_color_depth: String,
    #[serde(rename = "browserScreenHeight")]
    _browser_screen_height: String,
    #[serde(rename = "browserScreenWidth")]
    _browser_screen_width: String,
    #[serde(rename = "browserTZ")]
    _browser_tz: String,
    #[serde(rename = "browserJavascriptEnabled")]
    _browser_javascript_enabled: bool,
    #[serde(rename = "acctID")]
    _acct_id: Option<String>,
    #[serde(rename = "acctInfo")]
    _acct_info: Option<Account>,
    #[serde(rename = "acctType")]
    _acct_type: Option<String>,
    #[serde(rename = "addrMatch")]
    _addr_match: Option<String>,
    #[serde(rename = "billAddrCity")]
    _bill_addr_city: Option<String>,
    #[serde(rename = "billAddrCountry")]
    _bill_addr_country: Option<String>,
    #[serde(rename = "billAddrLine1")]
    _bill_addr_line1: Option<String>,
    #[serde(rename = "billAddrLine2")]
    _bill_addr_line2: Option<String>,
    #[serde(rename = "billAddrLine3")]
    _bill_addr_line3: Option<String>,
    #[serde(rename = "billAddrPostCode")]
    _bill_addr_post_code: Option<String>,
    #[serde(rename = "billAddrState")]
    _bill_addr_state: Option<String>,
    #[serde(rename = "broadInfo")]
    _broad_info: Option<serde_json::Value>,
    #[serde(rename = "browserIP")]
    _browser_ip: Option<String>,
    #[serde(rename = "cardExpiryDate")]
    _card_expiry_date: Option<String>,
    #[serde(rename = "cardholderName")]
    _cardholder_name: Option<String>,
    #[serde(rename = "email")]
    _email: Option<String>,
    #[serde(rename = "homePhone")]
    _home_phone: Option<Phone>,
    #[serde(rename = "merchantRiskIndicator")]
    _merchant_risk_indicator: Option<MerchantRisk>,
    #[serde(rename = "messageExtension")]
    _message_extension: Option<Vec<Extension>>,
    #[serde(rename = "mobilePhone")]
    _mobile_phone: Option<Phone>,
    #[serde(rename = "payTokenInd")]
    _pay_token_ind: Option<bool>,
    #[serde(rename = "payTokenSource")]
    _pay_token_source: Option<String>,
    #[serde(rename = "purchaseInstalData")]
    _purchase_instal_data: Option<String>,
    #[serde(rename = "recurringExpiry")]
    _recurring_expiry: Option<String>,
    #[serde(rename = "recurringFrequency")]
    _recurring_frequency: Option<String>,
    #[serde(rename = "shipAddrCity")]
    _ship_addr_city: Option<String>,
    #[serde(rename = "shipAddrCountry")]
    _ship_addr_country: Option<String>,
    #[serde(rename = "shipAddrLine1")]
    _ship_addr_line1: Option<String>,
    #[serde(rename = "shipAddrLine2")]
    _ship_addr_line2: Option<String>,
    #[serde(rename = "shipAddrLine3")]
    _ship_addr_line3: Option<String>,
    #[serde(rename = "shipAddrPostCode")]
    _ship_addr_post_code: Option<String>,
    #[serde(rename = "shipAddrState")]
    _ship_addr_state: Option<String>,
    #[serde(rename = "threeDSReqAuthMethodInd")]
    _three_ds_req_auth_method_ind: Option<String>,
    #[serde(rename = "threeDSRequestorAuthenticationInfo")]
    _three_ds_requestor_authentication_info: Option<Authentication>,
    #[serde(rename = "threeDSRequestorChallengeInd")]
    _three_ds_requestor_challenge_ind: Option<String>,
    #[serde(rename = "threeDSRequestorDecMaxTime")]
    _three_ds_requestor_dec_max_time: Option<String>,
    #[serde(rename = "threeDSRequestorDecReqInd")]
    _three_ds_requestor_dec_req_ind: Option<String>,
    #[serde(rename = "threeDSRequestorPriorAuthenticationInfo")]
    _three_ds_requestor_prior_authentication_info: Option<PriorAuthentication>,
    #[serde(rename = "threeDSServerOperatorID")]
    _three_ds_server_operator_id: Option<String>,
    #[serde(rename = "transType")]
    _trans_type: Option<String>,
    #[serde(rename = "whiteListStatus")]
    _white_list_status: Option<String>,
    #[serde(rename = "whiteListStatusSource")]
    _white_list_status_source: Option<String>,
    #[serde(rename = "workPhone")]
    _work_phone: Option<Phone>,
}

#[derive(Debug, Deserialize)]
struct PriorAuthentication {
    #[serde(rename = "threeDSReqPriorAuthData")]
    _three_ds_req_prior_auth_data: Option<String>,
    #[serde(rename = "threeDSReqPriorAuthMethod")]
    _three_ds_req_prior_auth_method: Option<String>,
    #[serde(rename = "threeDSReqPriorAuthTimestamp")]
    _three_ds_req_prior_auth_timestamp: Option<String>,
    #[serde(rename = "threeDSReqPriorRef")]
    _three_ds_req_prior_ref: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Authentication {
    #[serde(rename = "threeDSReqAuthData")]
    _three_ds_req_auth_data: Option<String>,
    #[serde(rename = "threeDSReqAuthMethod")]
    _three_ds_req_auth_method: Option<String>,
    #[serde(rename = "threeDSReqAuthTimestamp")]
    _three_ds_req_auth_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Extension {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "id")]
    _id: Option<String>,
    #[serde(rename = "criticalityIndicator")]
    _criticality_indicator: Option<bool>,
    #[serde(rename = "data")]
    _data: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct MerchantRisk {
    #[serde(rename = "deliveryEmailAddress")]
    _delivery_email_address: Option<String>,
    #[serde(rename = "deliveryTimeframe")]
    _delivery_timeframe: Option<String>,
    #[serde(rename = "giftCardAmount")]
    _gift_card_amount: Option<String>,
    #[serde(rename = "giftCardCount")]
    _gift_card_count: Option<String>,
    #[serde(rename = "giftCardCurr")]
    _gift_card_curr: Option<String>,
    #[serde(rename = "preOrderDate")]
    _pre_order_date: Option<String>,
    #[serde(rename = "preOrderPurchaseInd")]
    _pre_order_purchase_ind: Option<String>,
    #[serde(rename = "reorderItemsInd")]
    _reorder_items_ind: Option<String>,
    #[serde(rename = "shipIndicator")]
    _ship_indicator: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Phone {
    #[serde(rename = "cc")]
    _cc: Option<String>,
    #[serde(rename = "subscriber")]
    _subscriber: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Account {
    #[serde(rename = "chAccAgeInd")]
    _ch_acc_age_ind: Option<String>,
    #[serde(rename = "chAccChange")]
    _ch_acc_change: Option<String>,
    #[serde(rename = "chAccChangeInd")]
    _ch_acc_change_ind: Option<String>,
    #[serde(rename = "chAccDate")]
    _ch_acc_date: Option<String>,
    #[serde(rename = "chAccPwChange")]
    _ch_acc_pw_change: Option<String>,
    #[serde(rename = "chAccPwChangeInd")]
    _ch_acc_pw_change_ind: Option<String>,
    #[serde(rename = "nbPurchaseAccount")]
    _nb_purchase_account: Option<String>,
    #[serde(rename = "paymentAccAge")]
    _payment_acc_age: Option<String>,
    #[serde(rename = "paymentAccInd")]
    _payment_acc_ind: Option<String>,
    #[serde(rename = "provisionAttemptsDay")]
    _provision_attempts_day: Option<String>,
    #[serde(rename = "shipAddressUsage")]
    _ship_address_usage: Option<String>,
    #[serde(rename = "shipAddressUsageInd")]
    _ship_address_usage_ind: Option<String>,
    #[serde(rename = "shipNameIndicator")]
    _ship_name_indicator: Option<String>,
    #[serde(rename = "suspiciousAccActivity")]
    _suspicious_acc_activity: Option<String>,
    #[serde(rename = "txnActivityDay")]
    _txn_activity_day: Option<String>,
    #[serde(rename = "txnActivityYear")]
    _txn_activity_year: Option<String>,
}

//! What the 3DS Requestor and the DS say of the cardholder and of payments to come.

use crate::UtcMillis;
use crate::element::MessageVersion;
use crate::json::{Document, Node, Object, Value};
use crate::message::{
    AuthenticationClaim, ClaimedStatus, Claims, MultiTransaction, Purchase, Recurring, SpcData,
};

/// Names of other versions are strangers here, and unread like all of them [P-GEN-05].
pub(super) fn read(message: &Document<'_>, version: MessageVersion) -> Claims {
    let newest = version >= MessageVersion::V231;
    let trust = match version {
        MessageVersion::V210 => None,
        MessageVersion::V220 => status(message, "whiteListStatus", "whiteListStatusSource"),
        MessageVersion::V231 => status(message, "trustListStatus", "trustListStatusSource"),
    };
    let security_code =
        || status(message, "cardSecurityCodeStatus", "cardSecurityCodeStatusSource");
    let binding = || status(message, "deviceBindingStatus", "deviceBindingStatusSource");
    Claims {
        trust_list: trust,
        device_binding: newest.then(binding).flatten(),
        security_code: newest.then(security_code).flatten(),
        authentication: authentication(message, version),
        prior_methods: entries(message.get("threeDSRequestorPriorAuthenticationInfo"))
            .filter_map(|entry| entry.text("threeDSReqPriorAuthMethod").map(str::to_owned))
            .collect(),
        recurring: recurring(message, version),
        instalments: message.text("purchaseInstalData").and_then(|count| count.parse().ok()),
        multi_transaction: newest.then(|| multi_transaction(message)).flatten(),
        sellers: entries(message.get("sellerInfo").filter(|_| newest))
            .filter_map(|seller| seller.text("sellerName").map(str::to_owned))
            .collect(),
    }
}

/// [P-SPC-01, P-SPC-03]
pub(super) fn spc(message: &Document<'_>) -> SpcData {
    let text = |name: &str| message.text(name).filter(|t| !t.is_empty()).map(str::to_owned);
    let assertion = entries(message.get("threeDSRequestorAuthenticationInfo"))
        .filter(|entry| entry.text("threeDSReqAuthMethod") == Some(SPC))
        .find_map(|entry| entry.get("threeDSReqAuthData")?.as_object()?.to_value());
    SpcData {
        supported: message.text("threeDSRequestorSpcSupport") == Some("Y"),
        payee_origin: text("payeeOrigin"),
        incomplete: text("spcIncompInd"),
        assertion,
    }
}

fn status(message: &Document<'_>, name: &str, source: &str) -> Option<ClaimedStatus> {
    Some(ClaimedStatus {
        status: message.text(name)?.to_owned(),
        source: message.text(source)?.to_owned(),
    })
}

/// One object before 2.3.1, a list since.
pub(super) fn entries(node: Option<Node<'_>>) -> impl Iterator<Item = Object<'_>> {
    let list = node.filter(|node| matches!(node.value(), Value::Array));
    let single = node.filter(|_| list.is_none()).and_then(Node::as_object);
    list.into_iter().flat_map(Node::items).filter_map(Node::as_object).chain(single)
}

/// In 2.2.0 the DS's verdict stands beside the entry, since 2.3.1 in it [P-231-01].
fn authentication(message: &Document<'_>, version: MessageVersion) -> Vec<AuthenticationClaim> {
    let beside =
        message.text("threeDSReqAuthMethodInd").filter(|_| version == MessageVersion::V220);
    let newest = version >= MessageVersion::V231;
    let verdict = |entry: &Object<'_>| match beside {
        Some(said) => Some(said.to_owned()),
        None => entry.text("dsAuthInfVerifInd").filter(|_| newest).map(str::to_owned),
    };
    entries(message.get("threeDSRequestorAuthenticationInfo"))
        .map(|entry| AuthenticationClaim {
            method: entry.text("threeDSReqAuthMethod").unwrap_or_default().to_owned(),
            at: entry.text("threeDSReqAuthTimestamp").and_then(minute),
            has_data: entry.get("threeDSReqAuthData").is_some_and(|data| !data.is_empty()),
            ds_result: verdict(&entry),
        })
        .collect()
}

fn recurring(message: &Document<'_>, version: MessageVersion) -> Option<Recurring> {
    let kind = message.text("threeDSRequestorAuthenticationInd");
    let wished = matches!(kind, Some("02" | "03"))
        || matches!(message.text("threeRIInd"), Some("01" | "02"));
    let newest = version >= MessageVersion::V231;
    let details = message.get("recurringInd").filter(|_| newest).and_then(Node::as_object);
    if !wished && details.is_none() {
        return None;
    }
    let fixed =
        |name: &str| details.and_then(|details| details.text(name)).map(|code| code == "01");
    let amount = || {
        Some(Purchase {
            amount: message.text("recurringAmount")?.to_owned(),
            currency: message.text("recurringCurrency")?.to_owned(),
            exponent: message.text("recurringExponent")?.parse().ok()?,
            date: None,
        })
    };
    Some(Recurring {
        amount_fixed: fixed("amountInd"),
        frequency_fixed: fixed("frequencyInd"),
        amount: newest.then(amount).flatten(),
        every_days: message.text("recurringFrequency").and_then(|days| days.parse().ok()),
    })
}

fn multi_transaction(message: &Document<'_>) -> Option<MultiTransaction> {
    let multi = message.get("multiTransaction")?.as_object()?;
    let list = multi.get("merchantList")?;
    Some(MultiTransaction {
        merchants: list
            .items()
            .filter_map(|entry| entry.as_object()?.text("merchantNameListed").map(str::to_owned))
            .collect(),
        valid_days: multi.text("avValidityTime").and_then(|days| days.parse().ok()),
        uses: multi.text("avNumberUse").and_then(|uses| uses.parse().ok()),
    })
}

/// `YYYYMMDDHHMM`, UTC.
fn minute(text: &str) -> Option<UtcMillis> {
    let number = |at: std::ops::Range<usize>| text.get(at)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute) = (number(8..10)?, number(10..12)?);
    // Days since 1970 by counting years from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(UtcMillis(((days * 24 + hour) * 60 + minute) * 60_000))
}

/// `threeDSReqAuthMethod`: Secure Payment Confirmation.
const SPC: &str = "09";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc_minutes() {
        assert_eq!(minute("197001010000"), Some(UtcMillis(0)));
        assert_eq!(minute("202402291234"), Some(UtcMillis(1_709_210_040_000)));
        assert_eq!(minute("203012312359"), Some(UtcMillis(1_924_991_940_000)));
        assert_eq!(minute("x"), None);
    }
}

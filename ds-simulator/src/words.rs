//! Results in words, for people who read receipts.

/// What a final `transStatus` means to a merchant.
#[must_use]
pub fn status(code: Option<&str>) -> &'static str {
    match code {
        Some("Y") => "authenticated",
        Some("A") => "not authenticated, but an attempt is proved",
        Some("N") => "not authenticated",
        Some("U") => "authentication could not be performed",
        Some("R") => "rejected: do not send this payment for authorisation",
        Some("C") => "a challenge is under way",
        Some("D") => "decoupled authentication is under way",
        Some("I") => "for information only",
        Some(_) => "unknown status",
        None => "no result",
    }
}

/// What a `transStatusReason` means.
#[must_use]
pub fn reason(code: &str) -> &'static str {
    match code {
        "01" => "card authentication failed",
        "02" => "device not known",
        "03" => "device not supported",
        "04" => "authentication frequency limit exceeded",
        "05" => "card expired",
        "06" => "card number invalid",
        "07" => "transaction invalid",
        "08" => "card not on record",
        "09" => "security failure",
        "10" => "card stolen",
        "11" => "fraud suspected",
        "12" => "cardholder may not make this transaction",
        "13" => "cardholder not enrolled",
        "14" => "timed out at the ACS",
        "15" => "confidence low",
        "16" => "confidence medium",
        "17" => "confidence high",
        "18" => "confidence very high",
        "19" => "too many challenge attempts",
        "20" => "non-payment not supported",
        "21" => "3RI not supported",
        "22" => "technical issue at the ACS",
        "26" => "tried, but the cardholder did not perform it",
        _ => "see the reason list of the payment system",
    }
}

//! Checks of a readable AReq that no table prints; a setting asks for them.

use super::AReq;
use crate::UtcMillis;
use crate::element::MessageVersion;
use crate::erro::Fault;

/// Which of these checks are made; by default none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AReqReadings {
    /// `protocol.areq_clock_check`: a 2.3.1 `purchaseDate` more than 30 minutes off is refused
    /// [P-GEN-11, Req 417].
    pub clock_check: bool,
    /// `protocol.areq_luhn`: an account number with a wrong check digit is refused [P-AREQ-14].
    pub luhn: bool,
}

/// What speaks against a readable AReq, if such checks are asked for.
#[must_use]
pub fn objection(areq: &AReq, readings: AReqReadings, now: UtcMillis) -> Option<Fault> {
    let date = areq.purchase.as_ref().and_then(|purchase| purchase.date.as_deref());
    let checked = readings.clock_check && areq.version >= MessageVersion::V231;
    if checked && date.and_then(millis).is_some_and(|at| at.abs_diff(now.0) > MOST_APART_MS) {
        return Some(Fault::ClockApart("purchaseDate"));
    }
    if readings.luhn && !areq.pan.check_digit_is_right() {
        return Some(Fault::NotServed("acctNumber"));
    }
    None
}

/// YYYYMMDDHHMMSS, checked to be digits of a calendar day, as milliseconds since 1970.
fn millis(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let seconds = number(8, 10)? * 3600 + number(10, 12)? * 60 + number(12, 14)?;
    // Days since 1970 by the civil calendar, years counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
    Some((days * 86_400 + seconds) * 1000)
}

const MOST_APART_MS: u64 = 30 * 60 * 1000;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_calendar() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20000229120000", 951_825_600),
            ("20261124120000", 1_795_521_600),
            ("21000301000001", 4_107_542_401),
        ] {
            assert_eq!(millis(text), Some(seconds * 1000), "{text}");
        }
    }
}

//! A payment's messages for people: one row each, with the masked message behind it.

use askama::Template;

use super::texts::Language;
use crate::trace::{Event, TransactionTrace};

/// The rows as a part of a page.
#[derive(Debug, Template)]
#[template(path = "timeline.html")]
pub(crate) struct Timeline {
    language: Language,
    rows: Vec<Row>,
}

/// One message or remark.
#[derive(Debug)]
struct Row {
    /// Seconds since the row before, when that is long.
    gap: Option<String>,
    offset: String,
    /// UTC, for machines.
    at: String,
    from: String,
    to: String,
    what: String,
    size: usize,
    summary: String,
    body: Option<String>,
}

/// Longer silences get a line of their own.
const GAP_MS: i64 = 1_000;

impl Timeline {
    pub(crate) fn new(language: Language, trace: Option<&TransactionTrace>) -> Self {
        let events = trace.map_or(&[][..], |trace| trace.events.as_slice());
        let mut last = 0;
        let rows = events
            .iter()
            .map(|event| {
                let silence = event.offset_ms - std::mem::replace(&mut last, event.offset_ms);
                row(event, (silence >= GAP_MS).then(|| seconds(silence)))
            })
            .collect();
        Self { language, rows }
    }

    fn t(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }
}

fn row(event: &Event, gap: Option<String>) -> Row {
    let (from, to) = event.leg.split_once('-').unwrap_or((&event.leg, ""));
    Row {
        gap,
        offset: seconds(event.offset_ms),
        at: utc(event.at),
        from: from.to_owned(),
        to: to.to_owned(),
        what: event.what.clone(),
        size: event.size,
        summary: event.summary.clone(),
        body: event.body.as_ref().and_then(|body| serde_json::to_string_pretty(body).ok()),
    }
}

/// `1.204`.
pub(crate) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms.rem_euclid(1000))
}

/// `2026-11-25T06:37:19.250Z`.
pub(crate) fn utc(ms: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(seconds(12_034), "12.034");
        assert_eq!(utc(1_000), "1970-01-01T00:00:01.000Z");
    }
}

//! Operational notices that the directory server sends to the 3DS Server: each part is checked, and the
//! last one gets the ORes [P-OPR-01, P-OPR-02, Req 438, Req 439].

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ThreeDsServer, received, reply};
use crate::ids;
use crate::listener::Peer;
use crate::message::{THREE_DS_SERVER_REF_NUMBER, erro, new_id};
use crate::trace::text;

/// A notice as the 3DS Server knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReceivedNotice {
    /// `seqId`.
    pub sequence: String,
    pub category: String,
    pub severity: String,
    /// The texts of the parts, joined as they came.
    pub text: String,
    /// `opStatus` of the ORes; none while parts are missing.
    pub status: Option<String>,
    /// The parts with what each of them got; `None`: nothing.
    #[serde(skip)]
    parts: Vec<(Value, Option<Value>)>,
}

/// The newest notices.
pub(super) type Notices = VecDeque<ReceivedNotice>;

impl ThreeDsServer {
    /// The notices that came, oldest first.
    #[must_use]
    pub fn notices(&self) -> Vec<ReceivedNotice> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().cloned().collect()
    }

    /// Takes a good part; an identical repeat gets what the first got.
    fn take_part(&self, oreq: &Value) -> Option<Value> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let part = Part::of(oreq);
        let known = notices.iter().position(|notice| notice.sequence == part.sequence);
        let at = known.unwrap_or_else(|| {
            if notices.len() == NOTICES_KEPT {
                notices.pop_front();
            }
            notices.push_back(ReceivedNotice::of(oreq, &part));
            notices.len() - 1
        });
        notices[at].add(oreq, &part)
    }
}

/// Where a part stands.
struct Part {
    sequence: String,
    number: usize,
    total: usize,
}

impl Part {
    fn of(oreq: &Value) -> Self {
        let number = |name: &str| text(&oreq["opSeq"], name)?.parse().ok();
        Self {
            sequence: text(&oreq["opSeq"], "seqId").unwrap_or_default().to_owned(),
            number: number("seqNum").unwrap_or(0),
            total: number("seqTotal").unwrap_or(0),
        }
    }
}

impl ReceivedNotice {
    fn of(oreq: &Value, part: &Part) -> Self {
        let member = |name| text(oreq, name).unwrap_or_default().to_owned();
        Self {
            sequence: part.sequence.clone(),
            category: member("opCategory"),
            severity: member("opSeverity"),
            ..Self::default()
        }
    }

    fn add(&mut self, oreq: &Value, part: &Part) -> Option<Value> {
        if let Some((_, answer)) = self.parts.iter().find(|(before, _)| before == oreq) {
            return answer.clone();
        }
        let total = |(first, _): &(Value, Option<Value>)| Part::of(first).total;
        let whole = (1..part.number)
            .eq(self.parts.iter().map(|(before, _)| Part::of(before).number))
            && self.parts.first().is_none_or(|first| total(first) == part.total);
        self.text.push_str(text(oreq, "opDescription").unwrap_or_default());
        let last = part.number == part.total && self.status.is_none();
        let answer = last.then(|| ores(oreq, if whole { "01" } else { "02" }));
        if let Some(ores) = &answer {
            self.status = text(ores, "opStatus").map(str::to_owned);
        }
        self.parts.push((oreq.clone(), answer.clone()));
        answer
    }
}

/// [Note 171], of a 3DS Server
fn ores(oreq: &Value, status: &str) -> Value {
    json!({
        "messageType": "ORes",
        "messageVersion": oreq["messageVersion"],
        "threeDSServerRefNumber": THREE_DS_SERVER_REF_NUMBER,
        "threeDSServerTransID": new_id(),
        "dsTransID": oreq["dsTransID"],
        "opStatus": status,
    })
}

/// `POST /3dss/oreq`, from the directory server.
pub(super) async fn oreq(
    State(server): State<Arc<ThreeDsServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let message = match received(&server, &peer, &body, "OReq") {
        Ok(message) => message,
        Err(response) => return *response,
    };
    if let Some((code, detail)) = defect(&message) {
        return reply(&erro('S', code, "OReq refused", &detail, &message));
    }
    let txn = Part::of(&message).sequence;
    ids::compare(&server.trace, &txn, "DS-3DSS", &message, &headers);
    match server.take_part(&message) {
        Some(ores) => reply(&ores),
        None => Response::new(Body::empty()),
    }
}

/// The first kind of defect with all its elements.
fn defect(oreq: &Value) -> Option<(&'static str, String)> {
    if text(oreq, "messageVersion") != Some("2.3.1") {
        return Some(("102", "messageVersion".to_owned()));
    }
    let value = |path: &str| match path.split_once('.') {
        Some((object, name)) => oreq.get(object).and_then(|object| object.get(name)),
        None => oreq.get(path),
    };
    let absent = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    };
    let missing: Vec<_> =
        REQUIRED.into_iter().map(|(path, _)| path).filter(|path| absent(value(path))).collect();
    if !missing.is_empty() {
        return Some(("201", missing.join(",")));
    }
    let bad = |(path, fits): &(&str, Fits)| !value(path).and_then(Value::as_str).is_some_and(fits);
    let wrong: Vec<_> = REQUIRED.into_iter().filter(bad).map(|(path, _)| path).collect();
    if !wrong.is_empty() {
        return Some(("203", wrong.join(",")));
    }
    let reserved: Vec<_> = [("opCategory", "06"), ("opSeverity", "04")]
        .into_iter()
        .filter(|(name, last)| {
            text(oreq, name).is_some_and(|code| code == "00" || (code > *last && code < "80"))
        })
        .map(|(name, _)| name)
        .collect();
    (!reserved.is_empty()).then(|| ("207", reserved.join(",")))
}

/// Whether a value has its form.
type Fits = fn(&str) -> bool;

/// What every OReq has, with the form of its value.
const REQUIRED: [(&str, Fits); 9] = [
    ("dsReferenceNumber", |text| text.chars().count() <= 32),
    ("dsTransID", is_uuid),
    ("opCategory", |text| is_digits(text, 2)),
    ("opDescription", |text| text.chars().count() <= 20_000),
    ("opExpDate", |text| is_digits(text, 8)),
    ("opSeq.seqId", is_uuid),
    ("opSeq.seqNum", |text| is_digits(text, 2) && text != "00"),
    ("opSeq.seqTotal", |text| is_digits(text, 2) && text != "00"),
    ("opSeverity", |text| is_digits(text, 2)),
];
const NOTICES_KEPT: usize = 100;

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Notice;

    fn parts(count: u8) -> Vec<Value> {
        let notice = Notice { parts: count, ..Notice::default() };
        notice.messages("DS").into_iter().map(|(_, oreq)| oreq).collect()
    }

    fn add(notice: &mut ReceivedNotice, oreq: &Value) -> Option<String> {
        let answer = notice.add(oreq, &Part::of(oreq))?;
        text(&answer, "opStatus").map(str::to_owned)
    }

    #[test]
    fn the_last_part_gets_the_answer_and_a_repeat_the_same() {
        let all = parts(3);
        let mut notice = ReceivedNotice::of(&all[0], &Part::of(&all[0]));
        assert_eq!(add(&mut notice, &all[0]), None);
        assert_eq!(add(&mut notice, &all[1]), None);
        assert_eq!(add(&mut notice, &all[2]).as_deref(), Some("01"));
        let first = notice.add(&all[2], &Part::of(&all[2]));
        assert_eq!(first, notice.add(&all[2], &Part::of(&all[2])));
        let mut broken = ReceivedNotice::of(&all[0], &Part::of(&all[0]));
        add(&mut broken, &all[0]);
        assert_eq!(add(&mut broken, &all[2]).as_deref(), Some("02"));
    }

    #[test]
    fn parts_are_checked() {
        let good = parts(1).remove(0);
        assert_eq!(defect(&good), None);
        let with = |name: &str, value: Value| {
            let mut oreq = good.clone();
            oreq[name] = value;
            defect(&oreq)
        };
        let is = |code, detail: &str| Some((code, detail.to_owned()));
        assert_eq!(with("opSeverity", Value::Null), is("201", "opSeverity"));
        assert_eq!(
            with("opSeq", json!({"seqId": new_id()})),
            is("201", "opSeq.seqNum,opSeq.seqTotal")
        );
        assert_eq!(with("opExpDate", json!("soon")), is("203", "opExpDate"));
        assert_eq!(with("opCategory", json!("07")), is("207", "opCategory"));
        assert_eq!(with("opCategory", json!("80")), None);
        assert_eq!(with("messageVersion", json!("2.2.0")), is("102", "messageVersion"));
    }
}

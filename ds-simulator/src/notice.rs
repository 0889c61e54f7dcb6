//! Operational notices of a directory server (OReq), and its judgement of the answers (ORes)
//! [P-OPR-01, P-OPR-02, Req 435, Req 440].

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::ids;
use crate::link::{Answer, Failed, Link};
use crate::message::{apply_overrides, erro, new_id};
use crate::trace::{Trace, text};

/// Who is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipient {
    #[default]
    #[serde(rename = "acs")]
    Acs,
    #[serde(rename = "3dss")]
    ThreeDsServer,
}

impl Recipient {
    /// The legs of request and answer.
    const fn legs(self) -> (&'static str, &'static str) {
        match self {
            Self::Acs => ("DS-ACS", "ACS-DS"),
            Self::ThreeDsServer => ("DS-3DSS", "3DSS-DS"),
        }
    }

    /// Its reference number and its id in an ORes.
    const fn own_elements(self) -> [&'static str; 2] {
        match self {
            Self::Acs => ["acsReferenceNumber", "acsTransID"],
            Self::ThreeDsServer => ["threeDSServerRefNumber", "threeDSServerTransID"],
        }
    }
}

/// A notice to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notice {
    /// The ACS, or the 3DS Server of this network.
    pub to: Recipient,
    /// `opCategory`.
    pub category: String,
    /// `opSeverity`.
    pub severity: String,
    /// The whole text; each part carries its share as `opDescription`.
    pub text: String,
    /// `opExpDate`, YYYYMMDD; in 30 days when empty.
    pub expires: String,
    /// Number of parts, 1 to 99.
    pub parts: u8,
    /// Send these parts in this order instead of all of them.
    pub numbers: Vec<u8>,
    /// `seqId`; a new one when empty.
    pub sequence: String,
    /// `acsTransID` of a transaction that the notice is about.
    pub about: Option<String>,
    /// Elements to set (or, with null, to take away) in every OReq.
    pub overrides: Map<String, Value>,
}

impl Default for Notice {
    fn default() -> Self {
        Self {
            to: Recipient::default(),
            category: "03".to_owned(),
            severity: "02".to_owned(),
            text: "The certificate of this directory server changes on the date given.".to_owned(),
            expires: String::new(),
            parts: 1,
            numbers: Vec::new(),
            sequence: String::new(),
            about: None,
            overrides: Map::new(),
        }
    }
}

/// What became of a notice.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NoticeReport {
    /// `seqId`.
    pub sequence: String,
    pub answers: Vec<PartAnswer>,
    /// What a directory server finds wrong in the answers; empty when all is well.
    pub problems: Vec<String>,
}

/// The answer to one part.
#[derive(Debug, Clone, Serialize)]
pub struct PartAnswer {
    /// `seqNum` of the part.
    pub number: u8,
    /// `dsTransID` of the part.
    pub ds_trans_id: String,
    /// HTTP status; 0 when no answer came.
    pub status: u16,
    /// ORes or Erro; `None` for an empty answer.
    pub message: Option<Value>,
    /// `X-Request-ID` and `X-Response-ID` of the answer.
    pub ids: BTreeMap<String, String>,
}

impl PartAnswer {
    /// `opStatus` of the ORes.
    #[must_use]
    pub fn op_status(&self) -> Option<&str> {
        self.message.as_ref().and_then(|message| text(message, "opStatus"))
    }
}

/// Who sends notices and where to.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    pub link: &'a Link,
    /// The receiver's OReq endpoint.
    pub url: &'a str,
    pub ds_reference_number: &'a str,
    pub trace: &'a Trace,
}

impl Notice {
    /// The messages, in the order in which they go out, with their numbers.
    #[must_use]
    pub fn messages(&self, ds_reference_number: &str) -> Vec<(u8, Value)> {
        let sequence = if self.sequence.is_empty() { new_id() } else { self.sequence.clone() };
        let total = self.parts.clamp(1, 99);
        let numbers =
            if self.numbers.is_empty() { (1..=total).collect() } else { self.numbers.clone() };
        let shares = shares(&self.text, total.into());
        let build = |number: u8| {
            let share = usize::from(number.max(1) - 1).min(shares.len() - 1);
            let mut oreq = json!({
                "messageType": "OReq",
                "messageVersion": "2.3.1",
                "dsReferenceNumber": ds_reference_number,
                "dsTransID": new_id(),
                "opCategory": self.category,
                "opSeverity": self.severity,
                "opDescription": shares[share],
                "opExpDate": if self.expires.is_empty() { in_30_days() } else { self.expires.clone() },
                "opSeq": {
                    "seqId": sequence,
                    "seqNum": format!("{number:02}"),
                    "seqTotal": format!("{total:02}"),
                },
            });
            if let Some(id) = &self.about {
                oreq["opPriorTransRef"] = json!({"transIdType": "03", "transId": id});
            }
            apply_overrides(&mut oreq, &self.overrides);
            (number, oreq)
        };
        numbers.into_iter().map(build).collect()
    }
}

impl Sender<'_> {
    /// Sends the parts one after the other and judges each answer; a defective ORes is complained
    /// about with an Erro.
    pub async fn send(&self, notice: &Notice) -> NoticeReport {
        let mut report = NoticeReport::default();
        let mut judge = Judge { to: notice.to, ..Judge::default() };
        for (number, oreq) in notice.messages(self.ds_reference_number) {
            let sequence = text(&oreq["opSeq"], "seqId").unwrap_or("unknown").to_owned();
            let answer = self.post(&oreq, &sequence, notice.to).await;
            report.sequence = sequence;
            let answer = match answer {
                Ok(answer) => answer,
                Err(failed) => {
                    report.problems.push(format!("part {number}: {failed}"));
                    continue;
                }
            };
            let part = read(number, &oreq, &answer);
            if let Some((code, detail)) = judge.part(&oreq, &part) {
                report.problems.push(format!("part {number}: {code} {detail}"));
                if part.message.as_ref().is_some_and(|message| !is_erro(message)) {
                    self.complain(code, &detail, &oreq, &report.sequence, notice.to).await;
                }
            }
            report.answers.push(part);
        }
        report
    }

    async fn post(&self, message: &Value, txn: &str, to: Recipient) -> Result<Answer, Failed> {
        let (there, back) = to.legs();
        let bytes = Bytes::from(message.to_string());
        self.trace.message_of(txn, there, "request", message, bytes.len());
        let id = text(message, "dsTransID");
        let send = || self.link.post_json(self.url, bytes.clone(), id, PATIENCE);
        let answer = match send().await {
            Err(Failed::Connect(_)) => send().await?,
            other => other?,
        };
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(reply) => {
                self.trace.message_of(txn, back, "response", &reply, answer.body.len());
                ids::compare(self.trace, txn, back, &reply, &answer.headers);
            }
            Err(_) => {
                let words = format!("HTTP {} with {} bytes", answer.status, answer.body.len());
                self.trace.note(txn, back, "remark", answer.body.len(), words);
            }
        }
        Ok(answer)
    }

    /// An Erro about a response is a new POST to whoever sent it [P-ERRO-04].
    async fn complain(&self, code: &str, detail: &str, oreq: &Value, txn: &str, to: Recipient) {
        let mut erro = erro('D', code, "ORes refused", detail, oreq);
        erro["errorMessageType"] = json!("ORes");
        let bytes = Bytes::from(erro.to_string());
        self.trace.message_of(txn, to.legs().0, "request", &erro, bytes.len());
        if let Err(error) = self.link.post_json(self.url, bytes, None, PATIENCE).await {
            tracing::warn!(%error, "Erro about an ORes not delivered");
        }
    }
}

/// What was sent of a sequence so far.
#[derive(Debug, Default)]
struct Judge {
    to: Recipient,
    last: u64,
    broken: bool,
    answered: bool,
}

impl Judge {
    /// The defect of an answer: an ORes where one is due, with the right ids and status, and
    /// nothing before.
    fn part(&mut self, oreq: &Value, part: &PartAnswer) -> Option<(&'static str, String)> {
        let number = |name: &str| text(&oreq["opSeq"], name)?.parse::<u64>().ok();
        let (at, total) = (number("seqNum").unwrap_or(0), number("seqTotal").unwrap_or(0));
        self.broken |= at != self.last + 1;
        self.last = at;
        let last = at == total;
        let Some(ores) = &part.message else {
            let due = last && !self.answered;
            return (due || part.status != 200).then(|| {
                let words = format!("HTTP {} and no ORes after part {at} of {total}", part.status);
                ("101", words)
            });
        };
        if is_erro(ores) {
            let code = text(ores, "errorCode").unwrap_or("?");
            return Some(("101", format!("Erro {code} instead of an ORes")));
        }
        if !last && !self.broken {
            return Some(("101", format!("an ORes after part {at} of {total}")));
        }
        self.answered = true;
        let expected = if self.broken { "02" } else { "01" };
        ores_defect(ores, oreq, self.to).or_else(|| {
            let wrong = text(ores, "opStatus") != Some(expected);
            wrong.then(|| ("203", format!("opStatus, expected {expected}")))
        })
    }
}

/// Required elements, ids and codes of an ORes [Req 440, Note 171].
fn ores_defect(ores: &Value, oreq: &Value, to: Recipient) -> Option<(&'static str, String)> {
    if text(ores, "messageType") != Some("ORes") {
        return Some(("101", "messageType".to_owned()));
    }
    let [reference, own_id] = to.own_elements();
    let names = [reference, own_id, "dsTransID", "messageVersion", "opStatus"];
    let missing: Vec<_> =
        names.into_iter().filter(|name| text(ores, name).is_none_or(str::is_empty)).collect();
    if !missing.is_empty() {
        return Some(("201", missing.join(",")));
    }
    let known = |name: &str| ["messageType"].iter().chain(&names).any(|own| *own == name);
    let members = ores.as_object().into_iter().flatten();
    let foreign: Vec<_> =
        members.map(|(name, _)| name.as_str()).filter(|name| !known(name)).collect();
    if !foreign.is_empty() {
        return Some(("203", foreign.join(",")));
    }
    let mut wrong = Vec::new();
    if ores["messageVersion"] != oreq["messageVersion"] {
        wrong.push("messageVersion");
    }
    if text(ores, own_id).is_none_or(|id| uuid::Uuid::try_parse(id).is_err()) {
        wrong.push(own_id);
    }
    if !matches!(text(ores, "opStatus"), Some("01" | "02" | "03")) {
        wrong.push("opStatus");
    }
    if !wrong.is_empty() {
        return Some(("203", wrong.join(",")));
    }
    let same = text(ores, "dsTransID")
        .zip(text(oreq, "dsTransID"))
        .is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours));
    (!same).then(|| ("301", "dsTransID".to_owned()))
}

fn read(number: u8, oreq: &Value, answer: &Answer) -> PartAnswer {
    let id = |name: &str| {
        let value = answer.headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    PartAnswer {
        number,
        ds_trans_id: text(oreq, "dsTransID").unwrap_or_default().to_owned(),
        status: answer.status,
        message: serde_json::from_slice(&answer.body).ok(),
        ids: ["x-request-id", "x-response-id"].into_iter().filter_map(id).collect(),
    }
}

fn is_erro(message: &Value) -> bool {
    text(message, "messageType") == Some("Erro")
}

/// The text in `count` pieces, none of them empty.
fn shares(whole: &str, count: usize) -> Vec<String> {
    let letters: Vec<char> = whole.chars().collect();
    let size = letters.len().div_ceil(count).max(1);
    let mut shares: Vec<String> = letters.chunks(size).map(|part| part.iter().collect()).collect();
    shares.resize(count, "-".to_owned());
    shares
}

fn in_30_days() -> String {
    let day = OffsetDateTime::now_utc() + time::Duration::days(30);
    day.format(format_description!("[year][month][day]")).unwrap_or_default()
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(numbers: &[u8], total: u8, answers: &[Option<&str>]) -> Vec<String> {
        let notice = Notice { parts: total, numbers: numbers.to_vec(), ..Notice::default() };
        let mut judge = Judge::default();
        let mut problems = Vec::new();
        for ((number, oreq), status) in notice.messages("DS").into_iter().zip(answers) {
            let message = status.map(|status| {
                json!({"messageType": "ORes", "messageVersion": "2.3.1", "opStatus": status,
                    "acsReferenceNumber": "A", "acsTransID": new_id(),
                    "dsTransID": oreq["dsTransID"]})
            });
            let part = PartAnswer {
                number,
                ds_trans_id: String::new(),
                status: 200,
                message,
                ids: BTreeMap::new(),
            };
            problems.extend(judge.part(&oreq, &part).map(|(code, _)| code.to_owned()));
        }
        problems
    }

    #[test]
    fn one_ores_with_the_right_status_is_due_after_the_last_part() {
        let none = Vec::<String>::new();
        assert_eq!(judged(&[], 1, &[Some("01")]), none);
        assert_eq!(judged(&[], 3, &[None, None, Some("01")]), none);
        assert_eq!(judged(&[1, 3], 3, &[None, Some("02")]), none);
        assert_eq!(judged(&[1, 3, 4], 4, &[None, Some("02"), None]), none);
        assert_eq!(judged(&[], 2, &[None, None]), ["101"]);
        assert_eq!(judged(&[], 2, &[Some("01"), Some("01")]), ["101"]);
        assert_eq!(judged(&[], 1, &[Some("02")]), ["203"]);
        assert_eq!(judged(&[], 1, &[Some("07")]), ["203"]);
        assert_eq!(judged(&[], 1, &[Some("")]), ["201"]);
    }

    #[test]
    fn a_text_is_shared_among_the_parts() {
        assert_eq!(shares("abcde", 2), ["abc", "de"]);
        assert_eq!(shares("a", 3), ["a", "-", "-"]);
        assert_eq!(shares("", 1), ["-"]);
    }
}

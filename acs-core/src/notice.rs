//! Operational notices (OReq and ORes, 2.3.1): the order of a sequence's parts and the one answer
//! after it [P-OPR-01, P-OPR-02]. A notice informs operators; it changes no authentication.

use serde::{Deserialize, Serialize};

use crate::UtcMillis;
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId};
use crate::message::{OReq, SequencePart};
use crate::outgoing;

/// `opStatus` of an ORes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OpStatus {
    /// All parts came.
    #[serde(rename = "01")]
    Received,
    /// A part is missing, came twice with other content, or too late.
    #[serde(rename = "02")]
    SequenceBroken,
}

impl OpStatus {
    /// The wire code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "01",
            Self::SequenceBroken => "02",
        }
    }
}

/// When a broken sequence is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenAnswer {
    /// With its last part, like a whole one: there is one ORes per sequence.
    LastPart,
    /// With the first part that is out of place.
    AtOnce,
}

/// What a deployment decides about sequences.
#[derive(Debug, Clone, Copy)]
pub struct SequenceRules {
    pub broken_answer: BrokenAnswer,
    /// Longest wait between two parts, seconds.
    pub part_seconds: u32,
}

/// A part that was taken before, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenPart {
    pub number: u8,
    pub total: u8,
    pub received: UtcMillis,
    /// The sequence was out of order from this part on.
    pub broken: bool,
    /// The ORes that it got, if it got one.
    pub answered: Option<OpStatus>,
}

/// Where a new part stands in its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub broken: bool,
    /// `None`: an empty 200, more parts are to come.
    pub answer: Option<OpStatus>,
}

/// Places a part behind those that came before. Identical repeats are the caller's: they get what
/// the first got.
#[must_use]
pub fn place(
    part: SequencePart,
    earlier: &[TakenPart],
    rules: &SequenceRules,
    now: UtcMillis,
) -> Placed {
    let in_order = match earlier.last() {
        None => part.number == 1,
        Some(last) => {
            !last.broken
                && last.answered.is_none()
                && last.total == part.total
                && u16::from(part.number) == u16::from(last.number) + 1
                && now <= last.received.plus_seconds(rules.part_seconds)
        }
    };
    if in_order {
        let answer = (part.number == part.total).then_some(OpStatus::Received);
        return Placed { broken: false, answer };
    }
    let over = earlier.iter().any(|taken| taken.answered.is_some());
    let last = part.number == part.total;
    let now_or_last = last || over || rules.broken_answer == BrokenAnswer::AtOnce;
    Placed { broken: true, answer: now_or_last.then_some(OpStatus::SequenceBroken) }
}

/// Builds and checks the ORes [Note 171]; `acs_trans_id` is a new id.
///
/// # Errors
/// The names of the defective elements: the message does not leave.
pub fn ores(
    oreq: &OReq,
    status: OpStatus,
    acs_reference_number: &str,
    acs_trans_id: TransId,
) -> Result<Vec<u8>, String> {
    let wire = Wire {
        message_type: "ORes",
        message_version: oreq.version,
        acs_trans_id,
        acs_reference_number,
        ds_trans_id: oreq.ds_trans_id,
        op_status: status,
    };
    let json = serde_json::to_vec(&wire).map_err(|e| e.to_string())?;
    outgoing::check(&json, Message::ORes, oreq.version, None, None)?;
    Ok(json)
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "acsTransID")]
    acs_trans_id: TransId,
    #[serde(rename = "acsReferenceNumber")]
    acs_reference_number: &'a str,
    #[serde(rename = "dsTransID")]
    ds_trans_id: TransId,
    #[serde(rename = "opStatus")]
    op_status: OpStatus,
}

/// A description as it may be stored and shown: what may be an account number is hidden, also when
/// its digits stand in groups; control characters other than line breaks become spaces.
#[must_use]
pub fn presentable(description: &str) -> String {
    let mut shown: Vec<char> =
        description.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    let mut digits: Vec<usize> = Vec::new();
    let mut gap = 0;
    for at in 0..=shown.len() {
        match shown.get(at) {
            Some(c) if c.is_numeric() => {
                digits.push(at);
                gap = 0;
            }
            Some(' ' | '-' | '.' | '\u{a0}') if !digits.is_empty() && gap < WIDEST_GAP => gap += 1,
            _ => {
                if digits.len() >= SHORTEST_PAN {
                    digits.iter().for_each(|place| shown[*place] = '*');
                }
                digits.clear();
                gap = 0;
            }
        }
    }
    shown.into_iter().collect()
}

/// Digits of the shortest account number.
const SHORTEST_PAN: usize = 13;
/// Separators between two groups of its digits.
const WIDEST_GAP: usize = 3;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::erro::erro;
    use crate::message::{AtOreqEndpoint, ReadRules, read_oreq};

    const SEQUENCE: &str = "8c9f3b1e-4b6e-4c0a-9f0e-0d7c2a4f5b61";
    const NOW: UtcMillis = UtcMillis(1_800_000_000_000);

    fn oreq(number: &str, total: &str) -> Value {
        json!({
            "messageType": "OReq", "messageVersion": "2.3.1", "dsReferenceNumber": "DS_1",
            "dsTransID": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b", "opCategory": "03",
            "opSeverity": "02", "opDescription": "The root changes.", "opExpDate": "20270131",
            "opSeq": {"seqId": SEQUENCE, "seqNum": number, "seqTotal": total},
        })
    }

    fn read(message: &Value, versions: &[MessageVersion]) -> Result<OReq, (String, String)> {
        let rules = ReadRules {
            versions: versions.to_vec(),
            agreed_values: Vec::new(),
            known_extensions: Vec::new(),
            accepted_iso_codes: Vec::new(),
        };
        match read_oreq(message.to_string().as_bytes(), &rules) {
            Ok(AtOreqEndpoint::OReq(oreq)) => Ok(*oreq),
            Ok(AtOreqEndpoint::Erro(_)) => panic!("an Erro"),
            Err(rejection) => {
                let erro = erro(&rejection, versions);
                Err((erro.code.as_str().to_owned(), erro.detail))
            }
        }
    }

    fn refused(change: Value) -> (String, String) {
        let mut message = oreq("01", "01");
        for (name, value) in change.as_object().unwrap() {
            message[name] = value.clone();
        }
        read(&message, &MessageVersion::ALL).unwrap_err()
    }

    fn pair(code: &str, detail: &str) -> (String, String) {
        (code.to_owned(), detail.to_owned())
    }

    #[test]
    fn an_oreq_is_read_and_each_defect_named() {
        let mut message = oreq("02", "03");
        message["opPriorTransRef"] = json!({"transIdType": "03", "transId": SEQUENCE});
        let part = read(&message, &MessageVersion::ALL).unwrap();
        assert_eq!((part.sequence.number, part.sequence.total), (2, 3));
        assert_eq!(part.prior.unwrap().id_type, "03");
        let missing = json!({"opSeverity": null, "opDescription": ""});
        assert_eq!(refused(missing), pair("201", "opDescription,opSeverity"));
        let wrong = json!({"opExpDate": "20270231", "dsTransID": "x"});
        assert_eq!(refused(wrong), pair("203", "dsTransID,opExpDate"));
        assert_eq!(refused(json!({"opCategory": "07"})), pair("207", "opCategory"));
        let long = json!({"opDescription": "x".repeat(20_001)});
        assert_eq!(refused(long), pair("203", "opDescription"));
        let sequence = |number: &str, total: &str| json!({"opSeq": {"seqId": SEQUENCE, "seqNum": number, "seqTotal": total}});
        assert_eq!(refused(sequence("03", "02")), pair("203", "opSeq.seqNum"));
        assert_eq!(refused(sequence("00", "02")), pair("203", "opSeq.seqNum"));
        assert_eq!(refused(json!({"opSeq": {"seqId": SEQUENCE}})).0, "201");
        assert_eq!(refused(json!({"messageType": "ORes"})).0, "101");
    }

    #[test]
    fn earlier_versions_know_no_oreq() {
        assert_eq!(refused(json!({"messageVersion": "2.2.0"})).0, "101");
        let old = [MessageVersion::V210, MessageVersion::V220];
        assert_eq!(read(&oreq("01", "01"), &old).unwrap_err(), pair("102", "2.1.0,2.2.0"));
    }

    #[test]
    fn one_answer_per_sequence() {
        let rules = |broken_answer| SequenceRules { broken_answer, part_seconds: 3600 };
        let play = |parts: &[(u8, u8, i64)], broken_answer| -> Vec<Option<OpStatus>> {
            let mut taken: Vec<TakenPart> = Vec::new();
            for (number, total, at) in parts {
                let id = TransId::parse(SEQUENCE).unwrap();
                let part = SequencePart { id, number: *number, total: *total };
                let received = UtcMillis(NOW.0 + at * 1000);
                let placed = place(part, &taken, &rules(broken_answer), received);
                taken.push(TakenPart {
                    number: *number,
                    total: *total,
                    received,
                    broken: placed.broken,
                    answered: placed.answer,
                });
            }
            taken.into_iter().map(|part| part.answered).collect()
        };
        let (good, broken) = (Some(OpStatus::Received), Some(OpStatus::SequenceBroken));
        let last = BrokenAnswer::LastPart;
        assert_eq!(play(&[(1, 1, 0)], last), [good]);
        assert_eq!(play(&[(1, 3, 0), (2, 3, 1), (3, 3, 3600)], last), [None, None, good]);
        assert_eq!(play(&[(1, 3, 0), (3, 3, 1)], last), [None, broken]);
        assert_eq!(play(&[(1, 4, 0), (3, 4, 1), (4, 4, 2)], last), [None, None, broken]);
        assert_eq!(play(&[(2, 3, 0), (3, 3, 0)], last), [None, broken]);
        assert_eq!(play(&[(1, 2, 0), (2, 3, 0), (3, 3, 0)], last), [None, None, broken]);
        assert_eq!(play(&[(1, 2, 0), (2, 2, 3601)], last), [None, broken]);
        assert_eq!(play(&[(1, 1, 0), (1, 1, 0)], last), [good, broken]);
        assert_eq!(play(&[(1, 4, 0), (3, 4, 1)], BrokenAnswer::AtOnce), [None, broken]);
    }

    #[test]
    fn an_ores_passes_the_dictionary() {
        let part = read(&oreq("01", "01"), &MessageVersion::ALL).unwrap();
        let id = TransId::parse(SEQUENCE).unwrap();
        let json = ores(&part, OpStatus::Received, "ACS_1", id).unwrap();
        let message: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(message["opStatus"], "01");
        assert_eq!(message.as_object().unwrap().len(), 6);
        assert_eq!(ores(&part, OpStatus::Received, "", id).unwrap_err(), "acsReferenceNumber");
    }

    #[test]
    fn account_numbers_in_a_description_are_hidden() {
        for (text, shown) in [
            ("card 4000000000001000.", "card ****************."),
            ("4000 0000 0000 1000 seen", "**** **** **** **** seen"),
            ("4000-0000-0000-1", "****-****-****-*"),
            ("call +81 3 1234 5678 by 2027-01-31", "call +81 3 1234 5678 by 2027-01-31"),
            ("a\tb\u{7}c\nd", "a b c\nd"),
        ] {
            assert_eq!(presentable(text), shown);
        }
    }
}

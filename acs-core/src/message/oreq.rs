//! OReq: one part of an operational notice of a directory server [P-OPR-01, Req 438].

use super::{ReadRules, ReceivedErro, envelope::Envelope, parse, received_erro};
use crate::dictionary::{Message, table};
use crate::element::{MessageVersion, TransId};
use crate::erro::{Fault, Rejection};
use crate::json::{Node, Object};
use crate::validate::{Walk, explain};

/// What may arrive at the OReq endpoint [P-GEN-02, P-ERRO-04].
#[derive(Debug)]
#[non_exhaustive]
pub enum AtOreqEndpoint {
    /// A notice, or a part of one, that passed the dictionary.
    OReq(Box<OReq>),
    /// An Erro about our ORes: answered with an empty 200.
    Erro(Box<ReceivedErro>),
}

/// A validated part of an operational notice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OReq {
    pub version: MessageVersion,
    pub ds_trans_id: TransId,
    pub ds_reference_number: String,
    /// `opCategory`: 01 general, 02 operational alert, 03 certificate expiry, 04 approval expiry,
    /// 05 fraud, 06 other.
    pub category: String,
    /// `opSeverity`: 01 critical, 02 major, 03 minor, 04 informational.
    pub severity: String,
    /// `opDescription`: a stranger's text of at most 20,000 characters, which may hold anything.
    pub description: String,
    /// `opExpDate`, YYYYMMDD.
    pub expires: String,
    pub sequence: SequencePart,
    /// `opPriorTransRef`: the transaction that the notice is about.
    pub prior: Option<PriorReference>,
}

/// `opSeq`: which part of which sequence; `number` is 1 to `total`, `total` at most 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequencePart {
    pub id: TransId,
    pub number: u8,
    pub total: u8,
}

/// `opPriorTransRef`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorReference {
    /// `transIdType`: 01 3DS Server, 02 directory server, 03 ACS.
    pub id_type: String,
    pub id: TransId,
}

/// Reads what a DS posted to the OReq endpoint, in the stages of P-AREQ-02..12. A part whose number
/// exceeds the sequence's total is a contradiction: 203.
///
/// # Errors
/// A [`Rejection`], which [`crate::erro::erro`] turns into the Erro to answer. A DS profile without
/// 2.3.1 knows no OReq [P-OPR-01].
pub fn read_oreq(body: &[u8], rules: &ReadRules) -> Result<AtOreqEndpoint, Box<Rejection>> {
    let message = parse(body)?;
    let envelope = Envelope::of(&message);
    if envelope.message_type() == Some("Erro") {
        return Ok(AtOreqEndpoint::Erro(Box::new(received_erro(&message))));
    }
    let version = envelope.open(Message::OReq, rules)?;
    if version < MessageVersion::V231 {
        return Err(envelope.reject(Fault::MessageTypeMisplaced));
    }
    let walk = Walk { version, cell: None, rules, outgoing: false };
    let table = table(Message::OReq, version);
    let mut findings = walk.message(table, &message);
    let read = typed(message.root(), version);
    if read.as_ref().is_some_and(|oreq| oreq.sequence.number > oreq.sequence.total) {
        findings.contradictory("opSeq.seqNum");
    }
    if let Some(fault) = findings.first_fault() {
        let explanation = explain(&fault, table, &message, &walk);
        return Err(Box::new(envelope.reject(fault).explained(explanation)));
    }
    // The walk found everything in place; were it not so, a refusal is the safe answer.
    read.map(|oreq| AtOreqEndpoint::OReq(Box::new(oreq)))
        .ok_or_else(|| envelope.reject(Fault::PermanentFailure))
}

fn typed(message: Object<'_>, version: MessageVersion) -> Option<OReq> {
    let text = |name: &str| message.text(name).map(str::to_owned);
    let object = |name: &str| message.get(name).and_then(Node::as_object);
    let id = |object: Object<'_>, name: &str| object.text(name).and_then(TransId::parse);
    let sequence = object("opSeq")?;
    let number = |name: &str| sequence.text(name)?.parse::<u8>().ok();
    let prior = object("opPriorTransRef").and_then(|prior| {
        Some(PriorReference {
            id_type: prior.text("transIdType")?.to_owned(),
            id: id(prior, "transId")?,
        })
    });
    Some(OReq {
        version,
        ds_trans_id: id(message, "dsTransID")?,
        ds_reference_number: text("dsReferenceNumber")?,
        category: text("opCategory")?,
        severity: text("opSeverity")?,
        description: text("opDescription")?,
        expires: text("opExpDate")?,
        sequence: SequencePart {
            id: id(sequence, "seqId")?,
            number: number("seqNum")?,
            total: number("seqTotal")?,
        },
        prior,
    })
}

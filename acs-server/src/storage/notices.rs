//! Operational notices as stored [P-OPR-02].

use acs_core::UtcMillis;
use acs_core::element::TransId;
use acs_core::message::SequencePart;
use acs_core::notice::{OpStatus, TakenPart};

/// A part of a notice that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    pub ds_id: String,
    pub part: SequencePart,
    /// Which of the sequence's parts this was to come, from 0. Two rows never share a place.
    pub place: u32,
    pub received: UtcMillis,
    /// The sequence is out of order from here on.
    pub broken: bool,
    /// Keyed digest of the message, by which a repeat is recognised.
    pub digest: [u8; 16],
    pub answered: Option<OpStatus>,
    /// The ORes given, byte for byte.
    pub reply: Option<Vec<u8>>,
    /// JSON of [`NoticeDetail`].
    pub detail: Vec<u8>,
}

/// What a part says, for operators.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NoticeDetail {
    /// `opCategory`.
    pub category: String,
    /// `opSeverity`.
    pub severity: String,
    /// `opExpDate`, YYYYMMDD.
    pub expires: String,
    /// `opDescription` with whatever may be an account number hidden.
    pub description: String,
    pub ds_trans_id: TransId,
    pub ds_reference_number: String,
    /// `opPriorTransRef`: type and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<(String, TransId)>,
}

impl NoticeRow {
    /// What the order of the next part depends on.
    #[must_use]
    pub const fn taken(&self) -> TakenPart {
        TakenPart {
            number: self.part.number,
            total: self.part.total,
            received: self.received,
            broken: self.broken,
            answered: self.answered,
        }
    }
}

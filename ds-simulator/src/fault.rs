//! Faults the directory server and the 3DS Server can be told to make, by name.

use serde::{Deserialize, Serialize};

/// What goes wrong on purpose; everything off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How the directory server treats a well-formed RReq.
    pub rreq: RreqFault,
    /// Only this many of the next RReqs meet the fault `rreq`. 0: all.
    pub rreq_times: u32,
    /// Wait this long before an RReq is answered or forwarded.
    pub rreq_delay_ms: u64,
    /// Wait this long before the RRes, or the Erro in its place, goes back to the ACS.
    pub rres_delay_ms: u64,
    /// The 3DS Server waits this long before it answers an RReq.
    pub three_ds_server_delay_ms: u64,
    /// Refuse every ARes with an Erro of this code, posted to the ACS and given to the 3DS Server.
    pub ares_erro: String,
    /// How soon a 3DS Server may send the next PReq. 0: after an hour.
    pub preq_interval_ms: u64,
    /// The next AReqs get no answer: the connection to the 3DS Server just ends.
    pub drop_areq_answers: u32,
    /// Keep sending an AReq, byte for byte the same, for this long while the connection to the
    /// ACS fails, as a directory server may within its replay window. 0: one retry.
    pub areq_retry_ms: u64,
    /// How long the directory server waits for an ARes. 0: its usual 10 seconds.
    pub ares_timeout_ms: u64,
    /// How long the directory server waits for an RRes. 0: its usual 3 seconds.
    pub rres_timeout_ms: u64,
    /// `resultsStatus` the 3DS Server answers with; `01` when empty.
    pub results_status: String,
    /// AReqs of 3DS Servers go on to the ACS however defective they are.
    pub areq_unchecked: bool,
    /// Elements to set (or, with null, to take away) in the AReq on its way to the ACS.
    pub areq_overrides: serde_json::Map<String, serde_json::Value>,
    /// Elements to set (or, with null, to take away) in the RRes on its way to the ACS.
    pub rres_overrides: serde_json::Map<String, serde_json::Value>,
}

/// What the directory server does with an RReq.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RreqFault {
    /// Forward it and answer.
    #[default]
    None,
    /// Read it, forward it, never answer.
    NeverAnswer,
    /// Read it, neither forward nor answer: close the connection.
    CloseUnread,
    /// Read it, forward it, then close the connection instead of answering.
    CloseAfterForward,
    /// Answer with an Erro of this code.
    Erro(String),
    /// Answer with this HTTP status and no body.
    Http(u16),
    /// Answer with these bytes and HTTP 200.
    Text(String),
}

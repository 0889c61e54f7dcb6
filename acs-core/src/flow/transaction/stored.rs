//! A transaction as it is stored: one JSON object with a format number (invariant 11). What never
//! changes of it is written once and copied from then on.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{AppState, Opened, Phase, Transaction};

/// What a transaction was opened with, shared by all its states in memory.
#[derive(Clone)]
pub(super) struct Opening(Arc<Kept>);

struct Kept {
    opened: Opened,
    /// Its members in JSON, without the braces.
    members: OnceLock<Box<[u8]>>,
}

/// The members of a stored transaction that its steps change.
#[derive(Serialize)]
struct Moving<'a> {
    #[serde(rename = "r")]
    revision: u32,
    #[serde(rename = "la")]
    language: &'a str,
    #[serde(rename = "ap", skip_serializing_if = "Option::is_none")]
    app: Option<&'a AppState>,
    #[serde(rename = "ph")]
    phase: &'a Phase,
}

/// [`Moving`] as it is read.
#[derive(Deserialize)]
struct Moved {
    #[serde(rename = "r")]
    revision: u32,
    #[serde(rename = "la")]
    language: String,
    #[serde(rename = "ap", default)]
    app: Option<Box<AppState>>,
    #[serde(rename = "ph")]
    phase: Phase,
}

impl Transaction {
    /// Its first state.
    pub(in crate::flow) fn new(
        opened: Opened,
        language: String,
        app: Option<Box<AppState>>,
        phase: Phase,
    ) -> Self {
        Self { opening: Opening::new(opened), revision: 0, language, app, phase }
    }

    /// The JSON to store.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let opened = self.opening.members()?;
        // An app's also holds the answer to its newest message.
        let room = if self.app.is_some() { ROOM_OF_APP } else { ROOM };
        let mut json = Vec::with_capacity(opened.len() + room);
        let Self { revision, language, app, phase, .. } = self;
        let moving = Moving { revision: *revision, language, app: app.as_deref(), phase };
        serde_json::to_writer(&mut json, &moving)?;
        json.pop();
        json.push(b',');
        json.extend_from_slice(opened);
        json.push(b'}');
        Ok(json)
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// For a state of a newer program, and for anything else that is none.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let opened: Opened = serde_json::from_slice(json)?;
        let Moved { revision, language, app, phase } = serde_json::from_slice(json)?;
        Ok(Self { opening: Opening::new(opened), revision, language, app, phase })
    }
}

impl Deref for Transaction {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opening.0.opened
    }
}

impl Opening {
    fn new(opened: Opened) -> Self {
        Self(Arc::new(Kept { opened, members: OnceLock::new() }))
    }

    fn members(&self) -> Result<&[u8], serde_json::Error> {
        let Kept { opened, members } = &*self.0;
        if let Some(members) = members.get() {
            return Ok(members);
        }
        let mut json = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut json, opened)?;
        json.pop();
        json.remove(0);
        Ok(members.get_or_init(|| json.into()))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.opened.fmt(f)
    }
}

const ROOM: usize = 1024;
const ROOM_OF_APP: usize = 3 * 1024;

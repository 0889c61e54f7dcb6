//! The issuer's app in the cardholder's hand. It hears of questions through the outbox, asks the ACS
//! what to show, and answers as the test card says, or as the control API wants.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cards;
use crate::issuer::{IssuerSystems, Word};

/// What the cardholder does in the app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Does {
    #[default]
    Approve,
    Decline,
    /// Does not look at the phone.
    Nothing,
    /// Approves when the time is over.
    Late,
}

/// The app of all cardholders.
#[derive(Debug)]
pub struct BankApp {
    systems: IssuerSystems,
    cards: Option<PathBuf>,
    /// For cards that say nothing.
    usual: Mutex<Does>,
}

/// An answer that somebody gives by hand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `approved`, `declined`, `rejected` or `unavailable`.
    pub result: String,
    /// As chosen in the app.
    #[serde(default)]
    pub number: Option<String>,
}

impl BankApp {
    /// An app that speaks through `systems`; `cards` is the test cards file.
    #[must_use]
    pub fn new(systems: IssuerSystems, cards: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { systems, cards, usual: Mutex::new(Does::default()) })
    }

    /// What cardholders do whose card says nothing about it.
    #[must_use]
    pub fn usual(&self) -> Does {
        *self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what they do.
    pub fn set_usual(&self, does: Does) {
        *self.usual.lock().unwrap_or_else(PoisonError::into_inner) = does;
    }

    /// Every question that came, oldest first.
    #[must_use]
    pub fn questions(&self) -> Vec<Value> {
        self.systems.all_asks().into_iter().filter(|ask| ask["channel"] == "oob").collect()
    }

    /// Gives an answer: HTTP status and reply of the ACS.
    ///
    /// # Errors
    /// When there is no such question, or the ACS does not answer.
    pub async fn answer(&self, acs_trans_id: &str, answer: &Answer) -> Result<(u16, Value)> {
        let ask = self.systems.asks(acs_trans_id).into_iter().next();
        let ask = ask.with_context(|| format!("nobody asked about {acs_trans_id}"))?;
        let issuer = ask["issuer"].as_str().context("a question without issuer")?;
        let mut word = Word::out_of_band(issuer, acs_trans_id, &answer.result);
        if let Some(number) = &answer.number {
            word.body = json!({ "result": answer.result, "number": number }).to_string();
        }
        self.systems.give(&word).await
    }

    /// Answers every new question, until it is stopped.
    pub(crate) async fn run(self: Arc<Self>) {
        let id = |ask: &Value| ask["acsTransID"].as_str().unwrap_or_default().to_owned();
        let mut seen: HashSet<String> = self.questions().iter().map(id).collect();
        loop {
            tokio::time::sleep(PAUSE).await;
            for ask in self.questions() {
                if seen.insert(id(&ask)) {
                    tokio::spawn(Arc::clone(&self).play(ask));
                }
            }
        }
    }

    async fn play(self: Arc<Self>, ask: Value) {
        let text = |name: &str| ask[name].as_str().unwrap_or_default();
        let (issuer, id) = (text("issuer"), text("acsTransID"));
        let result = match self.does(text("card")) {
            Does::Nothing => return,
            Does::Decline => "declined",
            Does::Approve | Does::Late => "approved",
        };
        tokio::time::sleep(LOOKING).await;
        if self.does(text("card")) == Does::Late {
            self.wait_until_over(issuer, id).await;
        }
        let number = Some(text("number").to_owned());
        let said = self.answer(id, &Answer { result: result.to_owned(), number }).await;
        match said {
            Ok((status, reply)) => tracing::info!(id, status, %reply, "the issuer's app answered"),
            Err(error) => tracing::warn!(id, %error, "the issuer's app cannot answer"),
        }
    }

    async fn wait_until_over(&self, issuer: &str, id: &str) {
        while let Ok((200, shown)) = self.systems.question(issuer, id).await {
            if shown["status"] != "waiting" {
                return;
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    /// By the last digits of the card.
    fn does(&self, last4: &str) -> Does {
        let cards = self.cards.as_deref().map(cards::read).unwrap_or_default();
        let own = cards.into_iter().find(|card| card.app.is_some() && card.pan.ends_with(last4));
        own.and_then(|card| card.app).unwrap_or_else(|| self.usual())
    }
}

/// Between two looks into the outbox.
const PAUSE: Duration = Duration::from_millis(300);
/// Until a cardholder has found the phone and the number.
const LOOKING: Duration = Duration::from_secs(4);

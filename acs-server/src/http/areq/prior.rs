//! The earlier transaction that an AReq names.

use std::sync::Arc;

use acs_core::element::TransId;
use acs_core::flow::{Prior, PriorTransaction, Transaction};
use acs_core::message::AReq;

use crate::app::{App, IssuerRuntime};
use crate::storage::{Closing, StoredState, TransactionNumber, TransactionRow};
use crate::trans_id;

/// An earlier transaction, with its row where it was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) prior: Prior,
    stored: Option<Box<(TransactionRow, Arc<Transaction>)>>,
}

impl Found {
    /// Its state after the AReq came that was to follow; of its account only what it still needs.
    pub(super) fn closing(&self) -> Option<Closing> {
        let (row, state) = self.stored.as_deref()?;
        let expected = state.revision;
        let after = Arc::new(Transaction::clone(state).after_following_areq()?);
        let row = TransactionRow {
            revision: after.revision,
            deadline: after.deadline(),
            secret: row.secret.clone().filter(|_| after.needs_secret()),
            state: StoredState::of(after).ok()?,
            ..row.clone()
        };
        Some(Closing { row, expected })
    }
}

impl From<Prior> for Found {
    fn from(prior: Prior) -> Self {
        Self { prior, stored: None }
    }
}

/// The first transaction of this issuer and directory server among those that the AReq names
/// [P-3RI-03]. Each reference is the encrypted number of its row, so invented ones cost no query.
pub(super) async fn look_up(app: &App, ds_id: &str, issuer: &IssuerRuntime, areq: &AReq) -> Found {
    let mut found = Found::default();
    for id in &areq.prior_refs {
        found = match trans_id::decode(*id, app.vault.trans_id_key()) {
            Some(number) => one(app, ds_id, issuer, *id, number).await,
            None => Found::from(Prior::Unknown),
        };
        if found.prior.found().is_some() {
            break;
        }
    }
    found
}

async fn one(
    app: &App,
    ds_id: &str,
    issuer: &IssuerRuntime,
    id: TransId,
    number: TransactionNumber,
) -> Found {
    let row = match app.store.transaction(number).await {
        Ok(Some(row)) if row.issuer_id == issuer.profile.id && row.ds_id == ds_id => row,
        Ok(_) => return Prior::Unknown.into(),
        Err(error) => {
            tracing::error!(acs_trans_id = %id, %error, "an earlier transaction cannot be looked up");
            return Prior::Failed.into();
        }
    };
    match row.state.transaction() {
        Ok(state) if state.acs_trans_id == id => {
            let prior = Prior::Found(Box::new(PriorTransaction::of(&state)));
            Found { prior, stored: Some(Box::new((row, state))) }
        }
        Ok(_) => Prior::Unknown.into(),
        Err(error) => {
            tracing::error!(acs_trans_id = %id, %error, "an earlier transaction cannot be looked up");
            Prior::Failed.into()
        }
    }
}

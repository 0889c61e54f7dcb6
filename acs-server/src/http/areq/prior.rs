//! The earlier transaction that an AReq names.

use acs_core::element::TransId;
use acs_core::flow::{Prior, PriorTransaction};
use acs_core::message::AReq;

use crate::app::{App, IssuerRuntime};
use crate::driver;
use crate::storage::TransactionNumber;
use crate::trans_id;

/// The first transaction of this issuer among those that the AReq names [P-3RI-03]. Each reference
/// is the encrypted number of its row, so invented ones cost no query.
pub(super) async fn look_up(app: &App, issuer: &IssuerRuntime, areq: &AReq) -> Prior {
    let mut prior = Prior::NotNamed;
    for id in &areq.prior_refs {
        prior = match trans_id::decode(*id, app.vault.trans_id_key()) {
            Some(number) => one(app, issuer, *id, number).await,
            None => Prior::Unknown,
        };
        if prior.found().is_some() {
            break;
        }
    }
    prior
}

async fn one(app: &App, issuer: &IssuerRuntime, id: TransId, number: TransactionNumber) -> Prior {
    let row = match app.store.transaction(number).await {
        Ok(Some(row)) if row.issuer_id == issuer.profile.id => row,
        Ok(_) => return Prior::Unknown,
        Err(error) => {
            tracing::error!(acs_trans_id = %id, %error, "an earlier transaction cannot be looked up");
            return Prior::Failed;
        }
    };
    match driver::decode_state(&row.state) {
        Ok(state) if state.acs_trans_id == id => Prior::Found(PriorTransaction::of(&state)),
        Ok(_) => Prior::Unknown,
        Err(error) => {
            tracing::error!(acs_trans_id = %id, %error, "an earlier transaction cannot be looked up");
            Prior::Failed
        }
    }
}

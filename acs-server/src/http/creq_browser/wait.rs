//! `POST /3ds/challenge/browser/wait`: a waiting page asks whether there is something new to see. Who
//! has the page's token learns yes or no; nothing changes [P-BRW-25].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acs_core::flow::challenge;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::app::{App, PeerAddress};
use crate::driver::unpoisoned;
use crate::http::{forms, respond};
use crate::storage::TransactionNumber;
use crate::trans_id;

/// Answers `{"wait":true}` or `{"wait":false}`.
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    body: Bytes,
) -> Response {
    let fields = forms::page(&body);
    let keys = app.vault.challenge_keys();
    let id = challenge::token_transaction(&fields.token, keys);
    let number = id.and_then(|id| trans_id::decode(id, app.vault.trans_id_key()));
    let (Some(_), Some(number)) = (id, number) else {
        metrics::counter!("acs_refused_total", "listener" => "cardholder", "cause" => "unknown-id")
            .increment(1);
        let too_many = app.desk.strangers.is_too_many(peer.ip());
        return respond::refuse(if too_many {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::NOT_FOUND
        });
    };
    if !app.desk.waits.may_ask(number) {
        return respond::refuse(StatusCode::TOO_MANY_REQUESTS);
    }
    let Ok(Some(row)) = app.store.state(number).await else {
        return respond::refuse(StatusCode::SERVICE_UNAVAILABLE);
    };
    let Ok(state) = row.state.transaction() else {
        return respond::refuse(StatusCode::SERVICE_UNAVAILABLE);
    };
    match challenge::still_waits(&state, &fields.token, keys, app.clock.now()) {
        Some(wait) => readable(respond::json(StatusCode::OK, &json!({ "wait": wait }))),
        None => respond::refuse(StatusCode::NOT_FOUND),
    }
}

/// A page in a sandbox without an origin of its own may read it too: the token is in the body, and
/// no cookie counts.
fn readable(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// When each waiting page asked last, in bounded memory.
#[derive(Debug, Default)]
pub struct Waits(Mutex<HashMap<TransactionNumber, Instant>>);

impl Waits {
    /// Whether the page of `number` may ask now; who asks faster than a page does is put off.
    fn may_ask(&self, number: TransactionNumber) -> bool {
        let now = Instant::now();
        let mut asked = unpoisoned(&self.0);
        if asked.len() >= MAX_PAGES {
            asked.retain(|_, last| now.duration_since(*last) < SHORTEST);
        }
        let too_soon = asked.get(&number).is_some_and(|last| now.duration_since(*last) < SHORTEST);
        if !too_soon && (asked.len() < MAX_PAGES || asked.contains_key(&number)) {
            asked.insert(number, now);
        }
        !too_soon
    }
}

/// Pages ask each 3 seconds.
const SHORTEST: Duration = Duration::from_secs(1);
const MAX_PAGES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_asks_too_fast_is_put_off() {
        let waits = Waits::default();
        assert!(waits.may_ask(TransactionNumber(1)));
        assert!(!waits.may_ask(TransactionNumber(1)));
        assert!(waits.may_ask(TransactionNumber(2)));
        for number in 0..20_000 {
            waits.may_ask(TransactionNumber(number));
        }
        assert!(unpoisoned(&waits.0).len() <= MAX_PAGES);
    }
}

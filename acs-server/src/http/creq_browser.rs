//! The browser challenge: `POST /3ds/challenge/browser` takes the `CReq` form of the requestor,
//! `POST /3ds/challenge/browser/page` the forms of our own pages [P-BRW-01..35].

mod strangers;
mod wait;

use std::net::IpAddr;
use std::sync::Arc;

use acs_core::element::TransId;
use acs_core::flow::challenge;
use acs_core::flow::present::View;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::app::{App, PeerAddress};
use crate::driver::{self, Arrived, StepError, Stepped};
use crate::http::forms::{self, CReqForm};
use crate::pages::{self, Face, Page};
use crate::texts::Language;
use crate::{crash, trans_id};

pub use strangers::Strangers;
pub use wait::{Waits, handle as wait};

/// The `CReq` form.
pub async fn creq(
    State(app): State<Arc<App>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let language = accepted_language(&headers);
    let form = forms::creq(&body).filter(|form| !form.tolerated || super::tolerates(&app, "creq"));
    let Some(CReqForm { creq, acs_trans_id: id, session_data, .. }) = form else {
        tracing::warn!(rule = "P-BRW-10", "a CReq form cannot be read");
        return stranger(&app, peer.ip(), language, None);
    };
    serve(app, peer.ip(), language, id, Arrived::CReq { creq, session_data }).await
}

/// A form of one of our pages.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let language = accepted_language(&headers);
    let mut fields = forms::page(&body);
    let keys = app.vault.challenge_keys();
    fields.choice.device = super::device_cookie::read(&headers, keys);
    let Some(id) = challenge::token_transaction(&fields.token, keys) else {
        tracing::warn!(rule = "P-BRW-27", "a form token is not one of ours");
        return stranger(&app, peer.ip(), language, None);
    };
    serve(app, peer.ip(), language, id, Arrived::Form(fields)).await
}

async fn serve(
    app: Arc<App>,
    address: IpAddr,
    language: Language,
    id: TransId,
    arrived: Arrived,
) -> Response {
    let Some(number) = trans_id::decode(id, app.vault.trans_id_key()) else {
        tracing::warn!(rule = "P-BRW-14", "an acsTransID is not one of ours");
        return stranger(&app, address, language, Some(id));
    };
    let token = match &arrived {
        Arrived::Form(fields) => fields.token.clone(),
        _ => String::new(),
    };
    let Some(place) = driver::enter(&app, number) else {
        return pages::busy(language).into_response();
    };
    let work = Arc::clone(&app);
    // A browser that goes away does not stop what it began.
    let stepped = driver::to_the_end(async move {
        let _place = place;
        let stepped = driver::step(&work, number, Some(id), &arrived, None).await?;
        driver::settled(&work, number, stepped).await
    })
    .await;
    match stepped {
        Some(Ok(stepped)) => show(&app, &stepped, language, &token).into_response(),
        Some(Err(StepError::Unknown)) => stranger(&app, address, language, Some(id)),
        Some(Err(error)) => {
            tracing::error!(acs_trans_id = %id, %error, "a challenge step failed");
            pages::busy(language).into_response()
        }
        None => {
            tracing::error!(acs_trans_id = %id, "a challenge step broke off");
            pages::busy(language).into_response()
        }
    }
}

fn show(app: &App, stepped: &Stepped, language: Language, token: &str) -> Page {
    let issuer = app.issuer(&stepped.transaction.issuer_id);
    let ds = app.ds.iter().find(|ds| ds.profile.id == stepped.transaction.ds_id);
    // An issuer that is no longer configured has no face.
    let face = |tag: &str| issuer.map_or_else(Face::default, |issuer| Face::of(issuer, ds, tag));
    match &stepped.view {
        Some(View::Code(view)) => {
            let alphanumeric = issuer.is_some_and(|i| i.profile.otp.alphanumeric);
            pages::code(view, face(&view.language), alphanumeric)
        }
        Some(View::OutOfBand(view)) => pages::out_of_band(view, face(&view.language)),
        Some(View::Information(view)) => pages::information(view, face(&view.language)),
        Some(View::Passkey(view)) => pages::passkey::page(view, face(&view.language)),
        Some(View::Processing) => pages::processing(language, token),
        Some(View::Final(view) | View::Erro(view)) => {
            crash::pass("before-final-page");
            let page = pages::last(view, face(&view.language));
            let mark = challenge::token_mark(token, app.vault.challenge_keys());
            match &view.device_cookie {
                Some(value) if mark.is_some() && mark == view.device_cookie_for => {
                    page.with_cookie(super::device_cookie::set(value))
                }
                _ => page,
            }
        }
        Some(View::TimedOut { language }) => pages::timed_out(Language::from_tag(language)),
        Some(View::Invalid { reference }) => pages::invalid(language, reference.as_deref()),
        _ => pages::invalid(language, None),
    }
}

/// The page for ids and tokens we never gave out; who shows many of them is slowed down.
fn stranger(app: &App, address: IpAddr, language: Language, id: Option<TransId>) -> Response {
    metrics::counter!("acs_refused_total", "listener" => "cardholder", "cause" => "unknown-id")
        .increment(1);
    let reference = id.map(|id| id.to_string()[..REFERENCE].to_owned());
    let page = pages::invalid(language, reference.as_deref());
    if app.desk.strangers.is_too_many(address) {
        return page.with_status(StatusCode::TOO_MANY_REQUESTS).into_response();
    }
    page.into_response()
}

/// The first language of the browser that we speak; for pages that belong to no transaction.
fn accepted_language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let tags = accepted.unwrap_or_default().split(',').map(|tag| tag.split(';').next());
    tags.flatten()
        .map(str::trim)
        .find(|tag| tag.starts_with("ja") || tag.starts_with("en"))
        .map_or(Language::English, Language::from_tag)
}

const REFERENCE: usize = 8;

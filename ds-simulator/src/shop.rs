//! The merchant's pages: checkout, 3DS Method, challenge frame, receipt; nothing is charged.

pub(crate) mod checkout;
pub(crate) mod money;
pub(crate) mod payment;
pub(crate) mod receipt;
pub(crate) mod respond;
pub(crate) mod sessions;
pub(crate) mod texts;
pub(crate) mod timeline;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::merchant::{Payment, ThreeDsServer};
use crate::simulator::Shared;
use sessions::Sessions;
use texts::Language;

/// What the shop's pages work on.
#[derive(Debug)]
pub(crate) struct Shop {
    shared: Arc<Shared>,
    sessions: Mutex<Sessions>,
}

/// Larger forms are refused; a final `CRes` with session data is far below.
const BODY_LIMIT: usize = 64 * 1024;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let shop = Arc::new(Shop { shared, sessions: Mutex::default() });
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/", get(checkout::show))
        .route("/checkout", post(checkout::submit).get(checkout::again))
        .route("/pay/{id}", get(payment::show))
        .route("/pay/{id}/authenticate", post(payment::authenticate))
        .route("/pay/{id}/plain", post(payment::without_scripts))
        .route("/pay/{id}/state", get(payment::state))
        .route("/receipt/{id}", get(receipt::show))
        .route("/receipt/{id}/messages.json", get(receipt::messages))
        .route("/3ds/method-done/{id}", post(payment::method_done))
        .route("/3ds/notify/{id}", post(payment::notify))
        .route("/assets/{name}", get(respond::asset))
        .fallback(payment::missing)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shop)
}

impl Shop {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The 3DS Server that knows payment `id`, and the payment.
    fn find(&self, id: &str) -> Option<(&Arc<ThreeDsServer>, Payment)> {
        self.shared
            .networks
            .iter()
            .find_map(|network| Some((&network.merchant, network.merchant.payment(id)?)))
    }

    /// The language of a page about payment `id`: asked for, else the one it was begun in.
    fn language_of(&self, id: &str, query: &LanguageQuery, headers: &HeaderMap) -> Language {
        let mut sessions = self.sessions();
        let begun = sessions.get_mut(id);
        if let (Some(asked), Some(session)) =
            (query.lang.as_deref().and_then(Language::from_tag), begun)
        {
            session.language = asked;
            return asked;
        }
        let begun = sessions.get_mut(id).map(|session| session.language.tag());
        Language::choose(query.lang.as_deref().or(begun), accepted(headers))
    }
}

/// `?lang=` of every page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct LanguageQuery {
    pub(crate) lang: Option<String>,
}

pub(crate) fn accepted(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

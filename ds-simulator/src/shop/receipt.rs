//! How a payment ended, in words, with every message behind it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::payment::unknown;
use super::respond::{self, Frame, Policy};
use super::texts::Language;
use super::timeline::Timeline;
use super::{LanguageQuery, Shop, money};
use crate::merchant::Payment;
use crate::pay::{self, Receipt};
use crate::trace::text;

#[derive(Debug, Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    frame: Frame,
    /// `good`, `bad` or `open`.
    verdict: &'static str,
    heading: &'static str,
    next: &'static str,
    status_words: &'static str,
    reason: Option<(String, &'static str)>,
    amount: Option<String>,
    how: String,
    method: Option<&'static str>,
    network: String,
    receipt: Receipt,
    problems: Vec<String>,
    timeline: Timeline,
}

impl ReceiptPage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }
}

/// `GET /receipt/{id}`.
pub(crate) async fn show(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    Query(query): Query<LanguageQuery>,
    headers: HeaderMap,
) -> Response {
    let Some((_, payment)) = shop.find(&id) else { return unknown(&query, &headers) };
    let language = shop.language_of(&payment.id, &query, &headers);
    let trace = shop.shared.trace.get(&payment.id);
    let page = page(language, &payment, Timeline::new(language, trace.as_ref()));
    respond::page(StatusCode::OK, &page, &Policy::default())
}

/// `GET /receipt/{id}/messages.json`: what is shown, for machines; masked as well.
pub(crate) async fn messages(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Response {
    match shop.find(&id).and_then(|_| shop.shared.trace.get(&id)) {
        Some(trace) => respond::json(&trace),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn page(language: Language, payment: &Payment, timeline: Timeline) -> ReceiptPage {
    let receipt = pay::receipt(payment, None);
    let is_open = receipt.status.is_none()
        && payment.failed.is_none()
        && payment.ares.as_ref().is_none_or(|ares| ares["messageType"] != "Erro")
        && payment.cres.as_ref().is_none_or(|cres| cres["messageType"] != "Erro");
    let verdict = match receipt.status.as_deref() {
        _ if is_open => "open",
        Some("Y" | "A") => "good",
        _ => "bad",
    };
    let (heading, next) = match verdict {
        "open" => ("receipt.open", "receipt.open.text"),
        "good" => ("receipt.good", "receipt.good.text"),
        _ => ("receipt.bad", "receipt.bad.text"),
    };
    let heading = language.text(heading);
    ReceiptPage {
        frame: Frame::new(language, format!("{heading} - {}", language.text("shop.name"))),
        verdict,
        heading,
        next: language.text(next),
        status_words: language.status(receipt.status.as_deref().or_else(|| payment.status())),
        reason: receipt.reason.clone().map(|code| {
            let words = language.reason(&code);
            (code, words)
        }),
        amount: (payment.order.category == "01")
            .then(|| money::shown(&payment.order.amount, &payment.order.currency, language)),
        how: how(language, payment),
        method: match payment.comp_ind.as_deref() {
            Some("Y") => Some(language.text("comp.Y")),
            Some("N") => Some(language.text("comp.N")),
            Some(_) => Some(language.text("comp.U")),
            None => None,
        },
        network: payment.network.clone(),
        problems: if is_open { Vec::new() } else { receipt.problems.clone() },
        receipt,
        timeline,
    }
}

/// With a challenge or without, by which kind of proof, in how many attempts.
fn how(language: Language, payment: &Payment) -> String {
    let mut parts = vec![
        language
            .text(if payment.challenged() { "how.challenge" } else { "how.frictionless" })
            .to_owned(),
    ];
    let of_result = |name| payment.result().and_then(|result| text(result, name));
    let of_ares = |name| payment.ares.as_ref().and_then(|ares| text(ares, name));
    let kind = match of_result("authenticationType").or_else(|| of_ares("authenticationType")) {
        Some("01") => Some("type.01"),
        Some("02") => Some("type.02"),
        Some("03") => Some("type.03"),
        Some("04") => Some("type.04"),
        _ => None,
    };
    parts.extend(kind.map(|key| language.text(key).to_owned()));
    if let Some(count) = of_result("interactionCounter") {
        let count = count.trim_start_matches('0');
        let count = if count.is_empty() { "0" } else { count };
        parts.push(format!("{} {count}", language.text("how.attempts")));
    }
    parts.join(match language {
        Language::Japanese => "、",
        Language::English => ", ",
    })
}

//! The targets: each takes any bytes, panics when something is wrong, and gives a number for what
//! came out, by which a driver can tell new answers from known ones.

mod forms;
mod messages;
mod others;

pub use forms::{creq_form, method_form, page_form};
pub use messages::{areq, creq, erro, oreq, rres};
pub use others::{card_line, jwe};

use crate::mutate::Shape;
use crate::seeds;

/// What a driver has to know of a target.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]) -> u64,
    pub shape: Shape,
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Share of the executions.
    pub weight: usize,
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "areq", run: areq, shape: Shape::Json, seeds: seeds::areqs, weight: 10 },
    Target { name: "creq", run: creq, shape: Shape::Json, seeds: seeds::creqs, weight: 3 },
    Target { name: "rres", run: rres, shape: Shape::Json, seeds: seeds::rreses, weight: 3 },
    Target { name: "oreq", run: oreq, shape: Shape::Json, seeds: seeds::oreqs, weight: 3 },
    Target { name: "erro", run: erro, shape: Shape::Json, seeds: seeds::erros, weight: 2 },
    Target {
        name: "method-form",
        run: method_form,
        shape: Shape::Form,
        seeds: seeds::method_forms,
        weight: 2,
    },
    Target {
        name: "creq-form",
        run: creq_form,
        shape: Shape::Form,
        seeds: seeds::creq_forms,
        weight: 2,
    },
    Target {
        name: "page-form",
        run: page_form,
        shape: Shape::Form,
        seeds: seeds::page_forms,
        weight: 1,
    },
    Target {
        name: "card-line",
        run: card_line,
        shape: Shape::Json,
        seeds: seeds::card_lines,
        weight: 2,
    },
    Target { name: "jwe", run: jwe, shape: Shape::Dotted, seeds: seeds::jwes, weight: 2 },
];

/// The target called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    static ALL: [Target; TARGETS.len()] = TARGETS;
    ALL.iter().find(|target| target.name == name)
}

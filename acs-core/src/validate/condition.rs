//! Conditions of the tables, as far as a message shows what they look at.

use super::Walk;
use super::members::Members;
use crate::dictionary::{Expr, Literal, Reference};
use crate::element::{DeviceChannel, MessageCategory};
use crate::json::{Node, Value};

impl Walk<'_> {
    /// Decides a condition; `None` when it needs something that this message does not show.
    pub(super) fn decide(&self, condition: &Expr, members: &Members<'_>) -> Option<bool> {
        match condition {
            Expr::Present(Reference::Earlier) | Expr::In(Reference::Earlier, _) => None,
            Expr::Present(own) => Some(referred(own, members).is_some()),
            Expr::In(own, values) => {
                Some(referred(own, members).is_some_and(|node| values.iter().any(|v| is(node, v))))
            }
            Expr::Channel(values) => self.cell.map(|cell| {
                among(
                    values,
                    match cell.channel {
                        DeviceChannel::App => "APP",
                        DeviceChannel::Browser => "BRW",
                        DeviceChannel::ThreeRi => "3RI",
                    },
                )
            }),
            Expr::Category(values) => self.cell.map(|cell| {
                among(
                    values,
                    match cell.category {
                        MessageCategory::Payment => "PA",
                        MessageCategory::NonPayment => "NPA",
                    },
                )
            }),
            Expr::Not(inner) => self.decide(inner, members).map(|holds| !holds),
            Expr::And(parts) => self.combine(parts, members, false),
            Expr::Or(parts) => self.combine(parts, members, true),
        }
    }

    /// And (`strong` false) or Or (`strong` true): one part can settle it whatever others say.
    fn combine(&self, parts: &[Expr], members: &Members<'_>, strong: bool) -> Option<bool> {
        let mut undecided = false;
        for part in parts {
            match self.decide(part, members) {
                Some(value) if value == strong => return Some(strong),
                Some(_) => {}
                None => undecided = true,
            }
        }
        (!undecided).then_some(!strong)
    }
}

fn referred<'d>(reference: &Reference, members: &Members<'d>) -> Option<Node<'d>> {
    match reference {
        Reference::Own(at) => members.seen(usize::from(*at)),
        Reference::Child(parent, child) => {
            let parent = members.seen(usize::from(*parent))?.as_object()?;
            parent.get(child).filter(|node| !node.is_empty())
        }
        Reference::Nothing | Reference::Earlier => None,
    }
}

fn is(node: Node<'_>, literal: &Literal) -> bool {
    match (node.value(), literal) {
        (Value::Text(own), Literal::Text(text)) => own == *text,
        (Value::Boolean(own), Literal::Boolean(value)) => own == *value,
        _ => false,
    }
}

fn among(values: &[Literal], word: &str) -> bool {
    values.iter().any(|value| matches!(value, Literal::Text(text) if *text == word))
}

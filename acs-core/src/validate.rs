//! Dictionary-driven validation: one walk over a message collects every defect, and
//! [`Findings::first_fault`] answers with the first stage of P-AREQ-06..12 that has any.

mod condition;
mod duplicates;
mod explain;
mod extension;
mod iso;
mod members;
mod text;

use std::fmt;

use crate::dictionary::{Cell, Format, Kind, Table};
use crate::element::MessageVersion;
use crate::erro::Fault;
use crate::json::{Document, Node, Object, Value};
use crate::message::ReadRules;
pub(crate) use explain::explain;
use members::Members;
use text::Verdict;
pub(crate) use text::is_https;

/// What a walk found, by stage. Names only, never values.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    duplicated: Vec<String>,
    missing: Vec<String>,
    missing_by_condition: Vec<String>,
    invalid: Vec<String>,
    reserved: Vec<String>,
    iso: Vec<String>,
    extension_invalid: Vec<String>,
    extension_missing: Vec<String>,
    extension_unknown: Vec<String>,
    contradictory: Vec<String>,
    /// Elements that have no place here: dropped from what comes in, a defect in what goes out.
    misplaced: Vec<String>,
}

impl Findings {
    /// The fault of the first stage that found anything [P-AREQ-06..12, Req 208, Note 7].
    pub(crate) fn first_fault(self) -> Option<Fault> {
        let stages: [(Vec<String>, Stage); 10] = [
            (self.duplicated, Fault::Duplicated),
            (self.missing, Fault::Missing),
            (self.missing_by_condition, Fault::MissingByCondition),
            (self.invalid, Fault::Invalid),
            (self.reserved, Fault::Reserved),
            (self.iso, Fault::IsoCode),
            (self.extension_invalid, Fault::ExtensionInvalid),
            (self.extension_missing, Fault::ExtensionMissing),
            (self.extension_unknown, Fault::CriticalExtension),
            (self.contradictory, Fault::Contradictory),
        ];
        stages.into_iter().find(|(names, _)| !names.is_empty()).map(|(names, fault)| fault(names))
    }

    /// As [`Self::first_fault`] of a receiver who wants nothing beyond the tables.
    pub(crate) fn strict_fault(mut self) -> Option<Fault> {
        let misplaced = std::mem::take(&mut self.misplaced);
        self.first_fault().or_else(|| (!misplaced.is_empty()).then_some(Fault::Invalid(misplaced)))
    }

    /// Every defect, for messages we send: whatever we should not have put in counts too.
    pub(crate) fn all(self) -> Vec<String> {
        [
            self.duplicated,
            self.missing,
            self.missing_by_condition,
            self.invalid,
            self.reserved,
            self.iso,
            self.extension_invalid,
            self.extension_missing,
            self.extension_unknown,
            self.contradictory,
            self.misplaced,
        ]
        .concat()
    }

    /// An element whose value is wrong for a reason that the tables do not show.
    pub(crate) fn invalid(&mut self, name: &str) {
        self.invalid.push(name.to_owned());
    }

    /// Whether anything inside the object `parent` is wrong.
    pub(crate) fn has_below(&self, parent: &str) -> bool {
        let below = |name: &String| name.strip_prefix(parent).is_some_and(|n| n.starts_with('.'));
        self.invalid.iter().any(below) || self.missing.iter().any(below)
    }

    pub(crate) fn contradictory(&mut self, name: &str) {
        self.contradictory.push(name.to_owned());
    }
}

/// Makes the fault of a stage.
type Stage = fn(Vec<String>) -> Fault;

/// What a walk has to know.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) version: MessageVersion,
    /// `None` while channel or category cannot be told.
    pub(crate) cell: Option<Cell>,
    pub(crate) rules: &'a ReadRules,
    /// The message is ours: what has no place in it is a defect, not dropped.
    pub(crate) outgoing: bool,
}

/// Where in the message a walk is: `parent.child`.
#[derive(Clone, Copy)]
struct Path<'a> {
    parent: Option<&'a Self>,
    name: &'a str,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)
    }
}

impl Walk<'_> {
    /// Walks over a message [P-GEN-04, Req 196, Req 207, Note 44].
    pub(crate) fn message(&self, table: &'static Table, message: &Document<'_>) -> Findings {
        let mut findings = Findings::default();
        if message.has_repeats() {
            findings.duplicated = duplicates::find(message.root());
        }
        self.object(table, message.root(), None, &mut findings);
        findings
    }

    fn object(
        &self,
        table: &'static Table,
        object: Object<'_>,
        parent: Option<&Path<'_>>,
        findings: &mut Findings,
    ) {
        let members = Members::sort(table, object, self);
        if self.outgoing {
            let unknown = members.unknown().map(|name| Path { parent, name }.to_string());
            findings.misplaced.extend(unknown);
        }
        for at in members.to_look_at() {
            let path = Path { parent, name: table.elements[at].name };
            self.element(at, &members, &path, findings);
        }
        if let Some(any) = table.any {
            for node in object.members() {
                let name = presentable(node.name());
                self.value(&any.kind, node, &Path { parent, name }, findings);
            }
        }
        self.exponents(&members, parent, findings);
    }

    /// The element at a position of the table, one that is not foreign here unless it is misplaced
    /// [P-GEN-03, P-GEN-05, P-AREQ-07, P-AREQ-08, Req 204, Req 205, Req 209, Req 309]
    /// [Note 43, Note 178].
    fn element(&self, at: usize, members: &Members<'_>, path: &Path<'_>, findings: &mut Findings) {
        let element = &members.table.elements[at];
        let holds = |condition| self.decide(condition, members) == Some(true);
        if members.is_misplaced(at) {
            findings.misplaced.push(path.to_string());
        } else if let Some(node) = members.seen(at) {
            if element.absent_if.is_some_and(holds) {
                findings.invalid.push(path.to_string());
            }
            self.value(&element.kind, node, path, findings);
        } else if members.is_required(at) {
            findings.missing.push(path.to_string());
        } else if element.required_if.is_some_and(holds) {
            findings.missing_by_condition.push(path.to_string());
        } else if members.is_there(at) {
            // Optional, there, and empty [P-GEN-03].
            findings.invalid.push(path.to_string());
        }
    }

    /// [P-GEN-06, Req 206]
    fn value(&self, kind: &Kind, node: Node<'_>, path: &Path<'_>, findings: &mut Findings) {
        match (kind, node.value()) {
            (Kind::Text(bounds), Value::Text(value)) => {
                self.text(bounds, value, path, findings);
            }
            (Kind::Boolean { only_true }, Value::Boolean(value)) if value || !only_true => {}
            (Kind::Object { table, max }, Value::Object(object)) => {
                if *max > 0 && node.is_longer_than(*max as usize) {
                    findings.invalid.push(path.to_string());
                }
                if let Some(table) = table {
                    self.object(table, object, Some(path), findings);
                }
            }
            (Kind::Array { item, min, max }, Value::Array) => {
                self.array(item, (*min, *max), node, path, findings);
            }
            (Kind::TextOrObject { max }, Value::Text(value))
                if value.chars().count() <= *max as usize => {}
            (Kind::TextOrObject { max }, Value::Object(_))
                if !node.is_longer_than(*max as usize) => {}
            (Kind::Extensions, _) => extension::check(node, self, findings),
            _ => findings.invalid.push(path.to_string()),
        }
    }

    /// [Note 47, Note 36]
    fn array(
        &self,
        item: &Kind,
        (min, max): (u16, u16),
        array: Node<'_>,
        path: &Path<'_>,
        findings: &mut Findings,
    ) {
        let most = if max > 0 { usize::from(max) } else { usize::MAX };
        let count = array.items().count();
        if count < usize::from(min) || count > most {
            findings.invalid.push(path.to_string());
            // What exceeds its bound is not looked at further.
            return;
        }
        if self.version >= MessageVersion::V231 && count > 1 && duplicates::among(array) {
            findings.duplicated.push(path.to_string());
        }
        let before = findings.invalid.len();
        for node in array.items() {
            self.value(item, node, path, findings);
        }
        // One name is enough, however many items are wrong.
        dedup_from(&mut findings.invalid, before);
    }

    fn text(
        &self,
        bounds: &crate::dictionary::Text,
        value: &str,
        path: &Path<'_>,
        findings: &mut Findings,
    ) {
        match text::check(bounds, value, path.name, self) {
            Verdict::Good => {}
            Verdict::Bad => findings.invalid.push(path.to_string()),
            Verdict::Reserved if self.version >= MessageVersion::V231 => {
                findings.reserved.push(path.to_string());
            }
            Verdict::Reserved => findings.invalid.push(path.to_string()),
        }
        let iso = match bounds.format {
            Format::Currency => iso::is_currency(value, self.rules),
            Format::Country => iso::is_country(value, self.rules),
            _ => true,
        };
        if !iso {
            findings.iso.push(path.to_string());
        }
    }

    /// Amounts are in minor units, so a currency and its exponent belong together [P-GEN-12].
    fn exponents(&self, members: &Members<'_>, parent: Option<&Path<'_>>, findings: &mut Findings) {
        for (currency, exponent) in members.table.exponents {
            let text = |at: u8| members.seen(at.into()).and_then(Node::as_text);
            let (Some(code), Some(digits)) = (text(*currency), text(*exponent)) else { continue };
            if !iso::exponent_fits(code, digits, self.rules) {
                for at in [currency, exponent] {
                    let name = members.table.elements[usize::from(*at)].name;
                    findings.iso.push(Path { parent, name }.to_string());
                }
            }
        }
    }
}

/// A stranger's name as it may stand in an answer: as it is if it looks like an element's.
fn presentable(name: &str) -> &str {
    if is_plain_name(name) { name } else { "unknown element" }
}

fn is_plain_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && !may_hold_account_number(name)
}

/// Whether a stranger's text has as many digits in a row as an account number.
fn may_hold_account_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= SHORTEST_PAN)
}

fn dedup_from(names: &mut Vec<String>, start: usize) {
    let mut at = start;
    while at < names.len() {
        if names[start..at].contains(&names[at]) {
            names.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Digits of the shortest account number.
const SHORTEST_PAN: usize = 13;

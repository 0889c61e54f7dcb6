//! Dictionary-driven validation: one walk over a message collects every defect, and
//! [`Findings::first_fault`] answers with the first stage of P-AREQ-06..12 that has any.

mod extension;
mod iso;
mod text;

use std::fmt;

use crate::dictionary::{Cell, Element, Expr, Format, Kind, Literal, Presence, Reference, Table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
use crate::erro::Fault;
use crate::json::{Node, Object};
use crate::message::ReadRules;
use text::Verdict;

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
    /// The fault of the first stage that found anything.
    pub(crate) fn first_fault(self) -> Option<Fault> {
        let stages: [(Vec<String>, Stage); 10] = [
            (self.duplicated, Fault::Duplicated),
            (self.missing, Fault::Missing),
            (self.missing_by_condition, Fault::Missing),
            (self.invalid, Fault::Invalid),
            (self.reserved, Fault::Reserved),
            (self.iso, Fault::IsoCode),
            (self.extension_invalid, Fault::Invalid),
            (self.extension_missing, Fault::Missing),
            (self.extension_unknown, Fault::CriticalExtension),
            (self.contradictory, Fault::Contradictory),
        ];
        stages.into_iter().find(|(names, _)| !names.is_empty()).map(|(names, fault)| fault(names))
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
    /// Walks over a message.
    pub(crate) fn message(&self, table: &'static Table, message: &Object<'_>) -> Findings {
        let mut findings = Findings::default();
        duplicate_names(message, None, &mut findings);
        self.object(table, message, None, &mut findings);
        findings
    }

    fn object(
        &self,
        table: &'static Table,
        object: &Object<'_>,
        parent: Option<&Path<'_>>,
        findings: &mut Findings,
    ) {
        let members = Members::sort(table, object);
        if self.outgoing {
            let unknown = members.unknown.iter().map(|name| Path { parent, name }.to_string());
            findings.misplaced.extend(unknown);
        }
        for (element, node) in table.elements.iter().zip(&members.nodes) {
            let path = Path { parent, name: element.name };
            self.element(element, *node, &members, &path, findings);
        }
        if let Some(any) = table.any {
            for (name, node) in &object.members {
                let name = presentable(name);
                self.value(&any.kind, node, &Path { parent, name }, findings);
            }
        }
        self.exponents(&members, parent, findings);
    }

    fn element(
        &self,
        element: &'static Element,
        node: Option<&Node<'_>>,
        members: &Members<'_, '_>,
        path: &Path<'_>,
        findings: &mut Findings,
    ) {
        let presence = element.presence_in(self.cell);
        if presence == Presence::Foreign {
            if node.is_some() && self.outgoing {
                findings.misplaced.push(path.to_string());
            }
            return;
        }
        let holds = |condition: Option<&Expr>| {
            condition.is_some_and(|c| self.decide(c, members) == Some(true))
        };
        match node {
            Some(node) if !node.is_empty() => {
                if holds(element.absent_if) {
                    findings.invalid.push(path.to_string());
                }
                if element.name == "messageExtension" {
                    extension::check(node, self, findings);
                } else {
                    self.value(&element.kind, node, path, findings);
                }
            }
            _ if presence == Presence::Required => findings.missing.push(path.to_string()),
            _ if holds(element.required_if) => findings.missing_by_condition.push(path.to_string()),
            // Optional, there, and empty [P-GEN-03].
            Some(_) => findings.invalid.push(path.to_string()),
            None => {}
        }
    }

    fn value(&self, kind: &Kind, node: &Node<'_>, path: &Path<'_>, findings: &mut Findings) {
        match (kind, node) {
            (Kind::Text(bounds), Node::Text(value)) => {
                self.text(bounds, value, path, findings);
            }
            (Kind::Boolean { only_true }, Node::Boolean(value)) if *value || !only_true => {}
            (Kind::Object { table, max }, Node::Object(object)) => {
                if *max > 0 && object.text_length() > *max as usize {
                    findings.invalid.push(path.to_string());
                }
                if let Some(table) = table {
                    self.object(table, object, Some(path), findings);
                }
            }
            (Kind::Array { item, min, max }, Node::Array(items)) => {
                self.array(item, *min, *max, items, path, findings);
            }
            (Kind::TextOrObject { max }, Node::Text(value))
                if value.chars().count() <= *max as usize => {}
            (Kind::TextOrObject { max }, Node::Object(object))
                if object.text_length() <= *max as usize => {}
            _ => findings.invalid.push(path.to_string()),
        }
    }

    fn array(
        &self,
        item: &Kind,
        min: u16,
        max: u16,
        items: &[Node<'_>],
        path: &Path<'_>,
        findings: &mut Findings,
    ) {
        let too_many = max > 0 && items.len() > usize::from(max);
        if items.len() < usize::from(min) || too_many {
            findings.invalid.push(path.to_string());
            // What exceeds its bound is not looked at further.
            return;
        }
        // [P-GEN-07]
        let repeated = |at: usize| items[..at].contains(&items[at]);
        if self.version >= MessageVersion::V231 && (1..items.len().min(MOST_ITEMS)).any(repeated) {
            findings.duplicated.push(path.to_string());
        }
        let before = findings.invalid.len();
        for node in items {
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
    fn exponents(
        &self,
        members: &Members<'_, '_>,
        parent: Option<&Path<'_>>,
        findings: &mut Findings,
    ) {
        for (currency, exponent) in EXPONENTS {
            let text = |name| self.seen(&Reference::Own(name), members).and_then(Node::as_text);
            let (Some(code), Some(digits)) = (text(currency), text(exponent)) else { continue };
            if !iso::exponent_fits(code, digits, self.rules) {
                for name in [currency, exponent] {
                    findings.iso.push(Path { parent, name }.to_string());
                }
            }
        }
    }

    /// Decides a condition; `None` when it needs something that this message does not show.
    fn decide(&self, condition: &Expr, members: &Members<'_, '_>) -> Option<bool> {
        match condition {
            Expr::Present(reference) => match reference {
                Reference::Earlier | Reference::Channel | Reference::Category => None,
                own => Some(self.seen(own, members).is_some()),
            },
            Expr::In(reference, values) => self.is_one_of(reference, values, members),
            Expr::Not(inner) => self.decide(inner, members).map(|holds| !holds),
            Expr::And(parts) => self.combine(parts, members, false),
            Expr::Or(parts) => self.combine(parts, members, true),
        }
    }

    /// And (`strong` false) or Or (`strong` true): one part can settle it whatever others say.
    fn combine(&self, parts: &[Expr], members: &Members<'_, '_>, strong: bool) -> Option<bool> {
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

    fn is_one_of(
        &self,
        reference: &Reference,
        values: &[Literal],
        members: &Members<'_, '_>,
    ) -> Option<bool> {
        let among = |text: &str| values.iter().any(|v| matches!(v, Literal::Text(t) if *t == text));
        match reference {
            Reference::Earlier => None,
            Reference::Channel => self.cell.map(|cell| {
                among(match cell.channel {
                    DeviceChannel::App => "APP",
                    DeviceChannel::Browser => "BRW",
                    DeviceChannel::ThreeRi => "3RI",
                })
            }),
            Reference::Category => self.cell.map(|cell| {
                among(match cell.category {
                    MessageCategory::Payment => "PA",
                    MessageCategory::NonPayment => "NPA",
                })
            }),
            own => Some(match self.seen(own, members) {
                Some(Node::Text(text)) => among(text),
                Some(Node::Boolean(value)) => {
                    values.iter().any(|v| matches!(v, Literal::Boolean(b) if b == value))
                }
                _ => false,
            }),
        }
    }

    /// A referred element, unless it is missing or foreign here.
    fn seen<'m, 'a>(
        &self,
        reference: &Reference,
        members: &'m Members<'m, 'a>,
    ) -> Option<&'m Node<'a>> {
        let own = |name: &str| {
            let at = members.table.position(name)?;
            let foreign = members.table.elements[at].presence_in(self.cell) == Presence::Foreign;
            members.nodes[at].filter(|node| !foreign && !node.is_empty())
        };
        match reference {
            Reference::Own(name) => own(name),
            Reference::Child(parent, child) => {
                own(parent)?.as_object()?.get(child).filter(|node| !node.is_empty())
            }
            Reference::Channel | Reference::Category | Reference::Earlier => None,
        }
    }
}

/// An object's members by the table's order.
struct Members<'m, 'a> {
    table: &'static Table,
    nodes: Vec<Option<&'m Node<'a>>>,
    unknown: Vec<&'m str>,
}

impl<'m, 'a> Members<'m, 'a> {
    fn sort(table: &'static Table, object: &'m Object<'a>) -> Self {
        let mut nodes = vec![None; table.elements.len()];
        let mut unknown = Vec::new();
        for (name, node) in &object.members {
            match table.position(name) {
                Some(at) if nodes[at].is_none() => nodes[at] = Some(node),
                Some(_) => {}
                None if table.any.is_some() => {}
                None => unknown.push(name.as_ref()),
            }
        }
        Self { table, nodes, unknown }
    }
}

/// Names that occur twice in one object, at any depth [P-GEN-07].
fn duplicate_names(object: &Object<'_>, parent: Option<&Path<'_>>, findings: &mut Findings) {
    let mut names: Vec<&str> = object.members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    let mut last = None;
    for pair in names.windows(2) {
        if pair[0] == pair[1] && last != Some(pair[0]) {
            last = Some(pair[0]);
            let name = presentable(pair[0]);
            findings.duplicated.push(Path { parent, name }.to_string());
        }
    }
    for (name, node) in &object.members {
        let name = presentable(name);
        duplicates_below(node, &Path { parent, name }, findings);
    }
}

fn duplicates_below(node: &Node<'_>, path: &Path<'_>, findings: &mut Findings) {
    match node {
        Node::Object(object) => duplicate_names(object, Some(path), findings),
        Node::Array(items) => items.iter().for_each(|item| duplicates_below(item, path, findings)),
        _ => {}
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

/// Currencies and the exponents that come with them.
const EXPONENTS: [(&str, &str); 3] = [
    ("purchaseCurrency", "purchaseExponent"),
    ("recurringCurrency", "recurringExponent"),
    ("merchantCurrency", "merchantExponent"),
];
/// Digits of the shortest account number.
const SHORTEST_PAN: usize = 13;
/// More items than any array of the tables may have.
const MOST_ITEMS: usize = 100;

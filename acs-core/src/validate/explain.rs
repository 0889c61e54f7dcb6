//! Says of refused elements what was expected and what came, for `errorDescription`: kinds,
//! lengths and codes, never a value [P-ERRO-01, P-ERRO-03].

use std::fmt::Write as _;

use super::{Findings, Path, Walk};
use crate::dictionary::{Codes, Format, Kind, Pattern, Table, Text};
use crate::erro::Fault;
use crate::json::{Document, Node, Object, Value};

/// One clause for each element that `fault` names; `None` where the fault says it all.
pub(crate) fn explain(
    fault: &Fault,
    table: &'static Table,
    message: &Document<'_>,
    walk: &Walk<'_>,
) -> Option<String> {
    let clauses: Vec<String> = match fault {
        Fault::Missing(names) | Fault::MissingByCondition(names) => {
            first(names).map(|name| format!("{name} is {}", absence(message, name))).collect()
        }
        Fault::Invalid(names) | Fault::Reserved(names) | Fault::IsoCode(names) => {
            first(names).filter_map(|name| mismatch(table, message, walk, name)).collect()
        }
        _ => return None,
    };
    (!clauses.is_empty()).then(|| clauses.join("; "))
}

/// As many names as an answer has room for.
fn first(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().take(MOST_CLAUSES)
}

/// How the element at `path` is missing.
fn absence(message: &Document<'_>, path: &str) -> &'static str {
    let empty = found(message, path).into_iter().find(|node| node.is_empty());
    match empty.map(Node::value) {
        Some(Value::Null) => "null",
        Some(_) => "empty",
        None => "absent",
    }
}

/// Expected and received of the element at `path`.
fn mismatch(
    table: &'static Table,
    message: &Document<'_>,
    walk: &Walk<'_>,
    path: &str,
) -> Option<String> {
    let kind = kind_of(table, path)?;
    let nodes = found(message, path);
    let is_wrong = |node: &&Node<'_>| {
        let mut findings = Findings::default();
        let name = path.rsplit('.').next().unwrap_or(path);
        walk.value(kind, **node, &Path { parent: None, name }, &mut findings);
        findings.first_fault().is_some()
    };
    let node = nodes.iter().find(is_wrong).or_else(|| nodes.first())?;
    Some(format!("{path}: expected {}, came {}", expected(kind), came(kind, *node)))
}

/// The kind of the element at `path`; that of the items where arrays are on the way.
fn kind_of(table: &'static Table, path: &str) -> Option<&'static Kind> {
    let mut table = Some(table);
    let mut kind = None;
    for name in path.split('.') {
        let element = table?.find(name)?;
        kind = Some(&element.kind);
        table = inside(&element.kind);
    }
    kind
}

const fn inside(kind: &'static Kind) -> Option<&'static Table> {
    match kind {
        Kind::Object { table, .. } => *table,
        Kind::Array { item: Kind::Object { table, .. }, .. } => *table,
        _ => None,
    }
}

/// Every node at `path`: there are several where arrays are on the way.
fn found<'d>(message: &'d Document<'_>, path: &str) -> Vec<Node<'d>> {
    let mut objects = vec![message.root()];
    let mut nodes = Vec::new();
    for name in path.split('.') {
        nodes = objects.iter().filter_map(|object| object.get(name)).collect();
        objects = nodes.iter().flat_map(|node| objects_in(*node)).collect();
    }
    nodes
}

fn objects_in(node: Node<'_>) -> Vec<Object<'_>> {
    match node.value() {
        Value::Object(object) => vec![object],
        Value::Array => node.items().filter_map(Node::as_object).collect(),
        _ => Vec::new(),
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text(text) => expected_text(text),
        Kind::Boolean { only_true: true } => "the Boolean true".to_owned(),
        Kind::Boolean { only_true: false } => "a Boolean".to_owned(),
        Kind::Object { max: 0, .. } => "an object".to_owned(),
        Kind::Object { max, .. } => format!("an object of at most {max} characters"),
        Kind::Array { item, min, max } => {
            format!("an array of {} items, each {}", range(*min, *max), expected(item))
        }
        Kind::Extensions => "an array of message extensions".to_owned(),
        Kind::TextOrObject { max } => format!("text or an object, at most {max} characters"),
    }
}

fn expected_text(text: &Text) -> String {
    if let Some(codes) = text.codes {
        let all = all_codes(codes);
        return match all.len() {
            0..=MOST_CODES => format!("one of {}", all.join(", ")),
            many => format!("one of the {many} codes of this version"),
        };
    }
    if let Some((low, high)) = text.number {
        return format!("a number from {low} to {high} as text");
    }
    match text.format {
        Format::Url => return format!("an absolute URL{}", length(text)),
        Format::Ip => return "an IP address".to_owned(),
        Format::Email => return format!("an e-mail address{}", length(text)),
        Format::Currency => return "a currency of ISO 4217, numeric".to_owned(),
        Format::Country => return "a country of ISO 3166-1, numeric".to_owned(),
        Format::Plain => {}
    }
    match text.pattern {
        Pattern::Any => format!("text{}", length(text)),
        Pattern::Digits { min, max } => format!("{} digits", range(min.into(), max.into())),
        Pattern::SignedDigits => "a sign and 1 to 4 digits".to_owned(),
        Pattern::OneToNinetyNine => "a number from 1 to 99 as text".to_owned(),
        Pattern::YearMonth => "YYMM".to_owned(),
        Pattern::Date => "YYYYMMDD".to_owned(),
        Pattern::Minute => "YYYYMMDDHHMM".to_owned(),
        Pattern::Second => "YYYYMMDDHHMMSS".to_owned(),
        Pattern::Uuid => "a UUID of 36 characters".to_owned(),
        Pattern::Version => "a version as n.n.n".to_owned(),
        Pattern::ThreeCapitals => "three capital letters".to_owned(),
        Pattern::AuthenticationValue => "28 characters of base64".to_owned(),
        Pattern::Base64Url => format!("base64url{}", length(text)),
        Pattern::Jwe => "a JWE in compact form".to_owned(),
        Pattern::Jws => "a JWS in compact form".to_owned(),
    }
}

fn all_codes(codes: &Codes) -> Vec<String> {
    let numbers = (0..100).map(|number| format!("{number:02}"));
    let valid = numbers.filter(|number| codes.numbers & Codes::bit(number) != 0);
    valid.chain(codes.words.iter().map(|word| (*word).to_owned())).collect()
}

fn length(text: &Text) -> String {
    let mut words = String::new();
    // Writing to a String cannot fail.
    let _ = match (text.min, text.max) {
        (0 | 1, 0) => Ok(()),
        (min, 0) => write!(words, " of at least {min} characters"),
        (0 | 1, max) => write!(words, " of at most {max} characters"),
        (min, max) if min == max => write!(words, " of {max} characters"),
        (min, max) => write!(words, " of {min} to {max} characters"),
    };
    words
}

fn range(min: u16, max: u16) -> String {
    match (min, max) {
        (min, 0) => format!("{min} or more"),
        (min, max) if min == max => max.to_string(),
        (min, max) => format!("{min} to {max}"),
    }
}

/// Kind and size of what came. A code is shown as it is: too short to hold anything else.
fn came(kind: &Kind, node: Node<'_>) -> String {
    match node.value() {
        Value::Null => "null".to_owned(),
        Value::Boolean(_) => "a Boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Text("") => "empty text".to_owned(),
        Value::Text(text) if is_coded(kind) && is_code(text) => format!("{text:?}"),
        Value::Text(text) => {
            let characters = text.chars().count();
            let plural = if characters == 1 { "" } else { "s" };
            let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let what = if all_digits { "digit" } else { "character" };
            format!("text of {characters} {what}{plural}")
        }
        Value::Array => {
            let count = node.items().count();
            match (kind, node.items().find(|item| !item.is_empty())) {
                (Kind::Array { item, .. }, Some(first)) => {
                    format!("an array of {count} items, such as {}", came(item, first))
                }
                _ => format!("an array of {count} items"),
            }
        }
        Value::Object(object) => format!("an object of {} members", object.members().count()),
    }
}

const fn is_coded(kind: &Kind) -> bool {
    matches!(kind, Kind::Text(Text { codes: Some(_), .. }))
}

fn is_code(text: &str) -> bool {
    text.len() <= LONGEST_CODE && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

const MOST_CLAUSES: usize = 40;
/// Codes that are listed one by one.
const MOST_CODES: usize = 20;
const LONGEST_CODE: usize = 3;

#[cfg(test)]
mod tests {
    use crate::dictionary::{Cell, Message, table};
    use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
    use crate::json;
    use crate::message::ReadRules;

    use super::*;

    fn sentence(body: &str, fault: &Fault) -> String {
        let rules = ReadRules {
            versions: MessageVersion::ALL.to_vec(),
            agreed_values: Vec::new(),
            known_extensions: Vec::new(),
            accepted_iso_codes: Vec::new(),
        };
        let cell = Cell { channel: DeviceChannel::Browser, category: MessageCategory::Payment };
        let version = MessageVersion::V231;
        let walk = Walk { version, cell: Some(cell), rules: &rules, outgoing: false };
        let message = json::parse(body.as_bytes()).unwrap();
        explain(fault, table(Message::AReq, version), &message, &walk).unwrap_or_default()
    }

    fn invalid(body: &str, name: &str) -> String {
        sentence(body, &Fault::Invalid(vec![name.to_owned()]))
    }

    #[test]
    fn kinds_and_lengths_are_told_and_values_are_not() {
        let long = format!(r#"{{"merchantName": "{}"}}"#, "x".repeat(41));
        assert_eq!(
            invalid(&long, "merchantName"),
            "merchantName: expected text of at most 40 characters, came text of 41 characters"
        );
        let pan = invalid(r#"{"acctNumber": "400000000000"}"#, "acctNumber");
        assert_eq!(pan, "acctNumber: expected 13 to 19 digits, came text of 12 digits");
        let kind = invalid(r#"{"browserJavaEnabled": "true"}"#, "browserJavaEnabled");
        assert_eq!(kind, "browserJavaEnabled: expected a Boolean, came text of 4 characters");
        let code = invalid(r#"{"deviceChannel": "07"}"#, "deviceChannel");
        assert_eq!(code, "deviceChannel: expected one of 01, 02, 03, came \"07\"");
        let date = invalid(r#"{"purchaseDate": "20241301000000"}"#, "purchaseDate");
        assert_eq!(date, "purchaseDate: expected YYYYMMDDHHMMSS, came text of 14 digits");
    }

    #[test]
    fn nested_elements_are_found_also_in_arrays() {
        let phone = invalid(r#"{"mobilePhone": {"cc": "x", "subscriber": "1"}}"#, "mobilePhone.cc");
        assert_eq!(phone, "mobilePhone.cc: expected 1 to 3 digits, came text of 1 character");
        let name = "threeDSRequestorAuthenticationInfo.threeDSReqAuthMethod";
        let body = r#"{"threeDSRequestorAuthenticationInfo":
            [{"threeDSReqAuthMethod": "02"}, {"threeDSReqAuthMethod": "0x"}]}"#;
        assert!(invalid(body, name).ends_with("came \"0x\""), "{}", invalid(body, name));
    }

    #[test]
    fn absence_has_three_kinds() {
        let names = ["mcc", "acctNumber", "mobilePhone.cc"].map(str::to_owned).to_vec();
        let body = r#"{"acctNumber": null, "mobilePhone": {"cc": ""}}"#;
        assert_eq!(
            sentence(body, &Fault::Missing(names)),
            "mcc is absent; acctNumber is null; mobilePhone.cc is empty"
        );
    }
}

//! Message extensions [P-GEN-13, P-AREQ-11].

use super::{Findings, Walk, dedup_from, duplicates, may_hold_account_number};
use crate::element::MessageVersion;
use crate::json::{Node, Object, Value};

/// [P-GEN-13, P-GEN-07, P-AREQ-11, P-231-09, Req 210, Note 50, Note 51]
pub(super) fn check(node: Node<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    let most = if walk.version >= MessageVersion::V231 { 15 } else { 10 };
    match node.value() {
        Value::Array if node.items().count() <= most && !node.is_longer_than(MAX_LENGTH) => {
            if walk.version >= MessageVersion::V231 && duplicates::among(node) {
                findings.duplicated.push(NAME.to_owned());
            }
            for item in node.items() {
                match item.value() {
                    Value::Object(object) => extension(object, walk, findings),
                    _ => findings.extension_invalid.push(NAME.to_owned()),
                }
            }
        }
        _ => findings.extension_invalid.push(NAME.to_owned()),
    }
    dedup_from(&mut findings.extension_invalid, 0);
    dedup_from(&mut findings.extension_missing, 0);
}

fn extension(extension: Object<'_>, walk: &Walk<'_>, findings: &mut Findings) {
    for name in ["name", "id", "criticalityIndicator", "data"] {
        match extension.get(name).filter(|node| !node.is_empty()) {
            None => findings.extension_missing.push(format!("{NAME}.{name}")),
            Some(node) if !is_good(name, node) => {
                findings.extension_invalid.push(format!("{NAME}.{name}"));
            }
            Some(_) => {}
        }
    }
    let critical = extension.get("criticalityIndicator").is_some_and(|node| node.is_boolean(true));
    let id = extension.text("id").unwrap_or_default();
    if critical && !walk.rules.known_extensions.iter().any(|known| known == id) {
        findings.extension_unknown.push(printable(id));
    }
}

fn is_good(name: &str, node: Node<'_>) -> bool {
    match node.value() {
        Value::Text(text) => {
            matches!(name, "name" | "id") && text.chars().count() <= MAX_NAME_LENGTH
        }
        Value::Boolean(_) => name == "criticalityIndicator",
        Value::Object(_) => name == "data" && !node.is_longer_than(MAX_DATA_LENGTH),
        _ => false,
    }
}

/// A stranger's text as it may stand in `errorDetail`: nothing that could be an account number, also
/// not without what stood between its digits; and never nothing.
fn printable(id: &str) -> String {
    let shown: String =
        id.chars().filter(|c| c.is_ascii_graphic() && *c != ',').take(MAX_NAME_LENGTH).collect();
    if shown.is_empty() || may_hold_account_number(&shown) {
        return "unknown extension".to_owned();
    }
    shown
}

const NAME: &str = "messageExtension";
const MAX_NAME_LENGTH: usize = 64;
const MAX_DATA_LENGTH: usize = 8_059;
const MAX_LENGTH: usize = 81_920;

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_is_said_of_a_strangers_id_is_neither_empty_nor_a_number() {
        for id in
            ["\u{e9}", ",", " ", "4000000000001000", "4000 0000 0000 1000", "4000,0000,0000,1000"]
        {
            assert_eq!(printable(id), "unknown extension", "{id}");
        }
        assert_eq!(printable("A000000003-001, x"), "A000000003-001x");
    }
}

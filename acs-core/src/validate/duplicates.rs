//! What occurs twice [P-GEN-07].

use super::{Findings, Path, presentable};
use crate::json::{Node, Object, Value};

/// Names that occur twice in one object, at any depth.
pub(super) fn find(object: Object<'_>, parent: Option<&Path<'_>>, findings: &mut Findings) {
    let mut names: Vec<&str> = object.members().map(Node::name).collect();
    names.sort_unstable();
    let mut last = None;
    for pair in names.windows(2) {
        if pair[0] == pair[1] && last != Some(pair[0]) {
            last = Some(pair[0]);
            let name = presentable(pair[0]);
            findings.duplicated.push(Path { parent, name }.to_string());
        }
    }
    for node in object.members() {
        below(node, &Path { parent, name: presentable(node.name()) }, findings);
    }
}

fn below(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) {
    match node.value() {
        Value::Object(object) => find(object, Some(path), findings),
        Value::Array => node.items().for_each(|item| below(item, path, findings)),
        _ => {}
    }
}

/// Whether two items of an array are equal; only its first hundred are compared.
pub(super) fn among(array: Node<'_>) -> bool {
    let items = || array.items().take(MOST_ITEMS);
    items().enumerate().any(|(at, item)| items().take(at).any(|before| before == item))
}

/// More items than any array of the tables may have.
const MOST_ITEMS: usize = 100;

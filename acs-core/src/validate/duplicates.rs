//! What occurs twice [P-GEN-07].

use super::{Path, presentable};
use crate::erro::MAX_DETAIL;
use crate::json::{Node, Object, Value};

/// Names that occur twice in one object, at any depth, as many as an answer has room for.
pub(super) fn find(message: Object<'_>) -> Vec<String> {
    let mut found = Found { names: Vec::new(), length: 0 };
    found.object(message, None);
    found.names
}

struct Found {
    names: Vec<String>,
    /// Of all names, with their commas.
    length: usize,
}

impl Found {
    fn object(&mut self, object: Object<'_>, parent: Option<&Path<'_>>) {
        let mut names: Vec<&str> = object.members().map(Node::name).collect();
        names.sort_unstable();
        let mut last = None;
        for pair in names.windows(2) {
            if pair[0] == pair[1] && last != Some(pair[0]) {
                last = Some(pair[0]);
                self.push(&Path { parent, name: presentable(pair[0]) });
            }
        }
        for node in object.members() {
            self.below(node, &Path { parent, name: presentable(node.name()) });
        }
    }

    fn below(&mut self, node: Node<'_>, path: &Path<'_>) {
        if self.length > MAX_DETAIL {
            return;
        }
        match node.value() {
            Value::Object(object) => self.object(object, Some(path)),
            Value::Array => node.items().for_each(|item| self.below(item, path)),
            _ => {}
        }
    }

    /// What is behind the first name that does not fit is not told anyway.
    fn push(&mut self, path: &Path<'_>) {
        if self.length <= MAX_DETAIL {
            let name = path.to_string();
            self.length += name.len() + 1;
            self.names.push(name);
        }
    }
}

/// Whether two items of an array are equal; only its first hundred are compared.
pub(super) fn among(array: Node<'_>) -> bool {
    let items = || array.items().take(MOST_ITEMS);
    items().enumerate().any(|(at, item)| items().take(at).any(|before| before == item))
}

/// More items than any array of the tables may have.
const MOST_ITEMS: usize = 100;

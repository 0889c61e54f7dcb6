//! JSON as a tree that keeps duplicate names and borrows its strings from the input.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Object<'a>),
}

/// The members of an object in their order, duplicates included.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object<'a> {
    pub(crate) members: Vec<(Cow<'a, str>, Node<'a>)>,
}

/// Reads one JSON object in UTF-8 with nothing after it. `None` for anything else, and for nesting
/// deeper than serde_json's bound of 128.
pub(crate) fn parse(bytes: &[u8]) -> Option<Object<'_>> {
    match serde_json::from_slice(bytes) {
        Ok(Node::Object(object)) => Some(object),
        _ => None,
    }
}

impl<'a> Node<'a> {
    /// Whether this counts as missing [P-GEN-03].
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean(_) | Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::Array(items) => items.is_empty(),
            Self::Object(object) => object.members.is_empty(),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<serde_json::Value> {
        use serde_json::Value;
        Some(match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::Array(items) => {
                Value::Array(items.iter().map(Node::to_value).collect::<Option<_>>()?)
            }
            Self::Object(object) => object.to_value()?,
        })
    }

    /// Characters of the JSON text without white space outside strings.
    pub(crate) fn text_length(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Boolean(value) => 5 - usize::from(*value),
            Self::Number(number) => number.to_string().len(),
            Self::Text(text) => quoted_length(text),
            Self::Array(items) => {
                let inside: usize = items.iter().map(Node::text_length).sum();
                2 + inside + items.len().saturating_sub(1)
            }
            Self::Object(object) => object.text_length(),
        }
    }
}

impl<'a> Object<'a> {
    /// The first member called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.members.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Node::as_text)
    }

    /// The same as a tree without duplicates; `None` when there are any.
    pub(crate) fn to_value(&self) -> Option<serde_json::Value> {
        let mut map = serde_json::Map::new();
        for (name, node) in &self.members {
            if map.insert(name.clone().into_owned(), node.to_value()?).is_some() {
                return None;
            }
        }
        Some(serde_json::Value::Object(map))
    }

    pub(crate) fn text_length(&self) -> usize {
        let member =
            |(name, node): &(Cow<'_, str>, Node<'_>)| quoted_length(name) + 1 + node.text_length();
        let inside: usize = self.members.iter().map(member).sum();
        2 + inside + self.members.len().saturating_sub(1)
    }
}

fn quoted_length(text: &str) -> usize {
    // By bytes: those that continue a character count nothing.
    let length = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        0x80..=0xbf => 0,
        _ => 1,
    };
    2 + text.bytes().map(length).sum::<usize>()
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(NodeVisitor(std::marker::PhantomData))
    }
}

struct NodeVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for NodeVisitor<'a> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'a>, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'a>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'a>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node<'a>, E> {
        serde_json::Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'a>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), node)) = map.next_entry()? {
            members.push((name, node));
        }
        Ok(Node::Object(Object { members }))
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct NameVisitor<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for NameVisitor<'a> {
            type Value = Name<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        input.deserialize_str(NameVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_kept_and_strings_borrowed() {
        let object = parse(br#"{"a":"x","a":"y\n","b":[1,null,{"c":true}]}"#).unwrap();
        assert_eq!(object.members.len(), 3);
        assert!(matches!(&object.members[0].1, Node::Text(Cow::Borrowed("x"))));
        assert_eq!(object.text_length(), r#"{"a":"x","a":"y\n","b":[1,null,{"c":true}]}"#.len());
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for bad in ["", "[]", "1", "{}{}", "{\"a\":}", "\u{feff}{}", "{\"a\":\"\u{1}\"}"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), None);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(parse(deep.as_bytes()), None);
    }
}

//! JSON in one pass: a flat row of cells that point into the input. Duplicate names are kept, and
//! names of the dictionary are resolved while they are read.

mod parser;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::dictionary::{self, NameId};

/// One JSON object, and where its parts stand.
pub(crate) struct Document<'a> {
    text: &'a str,
    /// Strings with escapes, decoded, one behind the other.
    decoded: String,
    /// In the order of the text, a container before what it holds; the first is the object itself.
    cells: Vec<Cell>,
    /// First member of the outermost object by name; 0 is none.
    first: Vec<u32>,
    /// Some object in it has two members of one name.
    repeats: bool,
}

/// A value, with its name if it is an object's member.
#[derive(Clone, Copy)]
struct Cell {
    name: Span,
    /// A string without its quotes; of anything else the text as it came.
    value: Span,
    /// The next cell that is not inside this one.
    after: u32,
    id: NameId,
    sort: Sort,
}

/// A piece of the input, or of the decoded strings.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    /// The highest bit stands for [`Document::decoded`].
    length: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Null,
    False,
    True,
    Number,
    Text,
    Array,
    Object,
}

/// A value of a document.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    at: u32,
}

/// An object of a document.
#[derive(Clone, Copy)]
pub(crate) struct Object<'d>(Node<'d>);

/// What a value is.
#[derive(Clone, Copy)]
pub(crate) enum Value<'d> {
    Null,
    Boolean(bool),
    /// As it was written.
    Number(&'d str),
    Text(&'d str),
    /// Its items come from [`Node::items`].
    Array,
    Object(Object<'d>),
}

/// Reads one JSON object in UTF-8 with nothing after it. `None` for anything else, for nesting
/// deeper than serde_json's bound, and for numbers beyond `f64`
/// [P-AREQ-02, Req 185, Req 186, Req 198].
pub(crate) fn parse(bytes: &[u8]) -> Option<Document<'_>> {
    parser::parse(bytes)
}

/// A long text on its way into JSON, and nothing else. Where nothing in it needs an escape, as in a JWS
/// or a JWE, it is looked over eight bytes at a time and copied as a whole.
pub(crate) struct LongText<'a>(pub(crate) &'a str);

impl Serialize for LongText<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(text) = self;
        if parser::is_plain(text)
            && let Ok(json) = RawValue::from_string(format!("\"{text}\""))
        {
            return json.serialize(to);
        }
        text.serialize(to)
    }
}

/// [`LongText`] of a field.
///
/// # Errors
/// The serializer's.
pub(crate) fn long_text<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    LongText(text).serialize(to)
}

impl<'a> Document<'a> {
    /// The object itself.
    pub(crate) const fn root(&self) -> Object<'_> {
        Object(Node { document: self, at: 0 })
    }

    /// Whether any object has two members of one name.
    pub(crate) const fn has_repeats(&self) -> bool {
        self.repeats
    }

    /// The first member called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'_>> {
        self.root().get(name)
    }

    /// The first member called `name`, if it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.root().text(name)
    }

    fn cell(&self, at: u32) -> &Cell {
        &self.cells[at as usize]
    }

    fn slice(&self, span: Span) -> &str {
        let (from, length) = match span.length & DECODED {
            0 => (self.text, span.length),
            _ => (self.decoded.as_str(), span.length & !DECODED),
        };
        let start = span.start as usize;
        from.get(start..start + length as usize).unwrap_or_default()
    }
}

impl<'d> Node<'d> {
    fn cell(self) -> &'d Cell {
        self.document.cell(self.at)
    }

    /// Where this stands among the document's values.
    pub(crate) const fn place(self) -> u32 {
        self.at
    }

    pub(crate) fn value(self) -> Value<'d> {
        let cell = self.cell();
        match cell.sort {
            Sort::Null => Value::Null,
            Sort::False => Value::Boolean(false),
            Sort::True => Value::Boolean(true),
            Sort::Number => Value::Number(self.document.slice(cell.value)),
            Sort::Text => Value::Text(self.document.slice(cell.value)),
            Sort::Array => Value::Array,
            Sort::Object => Value::Object(Object(self)),
        }
    }

    /// Whether this counts as missing [P-GEN-03].
    pub(crate) fn is_empty(self) -> bool {
        let cell = self.cell();
        match cell.sort {
            Sort::Null => true,
            Sort::False | Sort::True | Sort::Number => false,
            Sort::Text => cell.value.length & !DECODED == 0,
            Sort::Array | Sort::Object => cell.after == self.at + 1,
        }
    }

    pub(crate) fn as_text(self) -> Option<&'d str> {
        let cell = self.cell();
        (cell.sort == Sort::Text).then(|| self.document.slice(cell.value))
    }

    pub(crate) fn as_object(self) -> Option<Object<'d>> {
        (self.cell().sort == Sort::Object).then_some(Object(self))
    }

    pub(crate) fn is_boolean(self, value: bool) -> bool {
        self.cell().sort == if value { Sort::True } else { Sort::False }
    }

    /// The items of an array or the values of an object.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> + Clone {
        let document = self.document;
        let end = self.cell().after;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = (at < end).then_some(Self { document, at })?;
            at = item.cell().after;
            Some(item)
        })
    }

    /// A member's name; of an item of an array empty.
    pub(crate) fn name(self) -> &'d str {
        self.document.slice(self.cell().name)
    }

    /// A member's name, if it is one of the dictionary's.
    pub(crate) fn name_id(self) -> NameId {
        self.cell().id
    }

    /// Whether the JSON text without white space outside strings is longer than so many characters.
    pub(crate) fn is_longer_than(self, most: usize) -> bool {
        // As it came it is never shorter.
        self.cell().value.length as usize > most && self.text_length() > most
    }

    /// Characters of the JSON text without white space outside strings.
    fn text_length(self) -> usize {
        match self.value() {
            Value::Null => 4,
            Value::Boolean(value) => 5 - usize::from(value),
            Value::Number(number) => number.len(),
            Value::Text(text) => quoted_length(text),
            Value::Array => inside(self.items().map(Self::text_length)),
            Value::Object(object) => {
                let member = |node: Self| quoted_length(node.name()) + 1 + node.text_length();
                inside(object.members().map(member))
            }
        }
    }

    fn to_value(self) -> Option<serde_json::Value> {
        use serde_json::Value as Tree;
        Some(match self.value() {
            Value::Null => Tree::Null,
            Value::Boolean(value) => Tree::Bool(value),
            Value::Number(number) => Tree::Number(serde_json::from_str(number).ok()?),
            Value::Text(text) => Tree::String(text.to_owned()),
            Value::Array => Tree::Array(self.items().map(Self::to_value).collect::<Option<_>>()?),
            Value::Object(object) => object.to_value()?,
        })
    }
}

impl PartialEq for Node<'_> {
    /// Same content, members in the same order.
    fn eq(&self, other: &Self) -> bool {
        match (self.value(), other.value()) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(own), Value::Boolean(others)) => own == others,
            (Value::Number(own), Value::Number(others))
            | (Value::Text(own), Value::Text(others)) => own == others,
            (Value::Array, Value::Array) => self.items().eq(other.items()),
            (Value::Object(own), Value::Object(others)) => {
                let mut theirs = others.members();
                own.members().all(|node| {
                    theirs.next().is_some_and(|their| node.name() == their.name() && node == their)
                }) && theirs.next().is_none()
            }
            _ => false,
        }
    }
}

impl<'d> Object<'d> {
    /// The members in their order, duplicates included.
    pub(crate) fn members(self) -> impl Iterator<Item = Node<'d>> + Clone {
        self.0.items()
    }

    /// The first member called `name`.
    #[inline]
    pub(crate) fn get(self, name: &str) -> Option<Node<'d>> {
        let id = dictionary::name_id(name);
        match id {
            NameId::UNKNOWN => self.members().find(|node| node.name() == name),
            id if self.0.at > 0 => self.members().find(|node| node.name_id() == id),
            id => {
                let at = self.0.document.first[id.index()];
                (at > 0).then_some(Node { document: self.0.document, at })
            }
        }
    }

    /// The first member called `name`, if it is a string.
    #[inline]
    pub(crate) fn text(self, name: &str) -> Option<&'d str> {
        self.get(name).and_then(Node::as_text)
    }

    /// The value at a place of this document.
    pub(crate) const fn at(self, place: u32) -> Node<'d> {
        Node { document: self.0.document, at: place }
    }

    /// The same as a tree without duplicates; `None` when there are any.
    pub(crate) fn to_value(self) -> Option<serde_json::Value> {
        let mut map = serde_json::Map::new();
        for node in self.members() {
            if map.insert(node.name().to_owned(), node.to_value()?).is_some() {
                return None;
            }
        }
        Some(serde_json::Value::Object(map))
    }
}

/// Length of a container with parts of these lengths.
fn inside(parts: impl Iterator<Item = usize>) -> usize {
    let (count, sum) = parts.fold((0_usize, 0), |(count, sum), part| (count + 1, sum + part));
    2 + sum + count.saturating_sub(1)
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

// A message may hold an account number, so nothing of it is shown.
impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} values)", self.cells.len())
    }
}

const DECODED: u32 = 1 << 31;

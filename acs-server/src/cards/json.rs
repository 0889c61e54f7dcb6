//! JSON as far as card files use it: strings and objects, borrowed from the line. Everything else
//! is kept as "something else", so that no message of the parser ever quotes a value. What no good
//! line has, deeper nesting or more parts than there are keys, is looked through and not kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(PartialEq, Eq)]
pub(super) enum Json<'a> {
    Text(Cow<'a, str>),
    /// The first [`MOST_PARTS`] members in the order of the file, repeated ones too.
    Object(Vec<(Cow<'a, str>, Self)>),
    /// The first [`MOST_PARTS`] items.
    Array(Vec<Self>),
    Null,
    Other,
}

impl<'a> Json<'a> {
    /// Parses a whole line; the error is the place where it stopped.
    pub(super) fn parse(line: &'a str) -> Result<Self, usize> {
        let mut input = serde_json::Deserializer::from_str(line);
        let value = Inside(0).deserialize(&mut input).and_then(|value| input.end().map(|()| value));
        value.map_err(|error| error.column())
    }
}

/// Reads a value that is inside so many others.
#[derive(Clone, Copy)]
struct Inside(u8);

impl Inside {
    /// Whether a container here keeps one more part than `count`.
    const fn keeps(self, count: usize) -> bool {
        self.0 < MOST_DEPTH && count < MOST_PARTS
    }
}

impl<'de> DeserializeSeed<'de> for Inside {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while self.keeps(members.len())
            && let Some(Json::Text(key)) = map.next_key_seed(self)?
        {
            members.push((key, map.next_value_seed(Self(self.0 + 1))?));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(if self.keeps(0) { Json::Object(members) } else { Json::Other })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while self.keeps(items.len())
            && let Some(item) = seq.next_element_seed(Self(self.0 + 1))?
        {
            items.push(item);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(if self.keeps(0) { Json::Array(items) } else { Json::Other })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }
}

/// Containers inside each other that a good line has: itself, its passkeys, a passkey.
const MOST_DEPTH: u8 = 3;
/// Parts that are kept: more than a good line's object has keys, or its list items, so that what
/// is wrong with a line shows in them.
const MOST_PARTS: usize = 12;

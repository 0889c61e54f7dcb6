//! JSON in which no object has a member twice: an SDK answers that with 204.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    NotJson,
    /// This member is there twice.
    Twice(String),
}

/// Reads an object.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice::<Once>(text) {
        Ok(Once(Value::Object(members))) => Ok(members),
        Ok(_) => Err(Fault::NotJson),
        Err(error) => {
            let said = error.to_string();
            let name = said.strip_prefix(TWICE).and_then(|rest| rest.split(' ').next());
            Err(name.map_or(Fault::NotJson, |name| Fault::Twice(name.to_owned())))
        }
    }
}

const TWICE: &str = "member twice: ";

/// A value without duplicate members at any depth.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Once(value))) = entries.next_entry::<String, _>()? {
            if members.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("{TWICE}{name} ")));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_seen_at_any_depth() {
        assert_eq!(object(br#"{"a":1,"b":{"a":[null,true,-1,0.5,"x"]}}"#).unwrap().len(), 2);
        assert_eq!(object(br#"{"a":1,"a":1}"#), Err(Fault::Twice("a".to_owned())));
        assert_eq!(object(br#"{"b":[{"c":1,"c":2}]}"#), Err(Fault::Twice("c".to_owned())));
        for other in ["[]", "1", "", "{", "{} x"] {
            assert_eq!(object(other.as_bytes()), Err(Fault::NotJson), "{other}");
        }
    }
}

//! Lines of a vector file to vectors: a line has its own message, or names a base and the changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::{Expect, Vector};

const SCHEMA: &str = "emv3ds-message-vectors/1";

#[derive(Deserialize)]
struct Header {
    schema: String,
    version: String,
    count: usize,
}

/// Where a message stands; derived lines inherit it from their base.
#[derive(Clone, Default)]
struct Place {
    channel: String,
    category: String,
    message: String,
    leg: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    leg: String,
    base: Option<String>,
    body: Option<Value>,
    raw: Option<String>,
    #[serde(rename = "rawBase64")]
    raw_base64: Option<String>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    fill: BTreeMap<String, Fill>,
    expect: Told,
    doubt: Option<String>,
}

/// A long text: `head`, then `times` times `text`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    #[serde(default)]
    head: String,
    text: String,
    times: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Word(String),
    Erro {
        #[serde(rename = "errorCode")]
        code: String,
        #[serde(rename = "errorDetail")]
        detail: Option<BTreeSet<String>>,
    },
}

/// The vectors of one file.
///
/// # Panics
/// When the file breaks the format; it is part of this crate.
pub(crate) fn expand(file: &str) -> Vec<Vector> {
    let mut lines = file.lines();
    let header: Header = parse(lines.next().unwrap_or_default());
    assert_eq!(header.schema, SCHEMA, "schema of {}", header.version);
    let mut bases = HashMap::new();
    let vectors: Vec<_> = lines.map(|line| vector(parse(line), &header, &mut bases)).collect();
    assert_eq!(vectors.len(), header.count, "number of vectors of {}", header.version);
    vectors
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> T {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:.120}"))
}

fn vector(line: Line, header: &Header, bases: &mut HashMap<String, (Place, Value)>) -> Vector {
    let (place, body) = match &line.base {
        Some(base) => {
            let (place, body) = &bases[base];
            (place.clone(), Some(changed(body, &line)))
        }
        None => (own_place(&line), line.body.clone()),
    };
    let bytes = match (&line.raw_base64, &line.raw, &body) {
        (Some(encoded), _, _) => STANDARD.decode(encoded).expect("rawBase64 is base64"),
        (_, Some(raw), _) => raw.clone().into_bytes(),
        (_, _, Some(body)) => body.to_string().into_bytes(),
        _ => panic!("{}: neither body, raw nor base", line.id),
    };
    if let Some(body) = body {
        bases.insert(line.id.clone(), (place.clone(), body));
    }
    Vector {
        id: line.id,
        version: header.version.clone(),
        channel: place.channel,
        category: place.category,
        message: place.message,
        leg: place.leg,
        body: bytes,
        expect: expect(line.expect),
        doubt: line.doubt,
    }
}

fn own_place(line: &Line) -> Place {
    Place {
        channel: line.channel.clone(),
        category: line.category.clone(),
        message: line.message.clone(),
        leg: line.leg.clone(),
    }
}

fn expect(told: Told) -> Expect {
    match told {
        Told::Word(word) => {
            assert_eq!(word, "ok", "the only word to expect");
            Expect::Accepted
        }
        Told::Erro { code, detail } => Expect::Erro { code, detail },
    }
}

fn changed(base: &Value, line: &Line) -> Value {
    let mut body = base.clone();
    for path in &line.drop {
        let (parent, name) = parent(&mut body, path);
        parent.as_object_mut().expect("drop takes members of objects").remove(name);
    }
    for (path, value) in &line.set {
        put(&mut body, path, value.clone());
    }
    for (path, fill) in &line.fill {
        let text = fill.head.clone() + &fill.text.repeat(fill.times);
        put(&mut body, path, Value::String(text));
    }
    body
}

fn put(body: &mut Value, path: &str, value: Value) {
    let (parent, name) = parent(body, path);
    *member(parent, name) = value;
}

/// The object or array that holds the last step of a dotted path, and that step.
fn parent<'a, 'p>(body: &'a mut Value, path: &'p str) -> (&'a mut Value, &'p str) {
    let (front, name) = path.rsplit_once('.').unwrap_or(("", path));
    let steps = front.split('.').filter(|step| !step.is_empty());
    (steps.fold(body, member), name)
}

fn member<'a>(value: &'a mut Value, step: &str) -> &'a mut Value {
    match step.parse::<usize>() {
        Ok(index) => &mut value[index],
        Err(_) => &mut value[step],
    }
}

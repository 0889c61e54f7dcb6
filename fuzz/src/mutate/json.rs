//! Changes to members and items of a JSON text, which may be broken already.

use std::ops::Range;

use super::bytes;
use crate::random::Random;

/// A member of an object or an item of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// With the name, if it has one.
    whole: Range<usize>,
    value: Range<usize>,
}

/// Values that elements rarely have.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e308",
    "123456789012345678901234567890",
    "\"\"",
    "\" \"",
    "\"99\"",
    "\"80\"",
    "\"00\"",
    "\"01\"",
    "\"Y\"",
    "\"2.3.1\"",
    "\"4000000000001000\"",
    "\"https://[::1]:99999/\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"é\"",
    "[]",
    "{}",
    "[[]]",
    "{\"a\":1,\"a\":2}",
];

pub(super) fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let parts = parts(data);
    let Some(part) = random.one_of(&parts).cloned() else {
        return bytes::mutate(data, other, random);
    };
    let value = &data[part.value.clone()];
    match random.below(10) {
        0 => without(data, &part),
        1 => replaced(data, &part.whole, &repeated(&data[part.whole.clone()], b",", 2)),
        2 => {
            let times = 2 + random.mostly_small(200);
            replaced(data, &part.whole, &repeated(&data[part.whole.clone()], b",", times))
        }
        3 => {
            let value = random.one_of(&VALUES).map_or("", |value| value);
            replaced(data, &part.value, value.as_bytes())
        }
        4 => swapped(data, &part, random.one_of(&parts).unwrap_or(&part)),
        5 => replaced(data, &part.value, &deeper(value, random)),
        6 => {
            let (left, right) = value.split_at(random.below(value.len()));
            let piece = repeated(right, b"", 1 + random.mostly_small(100));
            replaced(data, &part.value, &[left, &piece].concat())
        }
        7 => replaced(data, &part.value, &bytes::mutate(value, other, random)),
        8 => renamed(data, &part, random),
        _ => from_other(data, &part, other, random),
    }
}

fn replaced(data: &[u8], range: &Range<usize>, with: &[u8]) -> Vec<u8> {
    [&data[..range.start], with, &data[range.end..]].concat()
}

fn repeated(piece: &[u8], between: &[u8], times: usize) -> Vec<u8> {
    let most = super::LONGEST / (piece.len() + between.len()).max(1);
    vec![piece; times.min(most).max(1)].join(between)
}

/// Drops a part and one comma beside it.
fn without(data: &[u8], part: &Part) -> Vec<u8> {
    let Range { mut start, mut end } = part.whole;
    if data.get(end) == Some(&b',') {
        end += 1;
    } else if start > 0 && data[start - 1] == b',' {
        start -= 1;
    }
    replaced(data, &(start..end), b"")
}

fn swapped(data: &[u8], one: &Part, two: &Part) -> Vec<u8> {
    let (first, second) = if one.value.start <= two.value.start { (one, two) } else { (two, one) };
    let (first, second) = (first.value.clone(), second.value.clone());
    if first.end > second.start {
        return data.to_vec();
    }
    let between = first.end..second.start;
    let (head, tail) = (0..first.start, second.end..data.len());
    [head, second, between, first, tail].map(|range| &data[range]).concat()
}

/// The value inside more objects or arrays.
fn deeper(value: &[u8], random: &mut Random) -> Vec<u8> {
    let depth = 1 + random.mostly_small(140);
    let (open, close) = if random.once_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
    [open.repeat(depth).as_bytes(), value, close.repeat(depth).as_bytes()].concat()
}

/// Another member's name, or the own one written with an escape or a change.
fn renamed(data: &[u8], part: &Part, random: &mut Random) -> Vec<u8> {
    let name = part.whole.start..part.value.start;
    let mut parts = parts(data);
    parts.retain(|other| other.whole.start < other.value.start);
    match random.below(3) {
        0 => replaced(data, &name, &bytes::mutate(&data[name.clone()], b"", random)),
        1 if data[name.clone()].len() > 3 => {
            let escape = format!("\"\\u{:04x}", data[name.start + 1]);
            replaced(data, &(name.start..name.start + 2), escape.as_bytes())
        }
        _ => match random.one_of(&parts) {
            Some(other) => {
                let new = data[other.whole.start..other.value.start].to_vec();
                replaced(data, &name, &new)
            }
            None => data.to_vec(),
        },
    }
}

/// A part of another input instead of this one or beside it.
fn from_other(data: &[u8], part: &Part, other: &[u8], random: &mut Random) -> Vec<u8> {
    let parts = parts(other);
    let Some(foreign) = random.one_of(&parts) else { return data.to_vec() };
    if random.once_in(2) {
        return replaced(data, &part.value, &other[foreign.value.clone()]);
    }
    let piece = [&other[foreign.whole.clone()], b",".as_slice()].concat();
    replaced(data, &(part.whole.start..part.whole.start), &piece)
}

/// The parts of a text, as far as its quotes and brackets go together.
fn parts(data: &[u8]) -> Vec<Part> {
    let (mut parts, mut open, mut at) = (Vec::new(), Vec::<Open>::new(), 0);
    while let Some(byte) = data.get(at)
        && parts.len() < MOST_PARTS
    {
        let end = if *byte == b'"' { string_end(data, at) } else { at + 1 };
        match byte {
            b',' | b'}' | b']' => {
                if let Some(Open { whole: Some(whole), value: Some(value) }) = open.last() {
                    parts.push(Part { whole: *whole..at, value: *value..at });
                }
                match byte {
                    b',' => open.last_mut().into_iter().for_each(|open| *open = Open::default()),
                    _ => drop(open.pop()),
                }
            }
            b':' => open.last_mut().into_iter().for_each(|open| open.value = Some(end)),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                if let Some(open) = open.last_mut() {
                    open.whole.get_or_insert(at);
                    open.value.get_or_insert(at);
                }
                if matches!(byte, b'{' | b'[') {
                    open.push(Open::default());
                }
            }
        }
        at = end;
    }
    parts
}

/// The part that is being read in a container that is not closed yet.
#[derive(Default)]
struct Open {
    whole: Option<usize>,
    value: Option<usize>,
}

/// Behind the closing quote, or the end of the text.
fn string_end(data: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = data.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    data.len()
}

/// More of them are not looked at.
const MOST_PARTS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_members_and_items_at_any_depth() {
        let text = br#"{"a":"x,\"}", "b" : [1,{"c":null}]}"#;
        let shown: Vec<_> = parts(text)
            .into_iter()
            .map(|part| {
                [part.whole, part.value].map(|r| String::from_utf8_lossy(&text[r]).into_owned())
            })
            .collect();
        let expected = [
            [r#""a":"x,\"}""#, r#""x,\"}""#],
            ["1", "1"],
            [r#""c":null"#, "null"],
            [r#"{"c":null}"#, r#"{"c":null}"#],
            [r#""b" : [1,{"c":null}]"#, r#" [1,{"c":null}]"#],
        ];
        assert_eq!(shown, expected.map(|pair| pair.map(str::to_owned)));
    }

    #[test]
    fn any_text_can_be_changed() {
        let mut random = Random::new(5);
        let mut data = br#"{"a":[1,{"b":"c"}],"d":"e"}"#.to_vec();
        for _ in 0..20_000 {
            data = mutate(&data, br#"{"x":{"y":[]}}"#, &mut random);
            data.truncate(300);
        }
    }
}

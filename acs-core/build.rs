//! Compiles the dictionary facts (`dictionary/data-elements.json`) into static tables, as seen by
//! an ACS: AReq as it arrives from a directory server, RReq as it leaves for one.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use serde_json::{Map, Value};

#[path = "src/dictionary/name_hash.rs"]
mod name_hash;

const FACTS: &str = "dictionary/data-elements.json";
const MESSAGES: [&str; 10] =
    ["AReq", "ARes", "CReq", "CRes", "CResFinal", "RReq", "RRes", "OReq", "ORes", "Erro"];
const VERSIONS: [&str; 3] = ["2.1.0", "2.2.0", "2.3.1"];
const CELLS: [&str; 6] = ["APP/PA", "APP/NPA", "BRW/PA", "BRW/NPA", "3RI/PA", "3RI/NPA"];
/// The hop on which an ACS meets a message, where the facts differ per hop.
const LEGS: [(&str, &str); 2] = [("AReq", "DS-ACS"), ("RReq", "ACS-DS")];

fn main() {
    println!("cargo::rerun-if-changed={FACTS}");
    println!("cargo::rerun-if-changed=build.rs");
    let text = fs::read_to_string(FACTS).expect("the facts stand beside this crate's manifest");
    let facts: Value = serde_json::from_str(&text).expect("the facts are JSON");
    let mut tables = Tables { facts: &facts, out: String::new(), done: BTreeSet::new() };
    for version in VERSIONS {
        for message in MESSAGES {
            tables.emit("messages", message, version);
        }
    }
    tables.index();
    let folder = env::var("OUT_DIR").expect("cargo names OUT_DIR");
    fs::write(format!("{folder}/tables.rs"), tables.out).expect("OUT_DIR can be written");
}

struct Tables<'a> {
    facts: &'a Value,
    out: String,
    done: BTreeSet<String>,
}

impl Tables<'_> {
    /// Writes the table of one message or object in one version, after those it refers to.
    fn emit(&mut self, section: &str, name: &str, version: &str) -> String {
        let ident = ident(section, name, version);
        if !self.done.insert(ident.clone()) {
            return ident;
        }
        let elements = self.facts[section][name]["elements"]
            .as_object()
            .unwrap_or_else(|| panic!("{section} {name} has no elements"))
            .clone();
        let sorted: BTreeMap<_, _> = elements.iter().collect();
        let mut rows = String::new();
        let mut names = Vec::new();
        let mut any = "None".to_owned();
        for (element, versions) in sorted {
            let Some(cell) = versions[version].as_object() else { continue };
            let row = self.element(element, cell, name, version);
            if element == "*" {
                any = format!("Some(&{row})");
            } else {
                rows.push_str(&format!("    {row},\n"));
                names.push(element.as_str());
            }
        }
        self.out.push_str(&format!(
            "static {ident}: Table = Table {{ any: {any}, slots: &{:?}, elements: &[\n{rows}] }};\n\n",
            slots(&names)
        ));
        ident
    }

    fn element(
        &mut self,
        name: &str,
        fact: &Map<String, Value>,
        message: &str,
        version: &str,
    ) -> String {
        let place = format!("{message}.{name} {version}");
        let kind = self.kind(fact, version, &place);
        let presence = presence(fact, message, &place);
        let required_if = condition(fact, "required_if", &place);
        let absent_if = condition(fact, "absent_if", &place);
        format!(
            "Element {{ name: \"{name}\", presence: [{presence}], required_if: {required_if}, \
             absent_if: {absent_if}, kind: {kind} }}"
        )
    }

    fn kind(&mut self, fact: &Map<String, Value>, version: &str, place: &str) -> String {
        match fact["type"].as_str() {
            Some("string") => text(fact, "min", "max", "regex", place),
            Some("boolean") => {
                let only_true = fact.get("values").is_some_and(|v| v.get("true").is_some());
                format!("Kind::Boolean {{ only_true: {only_true} }}")
            }
            Some("object") => self.object(fact, version),
            Some("array") => {
                let item = match fact["items"].as_str() {
                    Some("string") => text(fact, "itemMin", "itemMax", "itemRegex", place),
                    Some("object") => self.object(fact, version),
                    other => panic!("{place}: items {other:?}"),
                };
                let (min, max) = (number(fact, "minItems", 1), number(fact, "maxItems", 0));
                format!("Kind::Array {{ item: &{item}, min: {min}, max: {max} }}")
            }
            Some("string|object") => {
                format!("Kind::TextOrObject {{ max: {} }}", number(fact, "max", 0))
            }
            other => panic!("{place}: type {other:?}"),
        }
    }

    fn object(&mut self, fact: &Map<String, Value>, version: &str) -> String {
        let max = if fact["type"] == "array" { 0 } else { number(fact, "max", 0) };
        let table = match fact.get("object").and_then(Value::as_str) {
            Some(object) if self.has_elements(object, version) => {
                format!("Some(&{})", self.emit("objects", object, version))
            }
            _ => "None".to_owned(),
        };
        format!("Kind::Object {{ table: {table}, max: {max} }}")
    }

    fn has_elements(&self, object: &str, version: &str) -> bool {
        let elements = self.facts["objects"][object]["elements"].as_object();
        elements.is_some_and(|all| all.values().any(|versions| versions[version].is_object()))
    }

    /// The functions that find a table.
    fn index(&mut self) {
        self.out.push_str(
            "/// The elements of `message` in `version`.\n#[must_use]\n\
             pub fn table(message: Message, version: MessageVersion) -> &'static Table {\n    \
             match (message, version) {\n",
        );
        for message in MESSAGES {
            for version in VERSIONS {
                let name = format!("V{}", version.replace('.', ""));
                let ident = ident("messages", message, version);
                self.out.push_str(&format!(
                    "        (Message::{message}, MessageVersion::{name}) => &{ident},\n"
                ));
            }
        }
        self.out.push_str("    }\n}\n");
    }
}

/// Open addressing over the names: a power of two of slots, at most half of them taken.
fn slots(names: &[&str]) -> Vec<u8> {
    let mut slots = vec![u8::MAX; (names.len() * 2 + 1).next_power_of_two()];
    for (at, name) in names.iter().enumerate() {
        let mut slot = name_hash::of(name) as usize & (slots.len() - 1);
        while slots[slot] != u8::MAX {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = u8::try_from(at).expect("a message has fewer than 255 elements");
    }
    slots
}

fn ident(section: &str, name: &str, version: &str) -> String {
    let prefix = if section == "messages" { "M" } else { "O" };
    format!("{prefix}_{}_{}", name.to_uppercase(), version.replace('.', ""))
}

/// Presence per cell, changed by the hop's own column where there is one.
fn presence(fact: &Map<String, Value>, message: &str, place: &str) -> String {
    let leg = LEGS
        .iter()
        .find(|(name, _)| *name == message)
        .and_then(|(_, leg)| fact.get("leg")?.get(leg)?.as_str());
    let of_cell = |cell: &str| {
        let inclusion = match &fact["inclusion"] {
            Value::String(all) => Some(all.as_str()),
            Value::Object(cells) => cells.get(cell).and_then(Value::as_str),
            other => panic!("{place}: inclusion {other}"),
        };
        match inclusion.map(|own| leg.unwrap_or(own)) {
            None | Some("N") => "Presence::Foreign",
            Some("R") => "Presence::Required",
            Some("C") => "Presence::Conditional",
            Some("O") => "Presence::Optional",
            Some(other) => panic!("{place}: inclusion {other}"),
        }
    };
    CELLS.map(of_cell).join(", ")
}

fn number(fact: &Map<String, Value>, key: &str, absent: u64) -> u64 {
    fact.get(key).map_or(absent, |n| n.as_u64().expect("bounds are whole numbers"))
}

fn text(fact: &Map<String, Value>, min: &str, max: &str, regex: &str, place: &str) -> String {
    let pattern = fact.get(regex).and_then(Value::as_str).map_or_else(
        || "Pattern::Any".to_owned(),
        |regex| pattern(regex).unwrap_or_else(|| panic!("{place}: regex {regex} is not known")),
    );
    let format = match fact.get("format").and_then(Value::as_str).unwrap_or("") {
        "url" => "Format::Url",
        "ip" => "Format::Ip",
        "email" => "Format::Email",
        "iso4217-numeric" => "Format::Currency",
        "iso3166-1-numeric" => "Format::Country",
        _ => "Format::Plain",
    };
    let number = fact.get("number").map_or_else(
        || "None".to_owned(),
        |range| {
            let bound = |key, absent| range.get(key).and_then(Value::as_u64).unwrap_or(absent);
            format!("Some(({}, {}))", bound("min", 0), bound("max", u64::from(u32::MAX)))
        },
    );
    format!(
        "Kind::Text(Text {{ min: {}, max: {}, pattern: {pattern}, format: {format}, \
         number: {number}, codes: {} }})",
        self::number(fact, min, 1),
        self::number(fact, max, 0),
        codes(fact, place),
    )
}

/// The patterns of the facts, by what they mean.
fn pattern(regex: &str) -> Option<String> {
    if let Some(digits) = regex.strip_prefix("^[0-9]").and_then(|rest| rest.strip_suffix('$')) {
        let bounds = match digits {
            "" => Some((1, 1)),
            _ => digits.strip_prefix('{').and_then(|d| d.strip_suffix('}')).and_then(|d| {
                let (low, high) = d.split_once(',').unwrap_or((d, d));
                Some((low.parse::<u8>().ok()?, high.parse::<u8>().ok()?))
            }),
        };
        if let Some((low, high)) = bounds {
            return Some(format!("Pattern::Digits {{ min: {low}, max: {high} }}"));
        }
    }
    let name = match regex {
        r"^[0-9]{2}(0[1-9]|1[0-2])$" => "YearMonth",
        r"^[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$" => "Date",
        r"^[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9]$" => {
            "Minute"
        }
        r"^[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]$" => {
            "Second"
        }
        r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" => "Uuid",
        r"^[+-]?[0-9]{1,4}$" => "SignedDigits",
        r"^[0-9]+\.[0-9]+\.[0-9]+$" => "Version",
        r"^[1-9][0-9]?$" => "OneToNinetyNine",
        r"^[A-Z]{3}$" => "ThreeCapitals",
        r"^[A-Za-z0-9+/]{26}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)$" => "AuthenticationValue",
        r"^[A-Za-z0-9_-]+$" => "Base64Url",
        r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$" => {
            "Jwe"
        }
        r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$" => "Jws",
        _ => return None,
    };
    Some(format!("Pattern::{name}"))
}

fn codes(fact: &Map<String, Value>, place: &str) -> String {
    let Some(values) = fact.get("values").and_then(Value::as_object) else {
        return "None".to_owned();
    };
    let mut valid: Vec<_> = values.keys().map(|v| format!("\"{v}\"")).collect();
    valid.sort();
    let ranges = |who: &str| {
        let listed = fact.get("reserved").and_then(|r| r.get(who)).and_then(Value::as_array);
        let texts = listed.into_iter().flatten().map(|range| {
            let range = range.as_str().unwrap_or_else(|| panic!("{place}: reserved"));
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let parse = |n: &str| n.parse::<u8>().unwrap_or_else(|_| panic!("{place}: {range}"));
            format!("({}, {})", parse(low), parse(high))
        });
        texts.collect::<Vec<_>>().join(", ")
    };
    format!(
        "Some(&Codes {{ valid: &[{}], emvco: &[{}], ds: &[{}] }})",
        valid.join(", "),
        ranges("emvco"),
        ranges("ds")
    )
}

fn condition(fact: &Map<String, Value>, key: &str, place: &str) -> String {
    let Some(text) = fact.get(key).and_then(Value::as_str) else { return "None".to_owned() };
    let mut parser = Parser { tokens: tokens(text, place), at: 0, place };
    let expression = parser.or();
    assert_eq!(parser.at, parser.tokens.len(), "{place}: rest of {text}");
    format!("Some(&{expression})")
}

/// Splits an expression into words, quoted words and signs.
fn tokens(text: &str, place: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => rest[1..].find('\'').map(|end| end + 2),
            '(' | ')' | '[' | ']' | ',' => Some(1),
            '=' | '!' => Some(2),
            c if c.is_alphanumeric() => {
                Some(rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len()))
            }
            _ => None,
        };
        let length = length.unwrap_or_else(|| panic!("{place}: cannot read {rest}"));
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    place: &'a str,
}

impl Parser<'_> {
    fn next(&mut self) -> String {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.unwrap_or_else(|| panic!("{}: expression ends early", self.place))
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.tokens.get(self.at).is_some_and(|t| t == token);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, token: &str) {
        assert!(self.take(token), "{}: expected {token}", self.place);
    }

    fn or(&mut self) -> String {
        let mut parts = vec![self.and()];
        while self.take("or") {
            parts.push(self.and());
        }
        join("Or", parts)
    }

    fn and(&mut self) -> String {
        let mut parts = vec![self.not()];
        while self.take("and") {
            parts.push(self.not());
        }
        join("And", parts)
    }

    fn not(&mut self) -> String {
        if self.take("not") { format!("Expr::Not(&{})", self.not()) } else { self.term() }
    }

    fn term(&mut self) -> String {
        if self.take("(") {
            let inner = self.or();
            self.expect(")");
            return inner;
        }
        if self.take("present") {
            self.expect("(");
            let name = self.next();
            self.expect(")");
            return format!("Expr::Present({})", reference(&name));
        }
        let name = reference(&self.next());
        let sign = self.next();
        let negated = match sign.as_str() {
            "==" | "in" => false,
            "!=" => true,
            "not" => {
                self.expect("in");
                true
            }
            other => panic!("{}: sign {other}", self.place),
        };
        let mut values = Vec::new();
        if self.take("[") {
            while !self.take("]") {
                values.push(self.value());
                self.take(",");
            }
        } else {
            values.push(self.value());
        }
        let test = format!("Expr::In({name}, &[{}])", values.join(", "));
        if negated { format!("Expr::Not(&{test})") } else { test }
    }

    fn value(&mut self) -> String {
        let token = self.next();
        match token.as_str() {
            "true" | "false" => format!("Literal::Boolean({token})"),
            quoted => format!("Literal::Text(\"{}\")", quoted.trim_matches('\'')),
        }
    }
}

fn join(name: &str, mut parts: Vec<String>) -> String {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        format!("Expr::{name}(&[{}])", parts.join(", "))
    }
}

fn reference(name: &str) -> String {
    match name {
        "channel" => return "Reference::Channel".to_owned(),
        "category" => return "Reference::Category".to_owned(),
        _ => {}
    }
    match name.split_once('.') {
        Some(("areq" | "ares" | "cres", _)) => "Reference::Earlier".to_owned(),
        Some((parent, child)) => format!("Reference::Child(\"{parent}\", \"{child}\")"),
        None => format!("Reference::Own(\"{name}\")"),
    }
}

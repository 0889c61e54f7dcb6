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
    let names = all_names(&facts);
    let mut tables =
        Tables { facts: &facts, out: name_table(&names), done: BTreeSet::new(), names };
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
    /// Of all elements; an id is an index into it.
    names: Vec<String>,
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
        let cells: Vec<_> = sorted
            .into_iter()
            .filter_map(|(element, versions)| {
                Some((element.as_str(), versions[version].as_object()?))
            })
            .collect();
        let own: Vec<_> = cells.iter().map(|(name, _)| *name).filter(|name| *name != "*").collect();
        let (mut rows, mut any, mut masks) = (String::new(), "None".to_owned(), Masks::default());
        for (element, fact) in &cells {
            let place = format!("{name}.{element} {version}");
            let presence = presence(fact, name, &place);
            let row = self.element(element, fact, &presence, version, &own, &place);
            if *element == "*" {
                any = format!("Some(&{row})");
            } else {
                masks.add(fact, &presence);
                rows.push_str(&format!("    {row},\n"));
            }
        }
        let by_name = self.by_name(&own);
        let exponents: Vec<_> = EXPONENTS
            .iter()
            .filter_map(|(currency, exponent)| Some((at(&own, currency)?, at(&own, exponent)?)))
            .collect();
        self.out.push_str(&format!(
            "static {ident}: Table = Table {{ any: {any}, by_name: &{by_name:?}, {}, \
             exponents: &{exponents:?}, elements: &[\n{rows}] }};\n\n",
            masks.text(own.len()),
        ));
        ident
    }

    /// Position in a table by id of the name.
    fn by_name(&self, own: &[&str]) -> Vec<u8> {
        self.names.iter().map(|name| at(own, name).unwrap_or(u8::MAX)).collect()
    }

    fn element(
        &mut self,
        name: &str,
        fact: &Map<String, Value>,
        presence: &[&str; 6],
        version: &str,
        own: &[&str],
        place: &str,
    ) -> String {
        let kind = match name {
            "messageExtension" => "Kind::Extensions".to_owned(),
            _ => self.kind(fact, version, place),
        };
        let required_if = condition(fact, "required_if", "R", own, place);
        let absent_if = condition(fact, "absent_if", "N", own, place);
        let presence = presence.map(|word| format!("Presence::{word}")).join(", ");
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

/// What all elements of a table have in common, as bits by position.
#[derive(Default)]
struct Masks {
    /// Foreign and required by cell; last for messages whose cell is not known.
    columns: [(u128, u128); 7],
    required_if: u128,
    count: u32,
}

impl Masks {
    fn add(&mut self, fact: &Map<String, Value>, presence: &[&str; 6]) {
        let bit = 1_u128.checked_shl(self.count).expect("a table has at most 128 elements");
        let all = |word: &str| presence.iter().all(|own| *own == word);
        let unknown = if all("Foreign") || all("Required") { presence[0] } else { "Optional" };
        for (column, word) in self.columns.iter_mut().zip(presence.iter().chain([&unknown])) {
            column.0 |= if *word == "Foreign" { bit } else { 0 };
            column.1 |= if *word == "Required" { bit } else { 0 };
        }
        self.required_if |= match condition_text(fact, "required_if", "R") {
            Some(_) => bit,
            None => 0,
        };
        self.count += 1;
    }

    fn text(&self, elements: usize) -> String {
        assert_eq!(elements, self.count as usize);
        let columns = self.columns.iter().map(|(foreign, required)| {
            format!("Column {{ foreign: {foreign:#x}, required: {required:#x} }}")
        });
        format!(
            "columns: [{}], required_if: {:#x}",
            columns.collect::<Vec<_>>().join(", "),
            self.required_if
        )
    }
}

fn at(own: &[&str], name: &str) -> Option<u8> {
    let at = own.iter().position(|own| *own == name)?;
    Some(u8::try_from(at).expect("a table has at most 128 elements"))
}

/// The names of all elements; the first is nobody's.
fn all_names(facts: &Value) -> Vec<String> {
    let sections = ["messages", "objects"].map(|section| facts[section].as_object());
    let parts = sections.into_iter().flatten().flat_map(Map::values);
    let names = parts.filter_map(|part| part["elements"].as_object()).flat_map(Map::keys);
    let sorted: BTreeSet<_> = names.filter(|name| *name != "*").cloned().collect();
    std::iter::once(String::new()).chain(sorted).collect()
}

/// Open addressing over the names, with at most a quarter of the slots taken.
fn name_table(names: &[String]) -> String {
    let mut slots = vec![0; (names.len() * 4).next_power_of_two()];
    for (id, name) in names.iter().enumerate().skip(1) {
        let mut slot = name_hash::of(name) & (slots.len() - 1);
        while slots[slot] != 0 {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = id;
    }
    format!(
        "static NAMES: [&str; {}] = {names:?};\nstatic NAME_SLOTS: [u16; {}] = {slots:?};\n\n",
        names.len(),
        slots.len()
    )
}

fn ident(section: &str, name: &str, version: &str) -> String {
    let prefix = if section == "messages" { "M" } else { "O" };
    format!("{prefix}_{}_{}", name.to_uppercase(), version.replace('.', ""))
}

/// Presence per cell, changed by the hop's own column where there is one.
fn presence(fact: &Map<String, Value>, message: &str, place: &str) -> [&'static str; 6] {
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
            None | Some("N") => "Foreign",
            Some("R") => "Required",
            Some("C") => "Conditional",
            Some("O") => "Optional",
            Some(other) => panic!("{place}: inclusion {other}"),
        }
    };
    CELLS.map(of_cell)
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
    let number = |text: &str| -> Option<u8> {
        text.parse().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
    };
    let words: Vec<_> = values.keys().filter(|value| number(value).is_none()).collect();
    let numbers = values.keys().filter_map(|value| number(value));
    let ranges = |who: &str| {
        let listed = fact.get("reserved").and_then(|r| r.get(who)).and_then(Value::as_array);
        let numbers = listed.into_iter().flatten().flat_map(|range| {
            let range = range.as_str().unwrap_or_else(|| panic!("{place}: reserved"));
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let parse = |n: &str| n.parse::<u8>().unwrap_or_else(|_| panic!("{place}: {range}"));
            parse(low)..=parse(high)
        });
        bits(numbers)
    };
    format!(
        "Some(&Codes {{ words: &{words:?}, numbers: {:#x}, emvco: {:#x}, ds: {:#x} }})",
        bits(numbers),
        ranges("emvco"),
        ranges("ds")
    )
}

fn bits(numbers: impl Iterator<Item = u8>) -> u128 {
    numbers.fold(0, |bits, number| bits | 1 << number)
}

/// A condition of the facts, widened by the screens (`ui`) for which `mark` stands.
fn condition_text(fact: &Map<String, Value>, key: &str, mark: &str) -> Option<String> {
    let stated = fact.get(key).and_then(Value::as_str).map(str::to_owned);
    let screens = fact.get("ui").and_then(Value::as_object).into_iter().flatten();
    let marked: Vec<_> =
        screens.filter(|(_, m)| *m == mark).map(|(screen, _)| format!("'{screen}'")).collect();
    let by_screen = (!marked.is_empty()).then(|| format!("acsUiType in [{}]", marked.join(",")));
    match (stated, by_screen) {
        (Some(stated), Some(by_screen)) => Some(format!("({stated}) or {by_screen}")),
        (stated, by_screen) => stated.or(by_screen),
    }
}

fn condition(
    fact: &Map<String, Value>,
    key: &str,
    mark: &str,
    own: &[&str],
    place: &str,
) -> String {
    let Some(text) = condition_text(fact, key, mark) else { return "None".to_owned() };
    let text = text.as_str();
    let mut parser = Parser { tokens: tokens(text, place), at: 0, own, place };
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
    /// The names of the elements beside.
    own: &'a [&'a str],
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
            return format!("Expr::Present({})", reference(&name, self.own));
        }
        let subject = self.next();
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
        let values = values.join(", ");
        let test = match subject.as_str() {
            "channel" => format!("Expr::Channel(&[{values}])"),
            "category" => format!("Expr::Category(&[{values}])"),
            name => format!("Expr::In({}, &[{values}])", reference(name, self.own)),
        };
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

fn reference(name: &str, own: &[&str]) -> String {
    let here = |name| at(own, name);
    match name.split_once('.') {
        Some(("areq" | "ares" | "cres", _)) => "Reference::Earlier".to_owned(),
        Some((parent, child)) => here(parent)
            .map_or_else(nothing, |parent| format!("Reference::Child({parent}, \"{child}\")")),
        None => here(name).map_or_else(nothing, |own| format!("Reference::Own({own})")),
    }
}

/// What this version does not have is never there.
fn nothing() -> String {
    "Reference::Nothing".to_owned()
}

/// Currencies and the exponents that come with them.
const EXPONENTS: [(&str, &str); 3] = [
    ("purchaseCurrency", "purchaseExponent"),
    ("recurringCurrency", "recurringExponent"),
    ("merchantCurrency", "merchantExponent"),
];

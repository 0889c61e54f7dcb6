//! Citations of rules: `[P-BRW-12]`, `[P-BRW-10..19]`, `[Req 222]`, `[Note 25]`, `[T-BC-12]` in
//! comments and string literals, and names of test functions that begin with `t_bc_12`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A place that cites: a file and the item in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From the root of the repository.
    pub(super) file: String,
    /// Function, type, field or variant; empty for the file as a whole.
    pub(super) item: String,
}

/// Everything found.
#[derive(Debug, Default)]
pub(super) struct Cites {
    /// Rule id to code of the ACS.
    pub(super) code: BTreeMap<String, BTreeSet<Place>>,
    /// Rule id to test functions.
    pub(super) tests: BTreeMap<String, BTreeSet<Place>>,
    /// Name of a test function to its places.
    pub(super) by_name: BTreeMap<String, BTreeSet<Place>>,
}

/// Reads all Rust files of the workspace.
///
/// # Errors
/// A file cannot be read.
pub(super) fn scan(root: &Path) -> Result<Cites> {
    let mut cites = Cites::default();
    for folder in FOLDERS {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        for path in files {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            scan_file(&name, &text, &mut cites);
        }
    }
    Ok(cites)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn scan_file(file: &str, text: &str, cites: &mut Cites) {
    let lines: Vec<&str> = text.lines().collect();
    let all_tests =
        file.starts_with("e2e/") || file.contains("/tests/") || file.ends_with("tests.rs");
    let is_acs = file.starts_with("acs-core/") || file.starts_with("acs-server/");
    let mut in_tests = all_tests;
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default().trim_start();
        in_tests |=
            line.trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{');
        if in_tests && let Some(name) = test_at(&lines, at) {
            let place = Place { file: file.to_owned(), item: name.to_owned() };
            for id in scenarios_of(name) {
                cites.tests.entry(id).or_default().insert(place.clone());
            }
            cites.by_name.entry(name.to_owned()).or_default().insert(place);
        }
        for id in ids(quotable(line), !line.starts_with("//!")) {
            if in_tests {
                if let Some(name) = test_around(&lines, at) {
                    let place = Place { file: file.to_owned(), item: name.to_owned() };
                    cites.tests.entry(id).or_default().insert(place);
                }
            } else if is_acs {
                let place = Place { file: file.to_owned(), item: item_around(&lines, at) };
                cites.code.entry(id).or_default().insert(place);
            }
        }
    }
}

/// The part of a line in which a citation may stand: its comment, or all of it when it holds a
/// string literal.
fn quotable(line: &str) -> &str {
    if line.contains('"') { line } else { line.find("//").map_or("", |at| &line[at..]) }
}

/// Rule ids of a text, ranges written out if they count: what a whole file is about says little
/// of each rule in it.
fn ids(text: &str, ranges_count: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.char_indices() {
        let starts = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        if starts
            && let Some(mut ids) = id_at(&text[at..])
            && (ranges_count || ids.len() == 1)
        {
            found.append(&mut ids);
        }
    }
    found
}

fn id_at(text: &str) -> Option<Vec<String>> {
    for word in ["Req ", "Note "] {
        if let Some(rest) = text.strip_prefix(word) {
            let (first, last) = numbers(rest)?;
            return Some((first..=last).map(|n| format!("{word}{n}")).collect());
        }
    }
    let kind = ["P-", "T-"].into_iter().find(|kind| text.starts_with(kind))?;
    let rest = &text[kind.len()..];
    let area = rest.split_once('-')?.0;
    let is_area = (2..=4).contains(&area.len())
        && area.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let (first, last) = is_area.then(|| numbers(&rest[area.len() + 1..])).flatten()?;
    Some((first..=last).map(|n| format!("{kind}{area}-{n:02}")).collect())
}

/// `12`, or `12..19`.
fn numbers(text: &str) -> Option<(u16, u16)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let length = digits(text);
    let first = text[..length].parse().ok()?;
    let rest = text[length..].strip_prefix("..").unwrap_or_default();
    let last = rest[..digits(rest)].parse().unwrap_or(first);
    Some((first, last.max(first)))
}

/// `T-BC-12` for a test named `t_bc_12_what_it_does`. One named after several names them all:
/// `t_3r_03_t_3r_04_...`, `t_an_06_and_17_...`, `t_an_15_and_to_07_...`, `t_ah_01_02_...`.
fn scenarios_of(name: &str) -> Vec<String> {
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = name.split('_').collect::<Vec<_>>().into_iter().peekable();
    let mut found = Vec::new();
    let mut area = String::new();
    while let Some(part) = parts.next() {
        if (part == "t" || part == "and") && parts.peek().is_some_and(|next| next.len() == 2) {
            if part == "and" && (area.is_empty() || parts.peek().is_some_and(|n| is_number(n))) {
                continue;
            }
            area = parts.next().unwrap_or_default().to_ascii_uppercase();
        } else if is_number(part) && !area.is_empty() {
            found.push(format!("T-{area}-{part}"));
        } else {
            break;
        }
    }
    found
}

/// The test function whose first line this is.
fn test_at<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let name = function(lines[at])?;
    let above = lines[..at].iter().rev().map(|line| line.trim());
    let is_attribute = |line: &&str| line.starts_with("#[") || line.starts_with("//");
    let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    above.take_while(is_attribute).any(is_test).then_some(name)
}

/// The test function that a line belongs to: the next one for its doc comment, else the last.
fn test_around<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let is_doc = lines[at].trim_start().starts_with("///");
    let indent = indent(lines[at]);
    let mut candidates: Box<dyn Iterator<Item = usize>> = if is_doc {
        Box::new(at..lines.len())
    } else {
        Box::new((0..at).rev().filter(move |i| indent_of(lines, *i) < indent))
    };
    candidates.find(|i| function(lines[*i]).is_some()).and_then(|i| test_at(lines, i))
}

/// The item of code that a line belongs to.
fn item_around(lines: &[&str], at: usize) -> String {
    let line = lines[at].trim_start();
    if line.starts_with("//!") {
        return String::new();
    }
    if line.starts_with("//") {
        let following = lines[at..]
            .iter()
            .find(|line| {
                let line = line.trim_start();
                !(line.starts_with("//") || line.starts_with("#["))
            })
            .copied()
            .unwrap_or_default();
        if let Some(name) = item(following) {
            return name.to_owned();
        }
        if line.starts_with("///") {
            return member(following, &owner(lines, at));
        }
    }
    owner(lines, at)
}

/// The nearest item above that is less indented.
fn owner(lines: &[&str], at: usize) -> String {
    let indent = indent(lines[at]);
    let above = (0..at).rev().filter(|i| indent_of(lines, *i) < indent);
    above.into_iter().find_map(|i| item(lines[i])).unwrap_or_default().to_owned()
}

/// A field or a variant of `owner`.
fn member(line: &str, owner: &str) -> String {
    let line = without_visibility(line);
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
    if end == 0 { owner.to_owned() } else { format!("{owner}.{}", &line[..end]) }
}

fn without_visibility(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(rest, |(_, rest)| rest),
        Some(rest) if rest.starts_with(' ') => rest.trim_start(),
        _ => line,
    }
}

fn function(line: &str) -> Option<&str> {
    item_of_kind(line, &["fn"])
}

fn item(line: &str) -> Option<&str> {
    item_of_kind(line, &["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "impl"])
}

fn item_of_kind<'a>(line: &'a str, kinds: &[&str]) -> Option<&'a str> {
    let mut words = without_visibility(line).split_whitespace();
    loop {
        let word = words.next()?;
        if kinds.contains(&word) && !(word == "const" && line.contains(" fn ")) {
            let name = words.find(|word| *word != "for").unwrap_or_default();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            return (end > 0).then_some(&name[..end]);
        }
        let before = ["async", "const", "unsafe", "extern"].contains(&word);
        if !before {
            return None;
        }
    }
}

fn indent_of(lines: &[&str], at: usize) -> usize {
    if lines[at].trim().is_empty() { usize::MAX } else { indent(lines[at]) }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where citations are looked for.
const FOLDERS: [&str; 5] = ["acs-core", "acs-server", "ds-simulator", "e2e", "test-vectors"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_ranges_are_read() {
        let text = "// [P-BRW-09..11, Req 222], Note 25; T-BC-12 but not XP-BRW-01 or P-B-1";
        let found = ids(text, true);
        assert_eq!(found, ["P-BRW-09", "P-BRW-10", "P-BRW-11", "Req 222", "Note 25", "T-BC-12"]);
        assert!(ids(quotable("let req = Req 3;"), true).is_empty());
        assert_eq!(ids(text, false), ["Req 222", "Note 25", "T-BC-12"]);
        assert_eq!(ids(quotable("warn!(rule = \"P-MTH-05\");"), true), ["P-MTH-05"]);
    }

    #[test]
    fn scenarios_are_known_by_name() {
        assert_eq!(scenarios_of("t_bc_12_other_id"), ["T-BC-12"]);
        assert_eq!(scenarios_of("t_3r_03_t_3r_04_indicators"), ["T-3R-03", "T-3R-04"]);
        assert_eq!(scenarios_of("t_an_06_and_17_cancel"), ["T-AN-06", "T-AN-17"]);
        assert_eq!(scenarios_of("t_an_15_and_to_07_an_erro"), ["T-AN-15", "T-TO-07"]);
        assert_eq!(scenarios_of("t_ah_01_02_a_page"), ["T-AH-01", "T-AH-02"]);
        assert_eq!(scenarios_of("t_23_14_device_binding"), ["T-23-14"]);
        assert!(scenarios_of("t_rex_is_extinct").is_empty());
        assert!(scenarios_of("a_t_bc_12").is_empty());
    }

    #[test]
    fn citations_belong_to_items() {
        let text = "//! [P-A01-01]\n\n/// [Req 1]\npub struct S {\n    /// [Req 2]\n    pub field: u8,\n}\n\nimpl S {\n    /// [Req 3]\n    pub(in crate::x) const fn f() {\n        // [Req 4]\n        g();\n    }\n}\n\n#[cfg(test)]\nmod tests {\n    /// [Req 5]\n    #[test]\n    fn works() {\n        // [Req 6]\n        helper();\n    }\n\n    fn helper() {\n        // [Req 7]\n    }\n}\n";
        let mut cites = Cites::default();
        scan_file("acs-core/src/s.rs", text, &mut cites);
        let item = |map: &BTreeMap<String, BTreeSet<Place>>, id: &str| {
            map.get(id).and_then(|places| places.first()).map(|place| place.item.clone())
        };
        for (id, name) in [("Req 1", "S"), ("Req 2", "S.field"), ("Req 3", "f"), ("Req 4", "f")] {
            assert_eq!(item(&cites.code, id).as_deref(), Some(name), "{id}");
        }
        assert_eq!(item(&cites.tests, "Req 5").as_deref(), Some("works"));
        assert_eq!(item(&cites.tests, "Req 6").as_deref(), Some("works"));
        assert_eq!(item(&cites.tests, "Req 7"), None, "a helper is no test");
        assert!(cites.by_name.contains_key("works"));
    }
}

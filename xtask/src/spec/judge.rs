//! What follows from lists and citations: the status of each entry.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::cites::{Cites, Place};
use super::list::{self, Entry, Status};

/// A section with its entries judged.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// An entry with what speaks for it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) entry: Entry,
    pub(super) code: Vec<Place>,
    pub(super) tests: Vec<Place>,
    pub(super) status: Status,
    pub(super) reason: String,
}

/// What speaks for an entry.
#[derive(Debug, Default)]
struct Evidence {
    code: BTreeSet<Place>,
    tests: BTreeSet<Place>,
    /// Scenarios and tests it stands on that are not there.
    absent: BTreeSet<String>,
}

/// Judges every entry.
///
/// # Errors
/// Entries that name rules or scenarios that do not exist, or that stand there twice.
pub(super) fn judge(sections: Vec<list::Section>, cites: &Cites) -> Result<Vec<Section>> {
    let known = known(&sections)?;
    let mut problems = Vec::new();
    let mut judged = Vec::new();
    for section in sections {
        let mut rows = Vec::new();
        for entry in section.entries {
            match row(entry, section.reason.as_deref(), &known, cites) {
                Ok(row) => rows.push(row),
                Err(problem) => problems.push(problem),
            }
        }
        judged.push(Section { title: section.title, rows });
    }
    if !problems.is_empty() {
        bail!("docs/spec: {}", problems.join("\ndocs/spec: "));
    }
    Ok(judged)
}

/// What each id stands on.
fn known(sections: &[list::Section]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut known = BTreeMap::new();
    for entry in sections.iter().flat_map(|section| &section.entries) {
        if known.insert(entry.id.clone(), entry.stands_on.clone()).is_some() {
            bail!("docs/spec: {} stands there twice", entry.id);
        }
    }
    Ok(known)
}

fn row(
    entry: Entry,
    common: Option<&str>,
    known: &BTreeMap<String, Vec<String>>,
    cites: &Cites,
) -> Result<Row, String> {
    let mut evidence = Evidence::default();
    gather(&entry.id, &entry.stands_on, known, cites, &mut evidence)
        .map_err(|what| format!("{}: {what}", entry.id))?;
    let Evidence { code, tests, absent } = evidence;
    let (status, reason) = match &entry.verdict {
        Some(verdict) => (verdict.status, verdict.reason.clone()),
        None => verdict(&entry, common, &code, &tests, &absent),
    };
    Ok(Row { code: specific(code), tests: tests.into_iter().collect(), status, reason, entry })
}

/// Adds what cites `id` and what speaks for the ids and tests that it stands on.
fn gather(
    id: &str,
    stands_on: &[String],
    known: &BTreeMap<String, Vec<String>>,
    cites: &Cites,
    evidence: &mut Evidence,
) -> Result<(), String> {
    evidence.code.extend(cites.code.get(id).into_iter().flatten().cloned());
    evidence.tests.extend(cites.tests.get(id).into_iter().flatten().cloned());
    for word in stands_on {
        if word.contains('/') {
            let (file, item) = word.split_once(':').unwrap_or((word, ""));
            if !crate::shell::root().join(file).is_file() {
                return Err(format!("no file {file}"));
            }
            evidence.code.insert(Place { file: file.to_owned(), item: item.to_owned() });
        } else if let Some(scenario) = word.strip_prefix("T-") {
            match cites.tests.get(word) {
                Some(tests) => evidence.tests.extend(tests.iter().cloned()),
                None if known.contains_key(word) => {
                    evidence.absent.insert(format!("T-{scenario}"));
                }
                None => return Err(format!("no scenario {word}")),
            }
        } else if let Some(further) = known.get(word) {
            // One step: the tests that the other names count, not the rules it stands on in turn.
            let tests: Vec<String> = further
                .iter()
                .filter(|word| word.starts_with("T-") || cites.by_name.contains_key(*word))
                .cloned()
                .collect();
            gather(word, &tests, known, cites, evidence)?;
        } else if let Some(tests) = cites.by_name.get(word) {
            evidence.tests.extend(tests.iter().cloned());
        } else if is_test_name(word) {
            // Renamed or taken away since: no proof any more.
            evidence.absent.insert(word.clone());
        } else {
            return Err(format!("no rule and no test {word}"));
        }
    }
    Ok(())
}

/// Covered: code cites it, a test cites it, and every scenario it stands on is there.
fn verdict(
    entry: &Entry,
    common: Option<&str>,
    code: &BTreeSet<Place>,
    tests: &BTreeSet<Place>,
    absent: &BTreeSet<String>,
) -> (Status, String) {
    let is_scenario = entry.id.starts_with("T-");
    let journeys = tests.iter().any(|place| place.file.starts_with("e2e/"));
    let status = match (code.is_empty() && !is_scenario, tests.is_empty()) {
        (false, false) if absent.is_empty() && (journeys || !is_scenario) => Status::Covered,
        (true, true) => Status::NotCovered,
        (false, true) if is_scenario => Status::NotCovered,
        _ => Status::Partly,
    };
    if status == Status::Covered {
        return (status, String::new());
    }
    let given = entry.otherwise.as_deref().or(common).map(str::to_owned);
    let seen = || match (tests.is_empty(), absent.is_empty()) {
        (true, _) => "no test yet".to_owned(),
        (false, false) => {
            format!("no test yet of {}", absent.iter().cloned().collect::<Vec<_>>().join(", "))
        }
        (false, true) if is_scenario => "tested below the level of whole programs".to_owned(),
        (false, true) => "tested; the code does not cite it".to_owned(),
    };
    // What was said for the case that nothing is there is old once something is.
    let reason = if status == Status::Partly { Some(seen()) } else { given };
    (status, reason.unwrap_or_else(|| "nothing cites it, and nobody said why".to_owned()))
}

fn is_test_name(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Items before whole files: files are named only where no item is.
fn specific(code: BTreeSet<Place>) -> Vec<Place> {
    let (items, files): (Vec<_>, Vec<_>) = code.into_iter().partition(|p| !p.item.is_empty());
    if items.is_empty() { files } else { items }
}

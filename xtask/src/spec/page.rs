//! `docs/spec-coverage.md`.

use std::fmt::Write as _;

use super::cites::Place;
use super::judge::{Row, Section};
use super::list::Status;

const HEAD: &str = "\
# Coverage of the protocol

<!-- Written by `cargo xtask spec`; do not edit. -->

Every requirement (`Req`, `Note`), rule (`P-...`) and scenario (`T-...`) whose actor is the ACS, with the
code and the tests that cite it. `docs/spec/README.md` says how the status comes about; nothing is
covered here because somebody says so: code has to cite it and a test has to prove it. Titles are
short words of our own; the rules themselves are EMVCo's. This is no claim of certification.
";

/// The whole file.
pub(super) fn render(sections: &[Section]) -> String {
    let mut text = HEAD.to_owned();
    summary(sections, &mut text);
    for section in sections {
        table(section, &mut text);
    }
    text
}

/// One line with the numbers.
pub(super) fn totals(sections: &[Section]) -> String {
    let count =
        |status| sections.iter().flat_map(|s| &s.rows).filter(|r| r.status == status).count();
    let parts = Status::ALL.map(|status| format!("{} {}", count(status), status.words()));
    parts.join(", ")
}

/// A line for each entry that is not covered.
pub(super) fn gaps(sections: &[Section]) -> Vec<String> {
    let rows = sections.iter().flat_map(|section| &section.rows);
    let open = rows.filter(|row| matches!(row.status, Status::Partly | Status::NotCovered));
    open.map(|row| {
        format!("{}: {} ({}): {}", row.entry.id, row.status.words(), row.entry.title, row.reason)
    })
    .collect()
}

fn summary(sections: &[Section], text: &mut String) {
    let _ = writeln!(text, "\n| Section | covered | partly | not covered | not applicable |");
    let _ = writeln!(text, "|---|---|---|---|---|");
    let line = |title: &str, rows: &[&Row], text: &mut String| {
        let count = |status| rows.iter().filter(|row| row.status == status).count();
        let [covered, partly, open, none] = Status::ALL.map(count);
        let _ = writeln!(text, "| {title} | {covered} | {partly} | {open} | {none} |");
    };
    for section in sections {
        line(&section.title, &section.rows.iter().collect::<Vec<_>>(), text);
    }
    let all: Vec<_> = sections.iter().flat_map(|section| &section.rows).collect();
    line("**all**", &all, text);
}

fn table(section: &Section, text: &mut String) {
    let _ = writeln!(text, "\n## {}\n", section.title);
    let _ = writeln!(text, "| Id | Where | What | Code | Tests | Status |");
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    for row in &section.rows {
        let entry = &row.entry;
        let place = [entry.channels.as_str(), entry.versions.as_str()];
        let place = place.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ");
        let status = if row.reason.is_empty() {
            row.status.words().to_owned()
        } else {
            format!("{}: {}", row.status.words(), row.reason)
        };
        let (code, tests) = (few(&row.code, code_name), few(&row.tests, test_name));
        let _ = writeln!(
            text,
            "| {} | {place} | {} | {code} | {tests} | {status} |",
            entry.id, entry.title
        );
    }
}

/// The first of many.
fn few(places: &[Place], name: fn(&Place) -> String) -> String {
    let mut names: Vec<String> = places.iter().take(SHOWN).map(name).collect();
    if places.len() > SHOWN {
        names.push(format!("and {} more", places.len() - SHOWN));
    }
    if names.is_empty() { "-".to_owned() } else { names.join("<br>") }
}

fn code_name(place: &Place) -> String {
    let file = place.file.replace("/src/", "/");
    if place.item.is_empty() { format!("`{file}`") } else { format!("`{file}` `{}`", place.item) }
}

fn test_name(place: &Place) -> String {
    let folder = place.file.split('/').next().unwrap_or_default();
    let file = place.file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    format!("{folder} {file} `{}`", place.item)
}

const SHOWN: usize = 4;

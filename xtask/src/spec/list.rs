//! The lists in `docs/spec/`: one line per requirement, rule or scenario; see `docs/spec/README.md`.

use anyhow::{Result, bail};

/// A heading and its entries.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    /// Why entries that nothing covers are not covered.
    pub(super) reason: Option<String>,
    pub(super) entries: Vec<Entry>,
}

/// A requirement, rule or scenario.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) channels: String,
    pub(super) versions: String,
    pub(super) title: String,
    /// Rules, scenarios and tests that speak for it besides its own citations.
    pub(super) stands_on: Vec<String>,
    pub(super) verdict: Option<Verdict>,
    /// Why it is not covered, should that be so.
    pub(super) otherwise: Option<String>,
}

/// A status given by hand, with its reason.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) status: Status,
    pub(super) reason: String,
}

/// How far a requirement is met and proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Covered,
    Partly,
    NotCovered,
    NotApplicable,
}

impl Status {
    pub(super) const ALL: [Self; 4] =
        [Self::Covered, Self::Partly, Self::NotCovered, Self::NotApplicable];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Partly => "partly",
            Self::NotCovered => "not covered",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// Reads one list.
///
/// # Errors
/// The line that cannot be read.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let done = read_line(line, &mut sections);
        if let Err(what) = done {
            bail!("docs/spec/{file}:{number}: {what}: {line}");
        }
    }
    Ok(sections)
}

fn read_line(line: &str, sections: &mut Vec<Section>) -> Result<(), &'static str> {
    if line.trim().is_empty() || line.starts_with("# ") {
        return Ok(());
    }
    if let Some(title) = line.strip_prefix("## ") {
        let title = title.trim().to_owned();
        sections.push(Section { title, reason: None, entries: Vec::new() });
        return Ok(());
    }
    let section = sections.last_mut().ok_or("an entry before the first heading")?;
    if let Some(note) = line.strip_prefix("  ") {
        return read_note(note.trim(), section);
    }
    section.entries.push(read_entry(line)?);
    Ok(())
}

/// `? reason`, or `partly: reason` and the like, about the entry above; about the whole section
/// when it stands before its first entry.
fn read_note(note: &str, section: &mut Section) -> Result<(), &'static str> {
    let otherwise = note.strip_prefix("? ").map(str::to_owned);
    let Some(entry) = section.entries.last_mut() else {
        section.reason = Some(otherwise.ok_or("a section takes only a `? reason`")?);
        return Ok(());
    };
    if otherwise.is_some() {
        entry.otherwise = otherwise;
        return Ok(());
    }
    let (status, reason) =
        note.split_once(": ").ok_or("expected `? reason` or `status: reason`")?;
    let status = Status::ALL.into_iter().find(|known| known.words() == status);
    match status.ok_or("an unknown status")? {
        Status::Covered => Err("covered has to follow from code and tests"),
        status => {
            entry.verdict = Some(Verdict { status, reason: reason.to_owned() });
            Ok(())
        }
    }
}

/// `id | channels | versions | title | stands on`.
fn read_entry(line: &str) -> Result<Entry, &'static str> {
    let mut fields = line.split('|').map(str::trim);
    let mut field = || fields.next().ok_or("expected id | channels | versions | title | stands on");
    let entry = Entry {
        id: field()?.to_owned(),
        channels: field()?.to_owned(),
        versions: field()?.to_owned(),
        title: field()?.to_owned(),
        stands_on: field()?
            .replace("Req ", "Req-")
            .replace("Note ", "Note-")
            .split_whitespace()
            .map(|word| word.replace("Req-", "Req ").replace("Note-", "Note "))
            .collect(),
        verdict: None,
        otherwise: None,
    };
    if entry.id.is_empty() || entry.title.is_empty() {
        return Err("an entry needs an id and a title");
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_notes_and_sections_a_common_reason() {
        let text = "## Errors\n  ? not yet\nReq 1 | APP | 2.1 | Short | P-ERRO-01 Req 2 a_test\n  partly: half of it\n";
        let sections = read("x", text).unwrap();
        assert_eq!(sections[0].reason.as_deref(), Some("not yet"));
        let entry = &sections[0].entries[0];
        assert_eq!(entry.stands_on, ["P-ERRO-01", "Req 2", "a_test"]);
        assert_eq!(entry.verdict.as_ref().unwrap().status, Status::Partly);
    }

    #[test]
    fn lines_that_cannot_be_read_are_named() {
        for (text, what) in [
            ("Req 1 | APP", "before the first heading"),
            ("## A\nReq 1 | APP", "expected id"),
            ("## A\nReq 1 | | | t |\n  covered: x", "has to follow"),
            ("## A\nReq 1 | | | t |\n  perhaps: x", "unknown status"),
        ] {
            let error = read("x", text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}

//! `cargo xtask spec`: writes `docs/spec-coverage.md` from the lists in `docs/spec/` and the rule
//! citations in code and tests.

mod cites;
mod judge;
mod list;
mod page;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::say;
use crate::shell;

const USAGE: &str = "\
Writes docs/spec-coverage.md: every requirement, rule and scenario whose actor is the ACS, with
the code and the tests that cite it and what follows from that.

Usage: cargo xtask spec [OPTIONS]

Options:
  --check       Write nothing; fail where the file is not what would be written
  --gaps        List what is not covered instead
  -h, --help    This text

Examples:
  cargo xtask spec
  cargo xtask spec --gaps
";

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let check_only = args.flag("--check");
    let gaps = args.flag("--gaps");
    args.end()?;
    let sections = judged()?;
    if gaps {
        for line in page::gaps(&sections) {
            say::line(&line);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text = page::render(&sections);
    if check_only {
        up_to_date(&text)?;
    } else {
        fs::write(file(), &text).context("writing docs/spec-coverage.md")?;
        say::line(&page::totals(&sections));
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails where the file in the repository is not what the code says now.
///
/// # Errors
/// The file is old, or a list in `docs/spec/` is wrong.
pub(crate) fn check() -> Result<()> {
    up_to_date(&page::render(&judged()?))
}

fn up_to_date(text: &str) -> Result<()> {
    let found = fs::read_to_string(file()).unwrap_or_default();
    if found != *text {
        bail!("docs/spec-coverage.md is not up to date; write it again: cargo xtask spec");
    }
    Ok(())
}

fn judged() -> Result<Vec<judge::Section>> {
    let root = shell::root();
    let mut sections = Vec::new();
    for name in ["requirements.txt", "rules.txt", "scenarios.txt"] {
        let path = root.join("docs/spec").join(name);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        sections.extend(list::read(name, &text)?);
    }
    let cites = cites::scan(&root)?;
    judge::judge(sections, &cites)
}

fn file() -> PathBuf {
    shell::root().join("docs/spec-coverage.md")
}

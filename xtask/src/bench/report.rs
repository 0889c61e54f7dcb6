//! What stands under a table of figures, and its place in the document.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::shell;

/// Day, machine and state of the code.
pub(super) fn origin() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores ({}), commit {}", today(), processor(), commit())
}

/// The middle of measurements.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Replaces what stands between the markers of the document.
pub(super) fn put_into(document: &Path, (begin, end): Marks, table: &str) -> Result<()> {
    let text =
        fs::read_to_string(document).with_context(|| format!("reading {}", document.display()))?;
    let (before, rest) = text.split_once(begin).context("no begin marker")?;
    let (_, after) = rest.split_once(end).context("no end marker")?;
    fs::write(document, format!("{before}{begin}\n{table}\n{end}{after}"))?;
    Ok(())
}

pub(super) fn processor() -> String {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = facts.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

pub(super) fn commit() -> String {
    let mut git = Command::new("git");
    let output = git.args(["rev-parse", "--short", "HEAD"]).current_dir(shell::root()).output();
    let text = output.ok().filter(|output| output.status.success());
    text.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

pub(super) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date_of(since.as_secs() / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The Gregorian date of a day counted from 1970-01-01, reckoned in years that begin in March.
const fn date_of(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, date)
}

/// Where a table begins and ends in the document.
pub(super) type Marks = (&'static str, &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
        assert_eq!(date_of(20_417), (2025, 11, 25));
    }

    #[test]
    fn the_table_goes_between_the_markers() {
        let file = std::env::temp_dir().join(format!("xtask-bench-{}.md", std::process::id()));
        let (begin, end) = ("<!-- a:begin -->", "<!-- a:end -->");
        fs::write(&file, format!("a\n{begin}\nold\n{end}\nz\n")).unwrap();
        put_into(&file, (begin, end), "new").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(text, format!("a\n{begin}\nnew\n{end}\nz\n"));
    }
}

//! `acs card`: import, list and show cards.

mod progress;
pub(super) mod render;

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use acs_core::element::Pan;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::cards::{self, ImportError};
use crate::config::Config;
use crate::storage::sqlite::cards::{Cards, Cursor, StoredCard};
use crate::vault::Vault;
use progress::ProgressLine;

/// Import, list and show cards
#[derive(Debug, Args)]
pub(super) struct CardArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(ImportArgs),
    List(ListArgs),
    Show(ShowArgs),
}

/// Import a card file: all of its cards, or none when any line is bad
///
/// Works while the server runs; the cards become visible all at once at the end. A card number that
/// is already on record is updated, and cards the file does not name stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line of the file is one JSON object:
  {\"pan\":\"4000000000001091\",\"expiry\":\"3012\",\"contacts\":{\"sms\":\"+819012345678\"}}

Keys: pan; expiry (YYMM); state (active, not_activated, not_enrolled, suspended, lost, stolen,
expired); contacts (sms, email); in the development profile also outcome (status, reason).

Examples:
  acs card import --config acs.toml --issuer alpha cards.jsonl
  zcat cards.jsonl.gz | acs card import --config acs.toml --issuer alpha -

Exit codes: 0 imported, 1 nothing was imported, 2 wrong usage.")]
struct ImportArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Issuer of the cards, as configured
    #[arg(long, value_name = "ID")]
    issuer: String,
    /// Card file, or - for standard input
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// List cards, with masked numbers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  acs card list --config acs.toml --issuer alpha
  acs card list --config acs.toml --limit 1000 --json

When there are more cards than the limit, the last line (\"next\" in JSON) says how to go on.
Exit codes: 0 listed, 1 failed, 2 wrong usage.")]
struct ListArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only this issuer's cards
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Cards at most
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Go on behind this place of an earlier list
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a card, by its number or by its last four digits
///
/// A number given as an argument stays in the shell's history: prefer - and type it, or pipe it in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  acs card show --config acs.toml - < number.txt
  acs card show --config acs.toml 4000000000001091
  acs card show --config acs.toml 1091

Exit codes: 0 shown, 1 not on record or failed, 2 wrong usage.")]
struct ShowArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Card number, its last four digits, or - for standard input
    #[arg(value_name = "PAN")]
    number: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs an `acs card` command.
///
/// # Errors
/// Whatever kept it from doing its work, except bad lines of a card file: those are printed, and
/// the exit code is 1.
pub(super) fn run(args: CardArgs) -> anyhow::Result<ExitCode> {
    let done = match args.command {
        Command::Import(args) => import(&args),
        Command::List(args) => list(&args),
        Command::Show(args) => show(args),
    };
    match done {
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    cards::issuer(&config, &args.issuer)?;
    let input = open(&args.file)?;
    let mut line = ProgressLine::new(io::stderr().is_terminal());
    let result = cards::import(&config, &args.issuer, input, &mut |progress| {
        line.show(progress, &mut io::stderr().lock());
    });
    line.clear(&mut io::stderr().lock());
    let mut out = io::stdout().lock();
    match result {
        Ok(imported) => {
            render::imported(&mut out, &args.issuer, &imported, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(ImportError::BadLines(bad)) => {
            if args.json {
                render::bad_lines_json(&mut out, &bad)?;
            } else {
                render::bad_lines(&mut io::stderr().lock(), &bad)?;
            }
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    if let Some(issuer) = &args.issuer {
        cards::issuer(&config, issuer)?;
    }
    let after = match &args.after {
        Some(text) => Cursor::parse(text).context("--after is not a place of an earlier list")?,
        None => Cursor::default(),
    };
    let page = open_cards(&config)?.list(args.issuer.as_deref(), &after, args.limit as usize)?;
    render::list(&mut io::stdout().lock(), &page, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let number = read_number(Zeroizing::new(args.number), &mut io::stdin().lock())?;
    let found = find(&config, &number)?;
    if found.is_empty() {
        anyhow::bail!("no such card is on record");
    }
    render::show(&mut io::stdout().lock(), &found, args.json)?;
    if found.len() == MOST_SHOWN {
        writeln!(io::stderr().lock(), "only the first {MOST_SHOWN} are shown")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn find(config: &Config, number: &str) -> anyhow::Result<Vec<StoredCard>> {
    let cards = open_cards(config)?;
    if number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(cards.find_last4(number, MOST_SHOWN)?);
    }
    let pan = Pan::parse(number)
        .context("expected a card number of 13 to 19 digits, or its last four digits")?;
    let mut found = Vec::new();
    for issuer in &config.issuer {
        found.extend(cards.find(&issuer.id, &pan)?);
    }
    Ok(found)
}

/// The number itself, read from `input` when the argument is a dash.
pub(super) fn read_number(
    argument: Zeroizing<String>,
    input: &mut impl BufRead,
) -> anyhow::Result<Zeroizing<String>> {
    if *argument != "-" {
        return Ok(argument);
    }
    let mut line = Zeroizing::new(String::with_capacity(128));
    input.take(100).read_line(&mut line).context("no card number on standard input")?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::with_capacity(READ_AHEAD, io::stdin())));
    }
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(READ_AHEAD, opened)))
}

fn open_cards(config: &Config) -> anyhow::Result<Cards> {
    let vault = Arc::new(Vault::load(&config.keys.file)?);
    Ok(Cards::open(&config.storage.path, vault)?)
}

pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let found = error.downcast_ref::<io::Error>();
    found.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Cards shown for four digits.
const MOST_SHOWN: usize = 100;
const READ_AHEAD: usize = 64 * 1024;

#[cfg(test)]
mod tests;

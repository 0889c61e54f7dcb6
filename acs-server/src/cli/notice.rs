//! `acs notice`: what directory servers told the operators of this service [P-OPR-02].

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use acs_core::notice::{OpStatus, presentable};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::Config;
use crate::gateway::rfc3339;
use crate::storage::sqlite::notices::Notices;
use crate::storage::{NoticeDetail, NoticeRow};

/// Read the operational notices of directory servers
#[derive(Debug, Args)]
pub(super) struct NoticeArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
}

/// List notices, newest first, with their whole text
///
/// Works while the server runs. What may be an account number in a text is hidden.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  acs notice list --config acs.toml
  acs notice list --config acs.toml --limit 1 --json

States: complete; incomplete (parts are still to come); broken (a part is missing, came too late, or
differs from what came before).
Exit codes: 0 listed, 1 failed, 2 wrong usage.")]
struct ListArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Notices at most
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs an `acs notice` command.
///
/// # Errors
/// Whatever kept it from doing its work.
pub(super) fn run(args: &NoticeArgs) -> anyhow::Result<ExitCode> {
    let Command::List(args) = &args.command;
    let config = Config::load(&args.config)?;
    let found = Notices::open(&config.storage.path)?.newest(args.limit)?;
    let notices =
        found.iter().map(|parts| Notice::of(parts)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut out = io::stdout().lock();
    let written = if args.json {
        let all: Vec<_> = notices.iter().map(Notice::json).collect();
        writeln!(out, "{}", json!({ "notices": all }))
    } else {
        notices.iter().try_for_each(|notice| notice.print(&mut out))
    };
    match written {
        // Whoever reads our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        done => done.map(|()| ExitCode::SUCCESS).context("printing"),
    }
}

/// A sequence as an operator reads it.
struct Notice<'a> {
    last: &'a NoticeRow,
    detail: NoticeDetail,
    state: &'static str,
    came: usize,
    text: String,
}

impl<'a> Notice<'a> {
    fn of(parts: &'a [NoticeRow]) -> anyhow::Result<Self> {
        let last = parts.last().context("a notice without parts")?;
        let details = parts
            .iter()
            .map(|part| serde_json::from_slice(&part.detail))
            .collect::<Result<Vec<NoticeDetail>, _>>()
            .context("a stored notice cannot be read")?;
        let state = match (last.broken, last.answered) {
            (true, _) => "broken",
            (false, Some(OpStatus::Received)) => "complete",
            (false, _) => "incomplete",
        };
        let text: String = details.iter().map(|detail| detail.description.as_str()).collect();
        // A number may have been cut in two between parts.
        let text = presentable(&text);
        let detail = details.into_iter().next_back().context("a notice without parts")?;
        Ok(Self { last, detail, state, came: parts.len(), text })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { last, detail, state, came, text } = self;
        writeln!(
            out,
            "{}  {}  {} ({})  {} ({})  until {}  {state}, {came} of {} parts",
            rfc3339(last.received),
            last.ds_id,
            detail.severity,
            severity(&detail.severity),
            detail.category,
            category(&detail.category),
            detail.expires,
            last.part.total,
        )?;
        writeln!(out, "  sequence {}", last.part.id)?;
        if let Some((id_type, id)) = &detail.prior {
            writeln!(out, "  about {} {id}", id_name(id_type))?;
        }
        for line in text.lines() {
            writeln!(out, "  | {line}")?;
        }
        writeln!(out)
    }

    fn json(&self) -> Value {
        let Self { last, detail, state, came, text } = self;
        json!({
            "received": rfc3339(last.received),
            "ds": last.ds_id,
            "ds_reference_number": detail.ds_reference_number,
            "sequence": last.part.id,
            "state": state,
            "came": came,
            "parts": last.part.total,
            "severity": detail.severity,
            "category": detail.category,
            "expires": detail.expires,
            "prior": detail.prior.as_ref().map(|(id_type, id)| json!({"type": id_type, "id": id})),
            "text": text,
        })
    }
}

fn severity(code: &str) -> &'static str {
    match code {
        "01" => "critical",
        "02" => "major",
        "03" => "minor",
        "04" => "informational",
        _ => "agreed with the payment system",
    }
}

fn category(code: &str) -> &'static str {
    match code {
        "01" => "general",
        "02" => "operational alert",
        "03" => "certificate expiry",
        "04" => "approval expiry",
        "05" => "fraud",
        "06" => "other",
        _ => "agreed with the payment system",
    }
}

fn id_name(id_type: &str) -> &'static str {
    match id_type {
        "01" => "threeDSServerTransID",
        "02" => "dsTransID",
        _ => "acsTransID",
    }
}

//! `acs consents`: what a card's holder agreed to, and taking it back.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use acs_core::UtcMillis;
use acs_core::element::Pan;
use acs_core::flow::consent::{Consent, ConsentKind};
use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA256, digest};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::card::render::table;
use super::card::{is_broken_pipe, read_number};
use crate::cards;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::gateway::rfc3339;
use crate::storage::sqlite::consents::Consents;
use crate::vault::Vault;

/// List and withdraw what cardholders agreed to: trusted merchants, bound devices
#[derive(Debug, Args)]
pub(super) struct ConsentsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Withdraw(WithdrawArgs),
}

/// List the consents of a card
///
/// A number given as an argument stays in the shell's history: prefer - and type it, or pipe it in.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  acs consents list --config acs.toml - < number.txt
  acs consents list --config acs.toml --issuer alpha --json - < number.txt

GIVEN is \"no\" where the cardholder was asked and did not agree.
Exit codes: 0 listed, also when there are none; 1 failed, 2 wrong usage.")]
struct ListArgs {
    #[command(flatten)]
    card: CardChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Withdraw consents of a card
///
/// Works while the server runs and counts from the next payment on: the cardholder is asked again as
/// if never asked before. Each consent taken back leaves an audit event.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  acs consents withdraw --config acs.toml --id 3f9a01bc52d07e46 - < number.txt
  acs consents withdraw --config acs.toml --kind device-binding - < number.txt
  acs consents withdraw --config acs.toml --all - < number.txt

`acs consents list` shows the ids.
Exit codes: 0 withdrawn, 1 there was nothing to withdraw or it failed, 2 wrong usage.")]
struct WithdrawArgs {
    #[command(flatten)]
    card: CardChoice,
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CardChoice {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only this issuer's; by default all that may have issued the card
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Card number, or - for standard input
    #[arg(value_name = "PAN")]
    number: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The one with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// All of a kind
    #[arg(long)]
    kind: Option<Kind>,
    /// All
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    TrustList,
    DeviceBinding,
}

impl Which {
    fn means(&self, issuer: &str, consent: &Consent) -> bool {
        self.all
            || self.id.as_deref() == Some(&id_of(issuer, consent))
            || self.kind.is_some_and(|kind| kind_name(consent.kind) == kind.name())
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::TrustList => kind_name(ConsentKind::TrustList),
            Self::DeviceBinding => kind_name(ConsentKind::DeviceBinding),
        }
    }
}

/// Runs an `acs consents` command.
///
/// # Errors
/// Whatever kept it from doing its work.
pub(super) fn run(args: ConsentsArgs) -> anyhow::Result<ExitCode> {
    let done = match args.command {
        Command::List(args) => list(args),
        Command::Withdraw(args) => withdraw(args),
    };
    match done {
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let card = Card::of(args.card)?;
    let found = card.each(|consents, issuer, token, _| Ok(consents.of(issuer, token)?))?;
    show(&mut io::stdout().lock(), &card, &found, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn withdraw(args: WithdrawArgs) -> anyhow::Result<ExitCode> {
    let card = Card::of(args.card)?;
    let which = args.which;
    let found = card.each(|consents, issuer, token, now| {
        Ok(consents.withdraw(issuer, token, now, |consent| which.means(issuer, consent))?)
    })?;
    if found.is_empty() {
        bail!("card {} has no such consent", card.pan.masked());
    }
    if !args.json {
        writeln!(io::stdout().lock(), "withdrawn:")?;
    }
    show(&mut io::stdout().lock(), &card, &found, args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// The card a command is about.
struct Card {
    config: Config,
    issuers: Vec<String>,
    pan: Pan,
}

impl Card {
    fn of(choice: CardChoice) -> anyhow::Result<Self> {
        let config = Config::load(&choice.config)?;
        let number = read_number(Zeroizing::new(choice.number), &mut io::stdin().lock())?;
        let pan = Pan::parse(&number).context("expected a card number of 13 to 19 digits")?;
        let issuers = match choice.issuer {
            Some(id) => vec![cards::issuer(&config, &id)?.id.clone()],
            None => config.issuer.iter().map(|issuer| issuer.id.clone()).collect(),
        };
        Ok(Self { config, issuers, pan })
    }

    /// What `work` gives for each issuer, with the issuer.
    fn each(
        &self,
        mut work: impl FnMut(&mut Consents, &str, &str, UtcMillis) -> anyhow::Result<Vec<Consent>>,
    ) -> anyhow::Result<Vec<(String, Consent)>> {
        let vault = Vault::load(&self.config.keys.file)?;
        let mut consents = Consents::open(&self.config.storage.path)?;
        let (token, now) = (vault.card_token(&self.pan), SystemClock.now());
        let mut found = Vec::new();
        for issuer in &self.issuers {
            let own = work(&mut consents, issuer, &token, now)?;
            found.extend(own.into_iter().map(|consent| (issuer.clone(), consent)));
        }
        Ok(found)
    }
}

fn show(
    out: &mut impl Write,
    card: &Card,
    found: &[(String, Consent)],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let all: Vec<_> = found.iter().map(|(issuer, consent)| full(issuer, consent)).collect();
        return writeln!(out, "{}", json!({ "card": card.pan.masked(), "consents": all }));
    }
    if found.is_empty() {
        return writeln!(out, "card {}: no consents", card.pan.masked());
    }
    writeln!(out, "card {}", card.pan.masked())?;
    let mut rows = vec![["ID", "KIND", "GIVEN", "AT", "ISSUER", "ABOUT"].map(str::to_owned)];
    rows.extend(found.iter().map(|(issuer, consent)| columns(issuer, consent)));
    table(out, &rows)
}

fn columns(issuer: &str, consent: &Consent) -> [String; 6] {
    let shown: String = consent.name.chars().filter(|c| !c.is_control()).collect();
    let about =
        if shown.is_empty() { consent.party.clone() } else { format!("{shown} {}", consent.party) };
    [
        id_of(issuer, consent),
        kind_name(consent.kind).to_owned(),
        if consent.given { "yes" } else { "no" }.to_owned(),
        rfc3339(consent.at),
        issuer.to_owned(),
        about,
    ]
}

fn full(issuer: &str, consent: &Consent) -> Value {
    json!({
        "id": id_of(issuer, consent),
        "issuer": issuer,
        "kind": kind_name(consent.kind),
        "given": consent.given,
        "at": rfc3339(consent.at),
        "name": consent.name,
        "party": consent.party,
    })
}

const fn kind_name(kind: ConsentKind) -> &'static str {
    match kind {
        ConsentKind::TrustList => "trust-list",
        ConsentKind::DeviceBinding => "device-binding",
        _ => "other",
    }
}

/// Names a consent among those of its card: short, and the same in every list.
fn id_of(issuer: &str, consent: &Consent) -> String {
    let text = json!([issuer, kind_name(consent.kind), consent.party]).to_string();
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

const ID_BYTES: usize = 8;

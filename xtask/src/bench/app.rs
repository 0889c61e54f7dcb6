//! AReqs and CReqs of apps, beside bare servers that do only what the answer takes.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::Plan;
use super::report::{median, origin};
use super::site::{Candidate, Site, number};
use crate::build::Programs;
use crate::{children, process_facts, say};

/// A kind of request, sent to the ACS and to a bare server.
struct Row {
    name: &'static str,
    /// Highest ratio of CPU time.
    aim: f64,
    acs: Load,
    bare: Load,
    /// Of request and answer, at the ACS.
    bytes: [Value; 2],
}

/// What is sent to a server, and the CPU time of each measurement.
struct Load {
    options: Vec<String>,
    wanted: &'static str,
    micros: Vec<f64>,
}

/// The table of server CPU: the ACS beside the bare servers.
pub(super) fn table(plan: &Plan, programs: &Programs) -> Result<String> {
    let site = prepared(plan, programs)?;
    let acs = site.start_acs()?;
    // Warms the ACS up, and tells how long its answers are: so long are those of the bare server.
    let sizes = site.load(&rounds(plan, &acs, plan.connections, GCM), "CRes")?;
    let bare = Bare::start(&site, &sizes)?;
    let mut rows = vec![areqs(plan, &acs, &bare.areq)];
    for (name, enc) in [("A128GCM", GCM), ("A128CBC-HS256", CBC)] {
        rows.push(creqs(plan, &acs, &bare.row, (name, enc)));
    }
    for row in &mut rows {
        row.measure("warm-up", &site)?;
        row.acs.micros.clear();
        row.bare.micros.clear();
    }
    for round in 1..=plan.rounds {
        for row in &mut rows {
            for _ in 0..TURNS {
                row.measure(&format!("{round}/{}", plan.rounds), &site)?;
            }
        }
    }
    children::stop_all();
    Ok(written(plan, &rows))
}

impl Row {
    /// One turn of each server.
    fn measure(&mut self, turn: &str, site: &Site<'_>) -> Result<()> {
        let bare = self.bare.measure(site)?;
        let acs = self.acs.measure(site)?;
        self.bytes = ["request_bytes", "answer_bytes"].map(|name| acs[name].clone());
        say::line(&format!(
            "{:<13} {turn}: {:.1} us, bare {:.1} us",
            self.name,
            number(&acs, "cpu_micros")?,
            number(&bare, "cpu_micros")?
        ));
        Ok(())
    }
}

impl Load {
    fn measure(&mut self, site: &Site<'_>) -> Result<Value> {
        // What the one before left to the disk is no part of this one.
        Command::new("sync").status()?;
        // One wrong code in a million is the right one, and ends its challenge: that spoils a turn.
        let report = site
            .load(&self.options, self.wanted)
            .or_else(|_| site.load(&self.options, self.wanted))?;
        self.micros.push(number(&report, "cpu_micros")?);
        Ok(report)
    }
}

/// An installation whose challenges stay open while they are measured, with as many attempts as
/// may be.
fn prepared<'a>(plan: &Plan, programs: &'a Programs) -> Result<Site<'a>> {
    let site = Site::prepare(programs, "bench-app", plan.cards)?;
    site.configure(&[
        ("# first_creq_seconds = 30", "first_creq_seconds = 3600"),
        ("# idle_seconds = 600", "idle_seconds = 3600"),
        ("max_attempts = 3", "max_attempts = 5"),
    ])?;
    Ok(site)
}

/// The bare servers.
struct Bare {
    areq: Candidate,
    row: Candidate,
}

impl Bare {
    fn start(site: &Site<'_>, sizes: &Value) -> Result<Self> {
        let database = |name| site.scratch(name).to_string_lossy().into_owned();
        let (areqs, rounds) = (database("areqs.sqlite"), database("rounds.sqlite"));
        let answer = sizes["answer_bytes"].to_string();
        let (ares_row, round_row) = (ARES_ROW_BYTES.to_string(), ROUND_ROW_BYTES.to_string());
        let areq = ["--does", "app-areq", "--row-bytes", &ares_row, "--database", &areqs];
        let creq = ["--does", "row", "--row-bytes", &round_row, "--database", &rounds, "--anyone"];
        let creq: Vec<_> = creq.into_iter().chain(["--answer-bytes", &answer]).collect();
        Ok(Self {
            areq: site.start_echo("bare app AReq", &areq)?,
            row: site.start_echo("bare row", &creq)?,
        })
    }
}

/// ARes C: above the sample rule's amount.
fn areqs(plan: &Plan, acs: &Candidate, bare: &Candidate) -> Row {
    let load = |server: &Candidate| {
        let count = ARESES.to_string();
        let own = ["--app", "--to", &server.url, "--requests", &count];
        Load { options: options(plan, server, &own), wanted: "C", micros: Vec::new() }
    };
    let (acs, bare) = (load(acs), load(bare));
    Row { name: "ARes C", aim: 1.25, acs, bare, bytes: Default::default() }
}

/// Wrong codes, each evaluated and answered with the screen again.
fn creqs(plan: &Plan, acs: &Candidate, bare: &Candidate, (name, enc): (&'static str, &str)) -> Row {
    let challenges = plan.connections * CHALLENGES_PER_CONNECTION;
    let mut invented = rounds(plan, bare, challenges, enc);
    invented.extend(words(&["--invented", "--to", &bare.url]));
    let load = |options, wanted| Load { options, wanted, micros: Vec::new() };
    let (acs, bare) = (load(rounds(plan, acs, challenges, enc), "CRes"), load(invented, "Y"));
    Row { name, aim: 3.0, acs, bare, bytes: Default::default() }
}

fn rounds(plan: &Plan, server: &Candidate, challenges: u32, enc: &str) -> Vec<String> {
    let challenges = challenges.to_string();
    options(plan, server, &["--rounds", "4", "--challenges", &challenges, "--enc", enc])
}

fn options(plan: &Plan, server: &Candidate, own: &[&str]) -> Vec<String> {
    let (connections, pid) = (plan.connections.to_string(), server.server.pid.to_string());
    let mut all = words(&["--amount", "5000", "--connections", &connections, "--watch", &pid]);
    all.extend(words(own));
    all
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn written(plan: &Plan, rows: &[Row]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "| server CPU per request, us | ACS | bare | ratio | aim |\n|---|---:|---:|---:|---:|"
    );
    for row in rows {
        let [acs, bare] = [&row.acs, &row.bare].map(|load| median(load.micros.iter().copied()));
        // Of each turn: a machine that others slow down for a while slows down both.
        let turns = row.acs.micros.iter().zip(&row.bare.micros);
        let ratio = median(turns.map(|(acs, bare)| acs / bare));
        let name = match row.name {
            "ARes C" => "ARes C for an app".to_owned(),
            enc => format!("CReq/CRes round, {enc}"),
        };
        let _ = writeln!(text, "| {name} | {acs:.1} | {bare:.1} | {ratio:.2} | {} |", row.aim);
    }
    let size = |row: &Row| format!("{} {} and {}", row.name, row.bytes[0], row.bytes[1]);
    let sizes: Vec<_> = rows.iter().map(size).collect();
    let _ = write!(
        text,
        "\n`cargo xtask bench --only app --connections {} --rounds {} --cards {}`, {}; \
         medians of {} short turns, of the ratio too; bytes of request and answer: {}; of a row of the bare \
         servers: {ARES_ROW_BYTES} and {ROUND_ROW_BYTES}.",
        plan.connections,
        plan.rounds,
        plan.cards,
        origin(),
        plan.rounds * TURNS,
        sizes.join(", "),
    );
    text
}

/// What open challenges hold in the memory of the ACS.
pub(super) fn open_table(plan: &Plan, programs: &Programs) -> Result<String> {
    let site = prepared(plan, programs)?;
    let acs = site.start_acs()?;
    let pid = acs.server.pid;
    let open = |count: u32| {
        let count = count.div_ceil(plan.connections) * plan.connections;
        let (count, all) = (count, count.to_string());
        let own = ["--rounds", "1", "--challenges", &all];
        site.load(&options(plan, &acs, &own), "CRes").map(|_| count)
    };
    // What a busy server holds whether or not challenges are open: caches, connections, stacks.
    open(WARM_UP)?;
    let before = process_facts::memory(pid)?;
    let opened = open(OPEN)?;
    let after = process_facts::memory(pid)?;
    children::stop_all();
    let each = |after: u64, before: u64| (after as f64 - before as f64) / f64::from(opened);
    let mut text = String::new();
    let _ = writeln!(text, "| memory, KiB | before | with {opened} open challenges more | each |");
    let _ = writeln!(text, "|---|---:|---:|---:|");
    for (name, before, after) in [
        ("resident", before.resident_kib, after.resident_kib),
        ("of it, not mapped from files", before.anonymous_kib, after.anonymous_kib),
    ] {
        let _ = writeln!(text, "| {name} | {before} | {after} | {:.2} |", each(after, before));
    }
    let _ = write!(text, "\n`cargo xtask bench --only open-app`, {}.", origin());
    Ok(text)
}

const GCM: &str = "gcm";
const CBC: &str = "cbc";
/// What an ARes C must leave on disk: the state, the sealed account data, the answer for a repeat
/// [P-AREQ-20] without the certificates that are in all of them, and the record of why, as long as the
/// ACS's own on average.
const ARES_ROW_BYTES: u32 = 2600;
/// What a round must leave: the state with the answer for a repeat [P-CRY-13], and the account data.
const ROUND_ROW_BYTES: u32 = 3200;
/// Of each server in a round. Short, and many: whatever slows a machine down comes in bursts, and
/// should meet both servers or spoil one turn of many.
const TURNS: u32 = 4;
const CHALLENGES_PER_CONNECTION: u32 = 20;
/// A number, not a time: with more the disk is what is measured.
const ARESES: u32 = 3_000;
const WARM_UP: u32 = 10_000;
const OPEN: u32 = 10_000;

//! What reading and fully checking an AReq costs, beside serde_json's plain parse of the same bytes
//! into a struct, in turns in one run. `cargo bench -p acs-core --bench read_areq`; prints a Markdown
//! table. With `--once N` it only reads N times, for a profiler.

mod plain;

use std::hint::black_box;
use std::time::{Duration, Instant};

use acs_core::element::MessageVersion;
use acs_core::message::{ReadRules, read_areq};

/// The allocator of the program `acs`, for both sides.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// All elements of a browser payment.
const MESSAGE: &str = "2.2.0/areq/brw-pa/full";
const TURNS: usize = 15;
const TURN: Duration = Duration::from_millis(60);

fn main() {
    let vectors = test_vectors::messages();
    let body = &vectors.iter().find(|v| v.id == MESSAGE).expect("the vector exists").body;
    let rules = ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    };
    let ours = || drop(black_box(read_areq(black_box(body), &rules).expect("it is accepted")));
    let plain = || {
        let parsed: plain::PlainAReq =
            serde_json::from_slice(black_box(body)).expect("it is an AReq");
        drop(black_box(parsed));
    };
    if let Some(times) = once() {
        return (0..times).for_each(|_| ours());
    }
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own.push(nanos(ours));
        theirs.push(nanos(plain));
    }
    let (own, theirs) = (median(own), median(theirs));
    report(own, theirs, body.len());
}

/// N of `--once N`.
fn once() -> Option<u32> {
    let mut words = std::env::args().skip_while(|word| word != "--once").skip(1);
    words.next()?.parse().ok()
}

/// Nanoseconds per call over one turn.
fn nanos(call: impl Fn()) -> f64 {
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        (0..50).for_each(|_| call());
        calls += 50;
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark's result goes to stdout")]
fn report(own: f64, theirs: f64, bytes: usize) {
    println!(
        "| AReq of {bytes} bytes | parse and full validation | serde_json into a struct | ratio |\n\
         |---|---:|---:|---:|\n| us | {:.2} | {:.2} | {:.2} |",
        own / 1e3,
        theirs / 1e3,
        own / theirs,
    );
}

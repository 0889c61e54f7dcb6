//! Whether the time until a message of an SDK is refused tells why it could not be decrypted.
//! `cargo bench -p acs-core --bench jwe_failures`; prints Markdown tables. With `--samples N` that
//! many samples of each cause. The causes take turns, in a new order each time and with a message of
//! its own each time, so that what else the machine does falls on all alike.

mod causes;
mod figures;

use std::hint::black_box;
use std::time::Instant;

use acs_core::Random;
use acs_core::crypto::ContentKey;
use acs_core::crypto::jwe::{Encryption, Way, open};
use acs_core::element::MessageVersion;
use acs_core::message::{ReadRules, read_app_creq};
use causes::Cause;
use figures::Figures;

/// The allocator of the program `acs`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SAMPLES: usize = 50_000;
/// Rounds before the first that counts.
const WARM_UP: usize = 500;

fn main() {
    let samples = samples();
    let rules = ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    };
    for enc in [Encryption::A128CbcHs256, Encryption::A128Gcm] {
        let causes = Cause::of(enc);
        let times = measured(enc, &causes, samples, &rules);
        report(enc, &causes, &times);
    }
}

/// N of `--samples N`.
fn samples() -> usize {
    let mut words = std::env::args().skip_while(|word| word != "--samples").skip(1);
    words.next().and_then(|word| word.parse().ok()).unwrap_or(SAMPLES)
}

/// Nanoseconds of each sample of each cause.
fn measured(enc: Encryption, causes: &[Cause], samples: usize, rules: &ReadRules) -> Vec<Vec<f64>> {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut times = vec![Vec::with_capacity(samples); causes.len()];
    let mut order: Vec<usize> = (0..causes.len()).collect();
    for round in 0..WARM_UP + samples {
        // All are made before the first is timed: what making one leaves in caches is no one's.
        let made: Vec<_> = causes.iter().map(|cause| cause.made(enc, &mut random)).collect();
        random.shuffle(&mut order);
        for &at in &order {
            let (key, jwe) = &made[at];
            let start = Instant::now();
            let refused = is_refused(black_box(jwe), key, rules);
            let nanos = start.elapsed().as_nanos();
            assert!(refused, "{:?} was taken", causes[at]);
            if round >= WARM_UP {
                times[at].push(f64::from(u32::try_from(nanos).unwrap_or(u32::MAX)));
            }
        }
    }
    times
}

/// Decrypts and reads a message as the challenge does, with the first counter as the next.
fn is_refused(jwe: &str, key: &ContentKey, rules: &ReadRules) -> bool {
    match open(jwe, Way::SdkToAcs, key) {
        Ok((plain, _)) => read_app_creq(&plain, rules, 0).is_err(),
        Err(_) => true,
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result goes to stdout")]
fn report(enc: Encryption, causes: &[Cause], times: &[Vec<f64>]) {
    // Interruptions belong to no cause: Welch's t is of what lies below a limit common to all.
    let limit = figures::quantile(&figures::sorted(&times.concat()), 0.95);
    let base = Figures::of(&times[0], limit);
    println!(
        "| {enc:?}, {} samples each | who can send it | median ns | quartiles | against the \
         first | Welch's t |\n|---|---|---:|---:|---:|---:|",
        times[0].len(),
    );
    for (cause, times) in causes.iter().zip(times) {
        let own = Figures::of(times, limit);
        println!(
            "| {} | {} | {:.0} | {:.0}-{:.0} | {:+.0} | {:+.1} |",
            cause.name(),
            cause.sender(),
            own.median,
            own.quartiles.0,
            own.quartiles.1,
            own.median - base.median,
            own.welch(&base),
        );
    }
    println!();
}

/// Randomness that is the same in every run; keys of a measurement are no secrets.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for at in (1..order.len()).rev() {
            order.swap(at, self.below(at + 1));
        }
    }
}

impl Random for XorShift {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

//! A measurement, no test: how long the answer to a CReq that cannot be decrypted takes over TLS,
//! cause by cause, each to a challenge of its own. `docs/threat-model.md` says how to run it.

#[path = "../../../acs-core/benches/jwe_failures/figures.rs"]
mod figures;

use std::time::Instant;

use bytes::Bytes;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::jwe::Jwe;
use ds_simulator::sdk::keys::ContentKey;
use ds_simulator::sdk::tamper::{JOSE, Part, Tamper};
use e2e::Stage;
use e2e::stage::Setup;
use figures::Figures;

use super::app::{ENCRYPTIONS, Opened, shown};

/// A cause, and the message that has it.
type Cause = (&'static str, fn(&Opened) -> String);

const CAUSES: [Cause; 10] = [
    ("bit in the tag's first byte", |opened| tampered(opened, Tamper::FlipByte(Part::Tag, 0))),
    ("the same once more (noise)", |opened| tampered(opened, Tamper::FlipByte(Part::Tag, 0))),
    ("bit in the tag's last byte", |opened| tampered(opened, Tamper::FlipByte(Part::Tag, 15))),
    ("bit in the ciphertext", |opened| tampered(opened, Tamper::FlipByte(Part::Text, 0))),
    ("bit in the IV", |opened| tampered(opened, Tamper::FlipByte(Part::Iv, 0))),
    ("a block less: bad padding, wrong tag", shorter),
    ("another key", |opened| tampered(opened, Tamper::Key(ContentKey::from_bytes([7; 32])))),
    ("wrong counter, right tag", |opened| tampered(opened, Tamper::Counter(7))),
    ("another `alg`", |opened| tampered(opened, Tamper::Alg("ECDH-ES".to_owned()))),
    ("unknown `enc`", |opened| tampered(opened, Tamper::EncName("A256GCM".to_owned()))),
];

fn tampered(opened: &Opened, tamper: Tamper) -> String {
    let creq = opened.challenge.creq(&Act::Type("000000".to_owned()));
    opened.challenge.wrapped(&creq, &[tamper]).unwrap().0
}

fn shorter(opened: &Opened) -> String {
    let creq = opened.challenge.creq(&Act::Type("000000".to_owned()));
    let mut jwe = Jwe::parse(&opened.challenge.wrapped(&creq, &[]).unwrap().0).unwrap();
    jwe.text.truncate(jwe.text.len() - 16);
    jwe.to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes"]
async fn time_of_refusals() {
    let stage = Stage::set_with(Setup::default()).await;
    let samples = std::env::var("SAMPLES").map_or(300, |number| number.parse().unwrap());
    for enc in ENCRYPTIONS {
        let mut times = vec![Vec::new(); CAUSES.len()];
        for round in 0..samples {
            for turn in 0..CAUSES.len() {
                // Another order each time; the steps have no common divisor with the number.
                let at = (turn * [1, 3, 7, 9][round % 4] + round) % CAUSES.len();
                let opened = shown(&stage, "2.2.0", enc).await;
                let body = Bytes::from(CAUSES[at].1(&opened));
                let start = Instant::now();
                let answer = opened.challenge.post_raw(body, JOSE).await.unwrap();
                let micros = start.elapsed().as_secs_f64() * 1e6;
                assert_eq!(answer.status, 200);
                times[at].push(micros);
            }
        }
        let limit = figures::quantile(&figures::sorted(&times.concat()), 0.95);
        let base = Figures::of(&times[0], limit);
        println!("| {enc:?}, {samples} each | median us | quartiles | Welch's t |");
        println!("|---|---:|---:|---:|");
        for ((name, _), times) in CAUSES.iter().zip(&times) {
            let own = Figures::of(times, limit);
            let (first, third) = own.quartiles;
            let t = own.welch(&base);
            println!("| {name} | {:.0} | {first:.0}-{third:.0} | {t:+.1} |", own.median);
        }
    }
}

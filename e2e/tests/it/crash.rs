//! kill -9 at named points and at random moments, with peers that repeat as a directory server, a
//! browser and an SDK do. `E2E_CRASH_ROUNDS` sets the number of kills, `E2E_SEED` repeats a run.

use std::time::Duration;

use e2e::rng::{Rng, seed};
use e2e::stage::Setup;
use e2e::torture::{Deed, Keeper, burst, patient_faults, payments_under};
use e2e::{Stage, binaries};

/// The points of `acs-server/src/crash.rs`, in the order of a challenged payment.
const POINTS: [&str; 8] = [
    "before-commit",
    "after-commit",
    "before-reply",
    "after-reply",
    "before-rreq",
    "after-rreq-sent",
    "after-rres",
    "before-final-page",
];

/// A share of all kills, in twentieths.
fn rounds(twentieths: usize) -> usize {
    let all = std::env::var("E2E_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok());
    (all.unwrap_or(60_usize) * twentieths).div_ceil(20).max(1)
}

async fn stage(name: &'static str) -> Stage {
    Stage::set_with(Setup { record: Some(name), faults: patient_faults(), ..Setup::default() })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_named_points_leave_one_result() {
    let seed = seed("named points");
    let mut rng = Rng::new(seed);
    let stage = stage("crash-named").await;
    let rounds = rounds(8);
    let mut died = 0;
    for round in 0..rounds {
        let point = POINTS[round % POINTS.len()];
        let armed = format!("{point}:{}", 1 + rng.below(6));
        stage.acs.kill_9();
        stage.acs.start_with(&[], &[("ACS_DEV_CRASH_AT", &armed)]).await.unwrap();
        let deeds: Vec<Deed> =
            (0..3).map(|_| *rng.choose(&Deed::ALL)).chain([Deed::RightCode]).collect();
        let keeper = Keeper::new();
        let paying = async {
            let violations = payments_under(&stage, &mut rng, &deeds, async { Ok(()) }).await;
            keeper.stop();
            violations
        };
        let (violations, kept) = tokio::join!(paying, keeper.watch(&stage.acs));
        kept.unwrap();
        assert_eq!(
            violations.unwrap(),
            Vec::<String>::new(),
            "seed {seed} round {round} at {armed}"
        );
        died += keeper.restarts();
    }
    assert!(died >= rounds / 2, "only {died} of {rounds} rounds died at their point");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_moments_leave_one_result() {
    let seed = seed("random moments");
    let mut rng = Rng::new(seed);
    let stage = stage("crash-random").await;
    for round in 0..rounds(8) {
        let wait = Duration::from_micros(rng.below(700_000));
        let deeds: Vec<Deed> = (0..5).map(|_| *rng.choose(&Deed::ALL)).collect();
        let disturb = async {
            tokio::time::sleep(wait).await;
            stage.acs.kill_9();
            stage.acs.start().await
        };
        let violations = payments_under(&stage, &mut rng, &deeds, disturb).await.unwrap();
        assert_eq!(violations, Vec::<String>::new(), "seed {seed} round {round} after {wait:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let seed = seed("acknowledged");
    let mut rng = Rng::new(seed);
    let stage = stage("crash-burst").await;
    for round in 0..rounds(4) {
        let violations = burst(&stage, &mut rng, 32).await.unwrap();
        assert_eq!(violations, Vec::<String>::new(), "seed {seed} round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_answers_before_its_commit_is_found_out() {
    let seed = seed("mutant");
    let mut rng = Rng::new(seed);
    let binary = Some(binaries::acs_mutant());
    let stage = Stage::set_with(Setup { binary, ..Setup::default() }).await;
    for _ in 0..40 {
        if !burst(&stage, &mut rng, 32).await.unwrap().is_empty() {
            return;
        }
    }
    panic!("seed {seed}: forty kills did not find the mutant out, so this test proves nothing");
}

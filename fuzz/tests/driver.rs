//! The driver finds what is planted, and repeats itself.

use fuzz::drive::{self, Plan, path_of};
use fuzz::mutate::Shape;
use fuzz::seeds;
use fuzz::targets::{TARGETS, Target, find};

fn plan(target: &'static Target, findings: &str) -> Plan {
    Plan {
        executions: 1_000,
        seed: 11,
        threads: 1,
        targets: vec![target],
        findings: std::env::temp_dir().join(format!("{findings}-{}", std::process::id())),
    }
}

#[test]
fn a_planted_mistake_is_found_and_written_down() {
    fn planted(data: &[u8]) -> u64 {
        let deep = data.windows(4).any(|bytes| bytes == b"[[[[");
        assert!(!deep, "planted");
        0
    }
    static TARGET: Target = Target {
        name: "planted",
        run: planted,
        shape: Shape::Json,
        seeds: seeds::card_lines,
        weight: 1,
    };
    let plan = plan(&TARGET, "fuzz-planted");
    let report = drive::run(&plan).unwrap();
    let finding = report.findings.first().expect("it is found");
    assert!(finding.what.contains("planted"), "{}", finding.what);
    assert_eq!(std::fs::read(path_of(&plan.findings, finding)).unwrap(), finding.input);
    std::fs::remove_dir_all(&plan.findings).unwrap();
}

#[test]
fn the_same_seed_makes_the_same_inputs() {
    let kept = || {
        let plan = plan(find("oreq").unwrap(), "fuzz-same");
        let mut report = drive::run(&plan).unwrap();
        assert_eq!((report.executions, report.findings.len()), (1_000, 0));
        report.targets.remove(0).kept
    };
    let first = kept();
    assert!(first.len() > 5, "only {} inputs had new answers", first.len());
    assert_eq!(first, kept());
}

#[test]
fn every_target_takes_its_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for seed in seeds.iter().take(20) {
            let _ = (target.run)(seed);
        }
    }
}

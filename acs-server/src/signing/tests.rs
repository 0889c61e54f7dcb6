use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const NAMES: [&str; 2] = ["acs-signing", "acs-server-rsa"];

struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        crate::pki::create(dir.path()).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn signing(&self, cert: &str, key: &str) -> ds::Signing {
        let path = |name: &str, end: &str| self.file(&format!("ds-a/{name}.{end}"));
        ds::Signing { cert: path(cert, "pem"), key: path(key, "key"), ca: None }
    }
}

fn after_days(days: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs() + days * DAY_SECONDS))
}

#[test]
fn chains_of_both_algorithms_are_good_until_they_end() {
    let pki = Pki::new();
    let root = pki.file("ds-a/ca.pem");
    for (name, algorithm, certificates) in [(NAMES[0], "ES256", 2), (NAMES[1], "PS256", 1)] {
        let signing = Signing::open(&pki.signing(name, name), &root, UnixTime::now());
        assert!(signing.days_left(UnixTime::now()).unwrap() > 390, "{name}");
        let signer = signing.usable(UnixTime::now()).unwrap();
        let header = URL_SAFE_NO_PAD.decode(signer.protected_header()).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], algorithm);
        assert_eq!(header["x5c"].as_array().unwrap().len(), certificates, "without the root");
        assert_eq!(header.as_object().unwrap().len(), 2);
        assert!(signing.usable(after_days(398)).is_none());
        assert!(signing.days_left(after_days(398)).unwrap_err().contains("expired"));
        assert!(signing.days_left(after_days(391)).unwrap() < 7);
    }
}

#[test]
fn what_no_sdk_would_trust_signs_nothing() {
    let pki = Pki::new();
    let root = pki.file("ds-a/ca.pem");
    let broken = |config: &ds::Signing, root: &Path, now| {
        let signing = Signing::open(config, root, now);
        assert!(signing.usable(now).is_none());
        signing.days_left(now).unwrap_err()
    };
    let good = pki.signing(NAMES[0], NAMES[0]);
    let foreign = broken(&good, &pki.file("ds-b/ca.pem"), UnixTime::now());
    assert!(foreign.contains("root"), "{foreign}");
    let expired = broken(&good, &root, after_days(400));
    assert!(expired.contains("chain"), "{expired}");
    let other_key = broken(&pki.signing(NAMES[0], "acs-client"), &root, UnixTime::now());
    assert!(other_key.contains("first certificate"), "{other_key}");
    let missing = broken(&pki.signing("nothing", NAMES[0]), &root, UnixTime::now());
    assert!(missing.contains("nothing.pem"), "{missing}");
    // The chain without its intermediate.
    let pem = std::fs::read_to_string(&good.cert).unwrap();
    let end = pem.find("-----END CERTIFICATE-----").unwrap() + 26;
    std::fs::write(&good.cert, &pem[..end]).unwrap();
    let cut = broken(&good, &root, UnixTime::now());
    assert!(cut.contains("root"), "{cut}");
}

#[test]
fn files_that_turn_bad_do_not_end_what_works_and_new_ones_are_taken() {
    let pki = Pki::new();
    let root = pki.file("ds-a/ca.pem");
    let config = pki.signing(NAMES[0], NAMES[0]);
    let signing = Signing::open(&config, &root, UnixTime::now());
    let before = signing.usable(UnixTime::now()).unwrap();
    std::fs::write(&config.cert, "half a file").unwrap();
    signing.check(UnixTime::now());
    assert!(Arc::ptr_eq(&before, &signing.usable(UnixTime::now()).unwrap()));
    for end in ["pem", "key"] {
        let from = pki.file(&format!("ds-a/{}.{end}", NAMES[1]));
        std::fs::copy(from, pki.file(&format!("ds-a/{}.{end}", NAMES[0]))).unwrap();
    }
    signing.check(UnixTime::now());
    assert_ne!(
        before.protected_header(),
        signing.usable(UnixTime::now()).unwrap().protected_header()
    );
}

#[test]
fn a_clock_that_was_ahead_puts_no_check_off() {
    let pki = Pki::new();
    let root = pki.file("ds-a/ca.pem");
    let good = pki.signing(NAMES[0], NAMES[0]);
    let signing = Signing::open(&good, &root, after_days(30));
    let seconds_later = |seconds| {
        let start = after_days(30).as_secs();
        UnixTime::since_unix_epoch(Duration::from_secs(start + seconds))
    };
    assert!(signing.is_due(after_days(29)), "the clock was set back");
    assert!(!signing.is_due(seconds_later(INTERVAL.as_secs() - 60)));
    assert!(signing.is_due(seconds_later(INTERVAL.as_secs() + 60)));
}

#[test]
fn what_cannot_sign_is_looked_at_every_minute() {
    let pki = Pki::new();
    let broken = pki.signing("nothing", NAMES[0]);
    let start = after_days(0);
    let signing = Signing::open(&broken, &pki.file("ds-a/ca.pem"), start);
    let after = |duration: Duration| {
        UnixTime::since_unix_epoch(Duration::from_secs(start.as_secs()) + duration)
    };
    assert!(!signing.is_due(start));
    assert!(signing.is_due(after(LOOK)));
}

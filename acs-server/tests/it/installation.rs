//! `acs init`, and what `acs check` says of its work and of damage to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use acs_server::check::{self, Level};
use acs_server::config::Config;
use acs_server::init;
use rcgen::{CertificateParams, KeyPair};
use time::{Duration, OffsetDateTime};

use crate::support::{Installation, plan};

#[test]
fn a_development_installation_passes_its_checks() {
    let made = Installation::new();
    let config = Config::load(&made.file).unwrap();
    let ids: Vec<_> = config.ds.iter().map(|ds| ds.id.as_str()).collect();
    assert_eq!(ids, ["ds-a", "ds-b"]);
    assert_eq!(config.ds[1].listen.port(), 20_003);
    assert_eq!(config.listen.cardholder.port(), 20_001);
    let report = check::run(&config);
    assert!(!report.failed(), "{report}");
    assert_eq!(report.at_least(Level::Warn).count(), 1, "{report}");
}

#[test]
fn private_keys_are_private_and_unique_serials_are_unique() {
    let made = Installation::new();
    let mut serials = std::collections::BTreeSet::new();
    let mut certificates = 0;
    for path in files(made.folder.path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if name.ends_with(".key") || name == "vault.json" {
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        if name.ends_with(".pem") && name != "ca-bundle.pem" {
            certificates += 1;
            let own = &acs_server::tls::identity::certificates(&path).unwrap()[0];
            let (_, parsed) = x509_parser::parse_x509_certificate(own).unwrap();
            assert!(serials.insert(parsed.raw_serial().to_vec()), "{}", path.display());
            let days =
                parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp();
            assert_eq!(days, 397 * 24 * 3600);
        }
    }
    assert_eq!(certificates, 4 + 2 * 10);
}

#[test]
fn each_unsafe_setting_is_refused_by_name() {
    let made = Installation::new();
    let written = fs::read_to_string(&made.file).unwrap();
    for (from, to, told) in [
        ("peer_names = [\"ds-a.example\"]", "peer_names = []", "peer_names"),
        ("rreq_targets = [\"https://loopback\"]", "rreq_targets = []", "rreq_targets"),
        ("currency = [\"392\"], amount_below", "amount_below", "when.currency"),
        ("max_attempts = 3", "max_attempts = 99", "max_attempts"),
        ("life_seconds = 300", "life_seconds = 86400", "life_seconds"),
        ("start = \"6\", end = \"6\"", "start = \"5\", end = \"6\"", "overlapping ranges"),
        ("ds = [\"ds-b\", \"ds-a\"]", "ds = [\"ds-c\"]", "no [[ds]] with that id"),
        ("cardholder_url = \"https:", "cardholder_url = \"http:", "cardholder_url"),
        ("keys/beta-api.key", "keys/alpha-api.key", "a key of its own"),
        ("max_resends = 2", "max_resend = 2", "max_resend"),
        ("max_resends = 2", "max_resends = 11", "max_resends"),
        ("interval_seconds = 30", "interval_seconds = 4", "resend_interval_seconds"),
        ("interval_seconds = 30", "interval_seconds = 301", "resend_interval_seconds"),
        ("[limits]", "[limits]\ncreq_bytes = 131071", "limits.creq_bytes"),
    ] {
        assert!(written.contains(from), "{from}");
        let changed = written.replacen(from, to, 1);
        let refused = Config::parse(&changed, made.folder.path(), &made.file).unwrap_err();
        assert!(refused.to_string().contains(told), "{to}: {refused}");
    }
}

/// [P-APP-19, P-STAT-12, Note 4]
#[test]
fn the_reason_of_a_timeout_is_no_reason_of_anything_else() {
    let made = Installation::new();
    let written = fs::read_to_string(&made.file).unwrap();
    for name in [
        "brw_cancel_reason_210",
        "brw_cancel_reason_220",
        "technical_reason_210",
        "app_cancel_reason_210",
        "app_cancel_reason_220",
        "app_cancel_reason_231",
    ] {
        let parse = |reason: &str| {
            let set = format!("[protocol]\n{name} = \"{reason}\"\n");
            let changed = written.replacen("[protocol]\n", &set, 1);
            Config::parse(&changed, made.folder.path(), &made.file)
        };
        parse("13").unwrap();
        let refused = parse("14").unwrap_err().to_string();
        assert!(refused.contains(&format!("protocol.{name} = \"14\"")), "{refused}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let made = Installation::new();
    let before = fs::read(&made.file).unwrap();
    let again = init::development(&plan(made.folder.path())).unwrap_err();
    assert!(again.to_string().contains("is not overwritten"), "{again}");
    let production = init::production(&made.folder.path().join("acs")).unwrap_err();
    assert!(production.to_string().contains("is not overwritten"), "{production}");
    assert_eq!(fs::read(&made.file).unwrap(), before);
}

#[test]
fn a_production_installation_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = init::production(folder.path()).unwrap();
    let config = Config::load(&file).unwrap();
    assert!(config.is_production());
    assert!(!config.clock_is_movable());
    let report = check::run(&config);
    let failed: Vec<_> = report.at_least(Level::Partial).map(|found| found.text.clone()).collect();
    assert_eq!(failed.len(), 6, "{report}");
    assert!(failed.iter().all(|text| text.contains("No such file")), "{report}");
}

#[test]
fn damage_is_found() {
    let made = Installation::new();
    let config = Config::load(&made.file).unwrap();
    let key = made.pki().join("ds-a/acs-client.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    fails(&config, "chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    fails(
        &with(&config, |config| config.ds[0].client_key = made.pair("ds-a/ds-client").key),
        "is not the key of",
    );
    fails(
        &with(&config, |config| config.ds[0].certificates = vec![made.pair("ds-b/acs-server-ec")]),
        "no server certificate under",
    );
    fails(
        &with(&config, |config| {
            config.ds[0].client_cert = made.pair("ds-a/acs-server-ec").cert;
            config.ds[0].client_key = made.pair("ds-a/acs-server-ec").key;
        }),
        "no client certificate under",
    );
    fails(
        &with(&config, |config| {
            config.public.cardholder_url = "https://other.example".parse().unwrap();
        }),
        "is not valid for other.example",
    );
    fails(
        &with(&config, |config| config.storage.path = "/nowhere/acs.sqlite".into()),
        "cannot be written",
    );
    fails(
        &with(&config, |config| config.storage.path = made.pki().join("ca-bundle.pem")),
        "storage",
    );
}

#[test]
fn certificates_near_their_end_are_a_warning_and_past_it_a_failure() {
    let made = Installation::new();
    let config = Config::load(&made.file).unwrap();
    let with_days = |days| {
        let pair = self_signed(&made, days);
        with(&config, |config| config.tls.cardholder.certificates = vec![pair.clone()])
    };
    let soon = check::run(&with_days(59));
    assert!(!soon.failed(), "{soon}");
    assert!(soon.to_string().contains("WARN  tls.cardholder"), "{soon}");
    assert!(!check::run(&with_days(61)).to_string().contains("expires in"));
    fails(&with_days(-1), "expired on");
}

fn self_signed(made: &Installation, days: i64) -> acs_server::config::KeyPair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = OffsetDateTime::now_utc() - Duration::days(30);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days) + Duration::HOUR;
    let pair = made.pair(&format!("web/days{days}"));
    fs::write(&pair.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&pair.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
    pair
}

fn with(config: &Config, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config.clone();
    change(&mut config);
    config
}

fn fails(config: &Config, part: &str) {
    let report = check::run(config);
    let found = report.at_least(Level::Partial).any(|finding| finding.text.contains(part));
    assert!(found, "no FAIL with {part:?} in\n{report}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

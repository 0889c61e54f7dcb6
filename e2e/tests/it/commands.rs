//! What people type.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ds_simulator::pay;
use e2e::stage::Setup;
use e2e::{Acs, Card, Issuer, Stage, VERSIONS, binaries};
use serde_json::Value;

fn ds_sim(arguments: &[&str], endpoints: &Path) -> Output {
    Command::new(binaries::ds_sim())
        .args(arguments)
        .arg("--endpoints")
        .arg(endpoints)
        .output()
        .expect("ds-sim runs")
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn write_endpoints(acs: &Acs) -> PathBuf {
    let path = acs.dir().join("endpoints.json");
    acs.endpoints().write(&path).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn ds_sim_pay_makes_payments_in_each_version() {
    let stage = Stage::set_with(Setup::default()).await;
    let endpoints = write_endpoints(&stage.acs);
    let record = e2e::stage::traffic_file("ds-sim-pay").unwrap();
    let record = record.to_str().unwrap();
    for version in VERSIONS {
        for (pan, amount) in [("4000000000001000", "100"), ("4000000000001091", "20000")] {
            let run = ds_sim(
                &[
                    "pay",
                    "--pan",
                    pan,
                    "--amount",
                    amount,
                    "--version",
                    version,
                    "--expect",
                    "Y",
                    "--record",
                    record,
                ],
                &endpoints,
            );
            let said = text(&run);
            assert!(run.status.success(), "{version} {pan}: {said}");
            assert!(said.contains("result Y") && said.contains("ARes"), "{said}");
            assert!(!said.contains(pan), "the card number in clear: {said}");
            assert!(said.contains(&format!("{}******{}", &pan[..6], &pan[12..])), "{said}");
        }
    }
    let expiry = ["--expiry", e2e::cards::EXPIRY];
    let stolen = Issuer::Alpha.pan(Card::Stolen);
    let run =
        ds_sim(&[&["pay", "--pan", &stolen, "--amount", "9"][..], &expiry].concat(), &endpoints);
    assert!(text(&run).contains("result R"), "{}", text(&run));
    let run = ds_sim(
        &[&["pay", "--pan", &stolen, "--amount", "9", "--expect", "Y"][..], &expiry].concat(),
        &endpoints,
    );
    assert!(!run.status.success(), "another result than expected is a failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn ds_sim_send_posts_a_file_as_it_is() {
    let stage = Stage::set_with(Setup::default()).await;
    let endpoints = write_endpoints(&stage.acs);
    let areq = stage.raw_ds("ds-a").areq("2.3.1", &Issuer::Alpha.pan(Card::Frictionless));
    let file = stage.acs.dir().join("areq.json");
    fs::write(&file, areq.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let first = text(&ds_sim(&["send", file, "--as", "ds"], &endpoints));
    assert!(first.contains("HTTP 200") && first.contains("\"transStatus\": \"Y\""), "{first}");
    let again = text(&ds_sim(&["send", file, "--as", "ds"], &endpoints));
    let id = |said: &str| said.lines().find(|line| line.contains("acsTransID")).map(str::to_owned);
    assert!(id(&first).is_some() && id(&first) == id(&again), "a repeat: {first} {again}");
    let fresh = text(&ds_sim(&["send", file, "--as", "ds", "--fresh"], &endpoints));
    assert!(fresh.contains("\"transStatus\": \"Y\"") && id(&fresh) != id(&first), "{fresh}");
    fs::write(file, "{\"messageType\": \"AReq\", ").unwrap();
    let bad = text(&ds_sim(&["send", file, "--as", "ds"], &endpoints));
    assert!(bad.contains("\"errorCode\": \"101\""), "{bad}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acs_check_explains_what_is_wrong() {
    let acs = Acs::install(binaries::acs()).unwrap();
    let config = acs.config();
    let config = config.to_str().unwrap();
    acs.run(&["check", "--config", config]).unwrap();
    let refused = |edit: &dyn Fn(&mut toml::Table)| {
        let good = fs::read_to_string(config).unwrap();
        acs.edit_config(|config| edit(config)).unwrap();
        let error = acs.run(&["check", "--config", config]).unwrap_err().to_string();
        fs::write(config, good).unwrap();
        error
    };
    let said = refused(&|config| {
        config.insert("unheard_of".to_owned(), 1.into());
    });
    assert!(said.contains("unheard_of"), "{said}");
    let said = refused(&|config| {
        config.insert("profile".to_owned(), "production".into());
    });
    assert!(said.contains("outbox") && said.contains("software keys"), "{said}");
    let said = refused(&|config| {
        config["ds"][0].as_table_mut().unwrap().insert("client_ca".to_owned(), "gone.pem".into());
    });
    assert!(said.contains("gone.pem"), "{said}");
    acs.start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status) in
        [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/dev/clock", 200), ("/", 404)]
    {
        assert_eq!(http.get(acs.ops_url(path)).send().await.unwrap().status(), status, "{path}");
    }
    let bad =
        http.post(acs.ops_url("/dev/clock")).body("{\"advance_ms\":-1}").send().await.unwrap();
    assert_eq!(bad.status(), 400);
    acs.stop().await.unwrap();
    assert!(acs.has_exited());
}

/// `acs consents`, with the card number on standard input.
fn consents(acs: &Acs, arguments: &[&str], pan: &str) -> Output {
    let file = acs.dir().join("number.txt");
    fs::write(&file, format!("{pan}\n")).unwrap();
    Command::new(binaries::acs())
        .arg("consents")
        .args(arguments)
        .arg("--config")
        .arg(acs.config())
        .arg("-")
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .expect("acs runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn acs_consents_lists_and_withdraws_beside_a_running_server() {
    let stage = Stage::set_with(Setup {
        config: Some(Box::new(|config| {
            let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
            let both = toml::toml! {
                trust_list = true
                device_binding = true
            };
            issuer.insert("consent".to_owned(), both.into());
            let rules = toml::toml! {
                [[rule]]
                name = "trusted merchant"
                when = { trusted_merchant = true }
                then = "accept"
            };
            issuer.insert("rule".to_owned(), rules["rule"].clone());
        })),
        ..Setup::default()
    })
    .await;
    let (acs, pan) = (&stage.acs, Issuer::Alpha.pan(Card::Sms));
    let masked = format!("{}******{}", &pan[..6], &pan[12..]);
    let none = consents(acs, &["list"], &pan);
    assert!(none.status.success() && text(&none).contains("no consents"), "{}", text(&none));

    let browser = stage.sim.browser().unwrap();
    let mut options = stage.options(&pan);
    options.version = Some("2.3.1".to_owned());
    options.ticks = vec!["trust".to_owned(), "bind".to_owned()];
    let merchant = &stage.sim.network().merchant;
    let ares_status = || async {
        let receipt = pay(merchant, &browser, &options).await.unwrap();
        receipt.ares_status.unwrap_or_default()
    };
    assert_eq!(ares_status().await, "C");
    assert_eq!(ares_status().await, "Y", "the merchant is trusted");

    let said = text(&consents(acs, &["list"], &pan));
    assert!(said.contains(&masked) && !said.contains(&pan), "{said}");
    assert!(said.contains("trust-list") && said.contains("device-binding"), "{said}");
    let listed = |arguments: &[&str]| -> Vec<Value> {
        let run = consents(acs, &[arguments, &["--json"]].concat(), &pan);
        let whole: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(whole["card"], masked.as_str());
        whole["consents"].as_array().unwrap().clone()
    };
    let found = listed(&["list", "--issuer", "alpha"]);
    assert_eq!(found.len(), 2, "{found:?}");
    let trust = found.iter().find(|consent| consent["kind"] == "trust-list").unwrap();
    assert_eq!(trust["given"], true);

    let wrong = consents(acs, &["withdraw", "--id", "0000000000000000"], &pan);
    assert!(!wrong.status.success() && text(&wrong).contains("no such consent"));
    let vague = consents(acs, &["withdraw"], &pan);
    assert_eq!(vague.status.code(), Some(2), "which ones has to be said: {}", text(&vague));
    let other = consents(acs, &["withdraw", "--all"], &Issuer::Alpha.pan(Card::Email));
    assert!(!other.status.success(), "another card has none");
    let gone = listed(&["withdraw", "--id", trust["id"].as_str().unwrap()]);
    assert!(gone.len() == 1 && gone[0] == *trust, "{gone:?}");
    assert_eq!(listed(&["list"]).len(), 1);

    options.ticks.clear();
    let ares_status = pay(merchant, &browser, &options).await.unwrap().ares_status;
    assert_eq!(ares_status.as_deref(), Some("C"), "the server heard of it");
    let rest = listed(&["withdraw", "--all"]);
    assert!(rest.iter().any(|consent| consent["kind"] == "device-binding"), "{rest:?}");
    assert!(listed(&["list"]).is_empty());
}

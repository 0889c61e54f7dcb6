//! What people type.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::stage::Setup;
use e2e::{Acs, Card, Issuer, Stage, VERSIONS, binaries};

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

//! No card number and no code can be read in anything an operator keeps: configuration, keys,
//! database with its log, log lines - also of a process that died in the middle of challenges.

use std::collections::BTreeSet;
use std::fs;

use ds_simulator::Step;
use e2e::scan::{Needle, files, scan};
use e2e::stage::wrong;
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::Value;

fn long_codes(config: &mut toml::Table) {
    for issuer in config["issuer"].as_array_mut().unwrap() {
        let otp = issuer["otp"].as_table_mut().unwrap();
        otp.insert("alphanumeric".to_owned(), true.into());
        otp.insert("length".to_owned(), 12.into());
    }
    let log = config.entry("log").or_insert(toml::Table::new().into()).as_table_mut().unwrap();
    log.insert("level".to_owned(), "trace".into());
}

fn codes(stage: &Stage) -> BTreeSet<String> {
    let outbox = fs::read_to_string(stage.acs.outbox()).unwrap();
    let lines = outbox.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Questions to the issuer's app are lines without a code.
    lines.filter_map(|line| Some(line["code"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_the_service_folder_finds_no_card_number_and_no_code() {
    let stage = Stage::set_configured("at-rest", long_codes).await;
    let mut pans = BTreeSet::new();
    for issuer in Issuer::ALL {
        for card in Card::ALL {
            let mut options = stage.options_approved(&issuer.pan(card));
            options.skip_method = true;
            pans.insert(issuer.pan(card));
            stage.pay("ds-a", &options).await;
        }
        for version in VERSIONS {
            let mut options = stage.options(&issuer.pan(Card::Sms));
            options.version = Some(version.to_owned());
            options.steps = vec![Step::Type("AAAAAAAAAAAA".to_owned()), Step::Code];
            stage.pay("ds-b", &options).await;
            options.steps = vec![Step::Cancel];
            stage.pay("ds-b", &options).await;
        }
    }
    // Refused messages must not be kept either.
    let ds = stage.raw_ds("ds-a");
    for pan in pans.clone() {
        let areq = ds.areq("2.3.1", &pan).to_string();
        ds.exchange(areq[..areq.len() - 3].to_owned()).await.unwrap();
        ds.exchange(areq.replace("\"acctNumber\":", "\"acctNumber\":\"1\",\"acctNumber\":"))
            .await
            .unwrap();
    }
    // Challenges in the middle: one shown, one with a wrong code, one whose code cannot leave.
    let tab = stage.tab();
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        let page = tab.creq(&creq, None).await.unwrap();
        let code = stage.code(creq["acsTransID"].as_str().unwrap(), 1).await.unwrap();
        assert_eq!(code.len(), 12);
        if number > 0 {
            tab.press(&page, &wrong(&code), "submit").await.unwrap();
        }
    }
    let sent = codes(&stage);
    let kept = stage.acs.dir().join("sim/outbox-kept.jsonl");
    fs::rename(stage.acs.outbox(), &kept).unwrap();
    fs::create_dir(stage.acs.outbox()).unwrap();
    let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    tab.creq(&creq, None).await.unwrap();
    stage.acs.wait_metric("acs_otp_total", &["failed"], 1.0).await.unwrap();
    stage.acs.kill_9();

    assert!(
        sent.len() >= 10 && pans.len() == 2 * Card::ALL.len(),
        "{} codes, {} numbers",
        sent.len(),
        pans.len()
    );
    let needles: Vec<_> = pans
        .iter()
        .map(|pan| Needle::new("card number", pan))
        .chain(sent.iter().map(|code| Needle::new("code", code)))
        .collect();
    let folder = stage.acs.folder();
    let names: Vec<_> = files(&folder).unwrap();
    for name in ["acs.toml", "acs.log"] {
        assert!(names.iter().any(|file| file.ends_with(name)), "{name} is not in {names:?}");
    }
    assert!(names.contains(&stage.acs.database()), "the database lies elsewhere: {names:?}");
    assert_eq!(scan(&folder, &needles).unwrap(), [], "secrets at rest");

    // The scanner is not blind: a canary is found in each of its forms.
    let canary = folder.join("canary.bin");
    let (pan, code) = (pans.first().unwrap(), sent.first().unwrap());
    fs::write(&canary, format!("....{pan}....{code}....")).unwrap();
    let found = scan(&folder, &needles).unwrap();
    assert!(found.iter().any(|finding| finding.label == "card number" && finding.file == canary));
    assert!(found.iter().any(|finding| finding.label == "code" && finding.file == canary));

    // The undelivered code goes out after all once that is possible, and was not readable before.
    fs::remove_file(&canary).unwrap();
    fs::remove_dir(stage.acs.outbox()).unwrap();
    stage.acs.start().await.unwrap();
    let late = stage.code(creq["acsTransID"].as_str().unwrap(), 1).await.unwrap();
    stage.acs.kill_9();
    assert_eq!(scan(&folder, &[Needle::new("late code", &late)]).unwrap(), []);
}

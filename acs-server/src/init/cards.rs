//! Test cards: what each is for, as a file for whoever pays with them and as rows of the database.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::Config;
use crate::new_file::{self, Mode};

/// A test card. The numbers are made up; their check digits are right.
struct TestCard {
    issuer: &'static str,
    pan: &'static str,
    expiry: &'static str,
    state: &'static str,
    contacts: Contacts,
    /// Scripted status and reason.
    outcome: Option<(&'static str, Option<&'static str>)>,
    scenario: &'static str,
    /// transStatus of the ARes.
    expect: &'static str,
    /// What the simulated cardholder does in the issuer's app.
    app: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contacts {
    None,
    Sms,
    Email,
    Both,
    App,
    AppAndSms,
}

/// Writes the file that the simulator reads.
pub(super) fn write(path: &Path) -> anyhow::Result<()> {
    let entry = |card: &TestCard| {
        let mut entry = json!({
            "pan": card.pan,
            "expiry": card.expiry,
            "scenario": card.scenario,
            "expect": card.expect,
            "issuer": card.issuer,
        });
        if let Some(does) = card.app {
            entry["app"] = json!(does);
        }
        entry
    };
    let cards: Vec<Value> = CARDS.iter().map(entry).collect();
    let mut text = serde_json::to_vec_pretty(&cards)?;
    text.push(b'\n');
    new_file::write(path, &text, Mode::Public)
}

/// Puts the cards into the database.
pub(super) fn import(config: &Config) -> anyhow::Result<()> {
    for issuer in &config.issuer {
        let of_issuer = CARDS.iter().filter(|card| card.issuer == issuer.id);
        let lines: String = of_issuer.map(|card| format!("{}\n", line(card))).collect();
        crate::cards::import_lines(config, &issuer.id, &lines)?;
    }
    Ok(())
}

/// A line of a card file.
fn line(card: &TestCard) -> Value {
    let mut contacts = json!({});
    if matches!(card.contacts, Contacts::Sms | Contacts::Both | Contacts::AppAndSms) {
        contacts["sms"] = json!("+815550100000");
    }
    if matches!(card.contacts, Contacts::Email | Contacts::Both) {
        contacts["email"] = json!("cardholder@example.com");
    }
    if matches!(card.contacts, Contacts::App | Contacts::AppAndSms) {
        contacts["app"] = json!("simulated");
    }
    let mut line = json!({ "pan": card.pan, "expiry": card.expiry, "state": card.state });
    if card.contacts != Contacts::None {
        line["contacts"] = contacts;
    }
    if let Some((status, reason)) = card.outcome {
        line["outcome"] = json!({ "status": status });
        if let Some(reason) = reason {
            line["outcome"]["reason"] = json!(reason);
        }
    }
    line
}

const CARDS: [TestCard; 25] = [
    TestCard {
        issuer: "alpha",
        pan: "4000000000001000",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Both,
        outcome: Some(("Y", None)),
        scenario: "frictionless: accepted without asking",
        expect: "Y",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001091",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "challenge: one-time password by SMS",
        expect: "C",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001109",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Email,
        outcome: None,
        scenario: "challenge: one-time password by e-mail",
        expect: "C",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001117",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Both,
        outcome: None,
        scenario: "challenge: SMS, or e-mail by choice",
        expect: "C",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001125",
        expiry: "3012",
        state: "suspended",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "suspended: N, reason 12",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001133",
        expiry: "3012",
        state: "stolen",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "stolen: R, reason 10",
        expect: "R",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001141",
        expiry: "3012",
        state: "lost",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "lost: R, reason 10",
        expect: "R",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001158",
        expiry: "3012",
        state: "not_enrolled",
        contacts: Contacts::None,
        outcome: None,
        scenario: "not enrolled: N, reason 13",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001166",
        expiry: "3012",
        state: "not_activated",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "not activated: N, reason 13",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001174",
        expiry: "2412",
        state: "expired",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "expired: N, reason 05",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001182",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("U", Some("22"))),
        scenario: "scripted: U",
        expect: "U",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001190",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("A", None)),
        scenario: "scripted: A, attempt",
        expect: "A",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001208",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("R", Some("11"))),
        scenario: "scripted: R, reason 11",
        expect: "R",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001216",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("N", Some("01"))),
        scenario: "scripted: N, reason 01",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001224",
        expiry: "3012",
        state: "active",
        contacts: Contacts::None,
        outcome: None,
        scenario: "no contact on record: no challenge possible",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001232",
        expiry: "3012",
        state: "active",
        contacts: Contacts::App,
        outcome: None,
        scenario: "challenge in the issuer's app: approved there",
        expect: "C",
        app: Some("approve"),
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001240",
        expiry: "3012",
        state: "active",
        contacts: Contacts::App,
        outcome: None,
        scenario: "challenge in the issuer's app: declined there",
        expect: "C",
        app: Some("decline"),
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001257",
        expiry: "3012",
        state: "active",
        contacts: Contacts::AppAndSms,
        outcome: None,
        scenario: "challenge in the issuer's app: no answer, then SMS",
        expect: "C",
        app: Some("nothing"),
    },
    TestCard {
        issuer: "alpha",
        pan: "4000000000001265",
        expiry: "3012",
        state: "active",
        contacts: Contacts::App,
        outcome: None,
        scenario: "challenge in the issuer's app: approved too late",
        expect: "C",
        app: Some("late"),
    },
    TestCard {
        issuer: "alpha",
        pan: "5000000000001007",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("Y", None)),
        scenario: "frictionless: accepted without asking",
        expect: "Y",
        app: None,
    },
    TestCard {
        issuer: "alpha",
        pan: "5000000000001098",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "challenge: one-time password by SMS",
        expect: "C",
        app: None,
    },
    TestCard {
        issuer: "beta",
        pan: "6000000000001005",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: Some(("Y", None)),
        scenario: "frictionless: accepted without asking",
        expect: "Y",
        app: None,
    },
    TestCard {
        issuer: "beta",
        pan: "6000000000001096",
        expiry: "3012",
        state: "active",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "challenge: one-time password by SMS",
        expect: "C",
        app: None,
    },
    TestCard {
        issuer: "beta",
        pan: "6000000000001104",
        expiry: "3012",
        state: "suspended",
        contacts: Contacts::Sms,
        outcome: None,
        scenario: "suspended: N, reason 12",
        expect: "N",
        app: None,
    },
    TestCard {
        issuer: "beta",
        pan: "6000000000001112",
        expiry: "3012",
        state: "active",
        contacts: Contacts::AppAndSms,
        outcome: None,
        scenario: "challenge in the issuer's app, or SMS by choice",
        expect: "C",
        app: Some("approve"),
    },
];

//! Information only, attempts by range, non-payment [scenarios T-FR-03, T-FR-08 to 12].

use ds_simulator::{PayOptions, Receipt};
use e2e::{Card, Issuer, Stage, VERSIONS};

fn paying(stage: &Stage, card: Card, version: &str) -> PayOptions {
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    options.skip_method = true;
    options
}

fn wishing(stage: &Stage, version: &str, wishes: &[&str]) -> PayOptions {
    let mut options = paying(stage, Card::Sms, version);
    options.order.challenge_ind = wishes.iter().map(|wish| (*wish).to_owned()).collect();
    options
}

async fn paid(stage: &Stage, options: &PayOptions) -> Receipt {
    let receipt = stage.pay("ds-a", options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

fn result<'a>(receipt: &'a Receipt) -> (&'a str, &'a str) {
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    (text(&receipt.ares_status), text(&receipt.reason))
}

/// The first issuer's table.
fn alpha(config: &mut toml::Table) -> &mut toml::Table {
    config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap()
}

fn set(table: &mut toml::Table, text: &str) {
    let more: toml::Table = text.parse().unwrap();
    table.extend(more);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_10_data_share_only_is_acknowledged() {
    let stage = Stage::set("information-only").await;
    for (version, wishes) in [
        ("2.2.0", &["06"][..]),
        ("2.3.1", &["06"]),
        ("2.3.1", &["02", "06"]),
        ("2.3.1", &["06", "03"]),
    ] {
        let receipt = paid(&stage, &wishing(&stage, version, wishes)).await;
        assert_eq!(result(&receipt), ("I", ""), "{version} {wishes:?}");
        let ares = receipt.ares.unwrap();
        for foreign in ["authenticationValue", "acsURL", "acsChallengeMandated"] {
            assert!(ares.get(foreign).is_none(), "{ares}");
        }
    }
}

/// Neither where a challenge is the default nor where a rule would rather inform.
#[tokio::test(flavor = "multi_thread")]
async fn t_fr_12_who_does_not_ask_for_it_is_never_given_i() {
    let stage = Stage::set("information-not-asked-for").await;
    for (version, last) in [("2.1.0", 4), ("2.2.0", 9), ("2.3.1", 14)] {
        for wish in (1..=last).map(|wish| format!("{wish:02}")).filter(|wish| wish != "06") {
            let receipt = paid(&stage, &wishing(&stage, version, &[&wish])).await;
            assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{version} {wish}");
        }
    }
    let stage = Stage::set_configured("information-rule-not-asked-for", |config| {
        set(alpha(config), "rule = [{ name = \"analysed\", then = \"inform\" }]");
    })
    .await;
    for (version, last) in [("2.1.0", 4), ("2.2.0", 9), ("2.3.1", 14)] {
        let wishes = (1..=last).map(|wish| format!("{wish:02}"));
        for wish in wishes.filter(|wish| !["05", "06", "07"].contains(&wish.as_str())) {
            let receipt = paid(&stage, &wishing(&stage, version, &[&wish])).await;
            assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{version} {wish}");
        }
        let receipt = paid(&stage, &wishing(&stage, version, &[])).await;
        assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{version} without a wish");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_11_a_challenge_that_policy_mandates_and_06_forbids_is_n() {
    let stage = Stage::set("information-mandated").await;
    for version in ["2.2.0", "2.3.1"] {
        let mut options = wishing(&stage, version, &["06"]);
        options.order.pan = Issuer::Beta.pan(Card::Sms);
        assert_eq!(result(&paid(&stage, &options).await), ("N", "01"), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_informs_those_who_can_be_informed() {
    let stage = Stage::set_configured("information-rule", |config| {
        let rule = "rule = [{ name = \"analysed\", then = \"inform\" }]";
        set(alpha(config), rule);
    })
    .await;
    for (version, wishes, status) in [
        ("2.2.0", &["05"][..], "I"),
        ("2.2.0", &["07"], "I"),
        ("2.3.1", &["05", "02"], "I"),
        ("2.2.0", &["02"], "C"),
        ("2.1.0", &[], "C"),
    ] {
        let receipt = paid(&stage, &wishing(&stage, version, wishes)).await;
        assert_eq!(receipt.ares_status.as_deref(), Some(status), "{version} {wishes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_03_a_range_in_attempts_mode() {
    let stage = Stage::set_configured("attempts-range", |config| {
        set(alpha(config), "ranges = [{ start = \"2\", end = \"5\", attempts = true }]");
    })
    .await;
    for version in VERSIONS {
        for card in [Card::Sms, Card::Unknown, Card::NotEnrolled] {
            let receipt = paid(&stage, &paying(&stage, card, version)).await;
            assert_eq!(receipt.ares_status.as_deref(), Some("A"), "{version} {card:?}");
            assert!(receipt.authentication_value, "{receipt:#?}");
            assert_eq!(receipt.eci.as_deref(), Some("06"));
        }
        for (card, status) in [(Card::Stolen, "R"), (Card::Suspended, "N")] {
            let receipt = paid(&stage, &paying(&stage, card, version)).await;
            assert_eq!(receipt.ares_status.as_deref(), Some(status), "{version} {card:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_08_non_payment_with_and_without_a_value() {
    for (recorded, value) in [("npa-value", true), ("npa-no-value", false)] {
        let stage = Stage::set_configured(recorded, move |config| {
            let ds = config["ds"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
            let eci = "npa_eci = { authenticated = \"N2\", not_authenticated = \"N0\" }";
            set(
                ds,
                &format!("npa_authentication_value = {value}\nnpa_status_reason = false\n{eci}"),
            );
        })
        .await;
        for version in VERSIONS {
            for (card, status, eci) in
                [(Card::Frictionless, "Y", "N2"), (Card::ScriptedDenied, "N", "N0")]
            {
                let mut options = paying(&stage, card, version);
                options.order.category = "02".to_owned();
                let receipt = paid(&stage, &options).await;
                assert_eq!(result(&receipt), (status, ""), "{version} {card:?}");
                assert_eq!(receipt.eci.as_deref(), Some(eci));
                assert_eq!(receipt.authentication_value, value && status == "Y");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_09_non_payment_that_is_not_offered() {
    let stage =
        Stage::set_configured("npa-off", |config| set(alpha(config), "npa_offered = false")).await;
    for version in VERSIONS {
        let mut options = paying(&stage, Card::Frictionless, version);
        options.order.category = "02".to_owned();
        assert_eq!(result(&paid(&stage, &options).await), ("U", "20"), "{version}");
        options.order.category = "01".to_owned();
        assert_eq!(paid(&stage, &options).await.status.as_deref(), Some("Y"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_a_card_is_challenged_unless_the_profile_is_conformance() {
    for (recorded, profile, linked) in
        [("npa-linking", "issuer", "C"), ("npa-conformance", "conformance", "Y")]
    {
        let stage = Stage::set_configured(recorded, move |config| {
            set(alpha(config), &format!("default = \"accept\"\npolicy_profile = \"{profile}\""));
        })
        .await;
        for version in VERSIONS {
            for indicator in ["01", "04", "05", "06"] {
                let mut options = paying(&stage, Card::Sms, version);
                options.order.category = "02".to_owned();
                options.order.authentication_ind = Some(indicator.to_owned());
                let status = paid(&stage, &options).await.ares_status;
                let expected = if indicator == "01" { "Y" } else { linked };
                assert_eq!(status.as_deref(), Some(expected), "{version} {indicator} {profile}");
            }
        }
    }
}

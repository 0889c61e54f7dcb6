//! T-BC: a cardholder at the challenge page.

use std::time::Duration;

use ds_simulator::message::to_base64url;
use ds_simulator::{Faults, Step};
use e2e::stage::{member, wrong};
use e2e::{Card, Issuer, VERSIONS};
use serde_json::json;

use super::challenge::{Result, Scene};

const VERIFIED: Result<'static> = Result { status: "Y", reason: None, cancel: None, counter: "01" };

/// RReq, RRes and CRes in this order, each once [P-BRW-30].
fn check_order(scene: &Scene, payment_id: &str) {
    let events = scene.stage.events(payment_id);
    let places = |leg: &str, what: &str| -> Vec<usize> {
        let of_it = |(at, event): (usize, &ds_simulator::trace::Event)| {
            (event.leg == leg && event.what == what).then_some(at)
        };
        events.iter().enumerate().filter_map(of_it).collect()
    };
    let all = [places("ACS-DS", "RReq"), places("DS-ACS", "RRes"), places("ACS-BRW", "CRes")];
    assert!(all.iter().all(|found| found.len() == 1), "{all:?}");
    assert!(all[0] < all[1] && all[1] < all[2], "RReq, RRes, CRes: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_01_happy_path() {
    let scene = Scene::set("t-bc-01").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.reports(&case, VERIFIED).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
    // The same by a browser that posts on to the merchant.
    let mut options = scene.stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.skip_method = true;
    let receipt = scene.stage.pay("ds-a", &options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    assert_eq!(receipt.cres_status.as_deref(), Some("Y"));
    check_order(&scene, &receipt.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_02_ares_content() {
    let scene = Scene::set("t-bc-02").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        let ares = case.payment.ares.clone().unwrap();
        assert_eq!(ares["acsURL"], json!(scene.stage.acs.cardholder_url("/3ds/challenge/browser")));
        assert_eq!(ares["acsChallengeMandated"], "N", "{ares}");
        let (there, absent) = if version == "2.3.1" {
            (("authenticationMethod", json!(["02"])), "authenticationType")
        } else {
            (("authenticationType", json!("02")), "authenticationMethod")
        };
        assert_eq!(ares[there.0], there.1, "{version}: {ares}");
        let never = [
            absent,
            "authenticationValue",
            "eci",
            "transStatusReason",
            "cardholderInfo",
            "acsSignedContent",
            "acsRenderingType",
            "sdkTransID",
        ];
        for name in never {
            assert!(ares.get(name).is_none(), "{version} {name}: {ares}");
        }
        scene.reported_nothing(&case);
        scene.advance(31).await;
        scene.rreq(&case).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_03_wrong_then_right() {
    let scene = Scene::set("t-bc-03").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let page = scene.guesses(page, &code, 1).await;
        assert!(page.html.contains("role=\"alert\""), "a hint: {}", page.text());
        scene.reported_nothing(&case);
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.reports(&case, Result { counter: "02", ..VERIFIED }).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_04_too_many() {
    let scene = Scene::set("t-bc-04").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let last = scene.guesses(page, &code, 3).await;
        let failed = Result { status: "N", reason: Some("19"), cancel: None, counter: "03" };
        scene.reports(&case, failed).await;
        scene.carries_cres(&case, &last, "N").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_05_cancel() {
    let scene = Scene::set("t-bc-05").await;
    for version in VERSIONS {
        for wrong_codes in [0, 1] {
            let (case, page, code) = scene.shown(version).await;
            let page = scene.guesses(page, &code, wrong_codes).await;
            let last = scene.tab.press(&page, "", "cancel").await.unwrap();
            let (reason, counter) = match version {
                "2.1.0" => ("01", wrong_codes),
                "2.2.0" => ("26", wrong_codes),
                _ => ("19", wrong_codes + 1),
            };
            let expected = Result {
                status: "N",
                reason: Some(reason),
                cancel: Some("01"),
                counter: &format!("{counter:02}"),
            };
            scene.reports(&case, expected).await;
            scene.carries_cres(&case, &last, "N").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_06_session_data() {
    let scene = Scene::set("t-bc-06").await;
    let long: String = "abcdefghij-_0123".chars().cycle().take(1024).collect();
    for version in VERSIONS {
        for data in ["", "eyJvcmRlciI6NDcxMX0", "\"><script>&amp;'日本語 +%2B", &long] {
            let case = scene.case(version).await;
            let page = scene.tab.creq(&case.creq, Some(data)).await.unwrap();
            let code = scene.stage.code(&case.id, 1).await.unwrap();
            let last = scene.tab.press(&page, &code, "submit").await.unwrap();
            let returned = scene.carries_cres(&case, &last, "Y").await;
            assert_eq!(returned.session_data.as_deref(), Some(data), "{version}");
            assert!(!last.html.contains("<script>&"), "escaped");
            scene.reports(&case, VERIFIED).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_07_no_session_data() {
    let scene = Scene::set("t-bc-07").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        let returned = scene.carries_cres(&case, &last, "Y").await;
        assert_eq!(returned.session_data, None, "{version}");
        assert!(!last.html.contains("threeDSSessionData"), "{version}");
        scene.reports(&case, VERIFIED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_08_padded_creq() {
    let scene = Scene::set("t-bc-08").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        let mut creq = case.creq.clone();
        // An unknown element makes the length one that needs padding.
        while to_base64url(&creq).len() % 4 != 2 {
            let filler = format!("{}x", member(&creq, "filler"));
            creq["filler"] = json!(filler);
        }
        let padded = format!("{}==", to_base64url(&creq));
        let page = scene.tab.creq_field(&padded, None).await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        let code = scene.stage.code(&case.id, 1).await.unwrap();
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.carries_cres(&case, &last, "Y").await;
        scene.reports(&case, VERIFIED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_19_cres_only_after_rres() {
    let scene = Scene::set("t-bc-19").await;
    let delay = Duration::from_secs(4);
    let faults = Faults { rreq_delay_ms: 4_000, ..Faults::default() };
    scene.stage.sim.set_faults(faults);
    // At the same time: the waits are real ones.
    let play = async |version| {
        let (case, page, code) = scene.shown(version).await;
        let start = std::time::Instant::now();
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        assert!(start.elapsed() >= delay, "{version}: the CRes came after {:?}", start.elapsed());
        scene.reports(&case, VERIFIED).await;
        scene.carries_cres(&case, &last, "Y").await;
    };
    tokio::join!(play("2.1.0"), play("2.2.0"), play("2.3.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_20_resend() {
    let scene = Scene::set("t-bc-20").await;
    for version in VERSIONS {
        let (case, page, first) = scene.shown(version).await;
        let page = scene.tab.press(&page, "", "resend").await.unwrap();
        assert_eq!(scene.stage.codes(&case.id).len(), 1, "not within half a minute");
        scene.advance(31).await;
        let page = scene.tab.press(&page, "", "resend").await.unwrap();
        let second = scene.stage.code(&case.id, 2).await.unwrap();
        assert_ne!(first, second);
        scene.advance(31).await;
        let page = scene.tab.press(&page, "", "resend").await.unwrap();
        let third = scene.stage.code(&case.id, 3).await.unwrap();
        scene.advance(31).await;
        let page = scene.tab.press(&page, "", "resend").await.unwrap();
        assert_eq!(scene.stage.codes(&case.id).len(), 3, "two resends at most");
        let last = scene.tab.press(&page, &third, "submit").await.unwrap();
        scene.reports(&case, VERIFIED).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
    let (_, page, first) = scene.shown("2.3.1").await;
    scene.advance(31).await;
    let page = scene.tab.press(&page, "", "resend").await.unwrap();
    let page = scene.tab.press(&page, &first, "submit").await.unwrap();
    assert!(page.code_form().is_some(), "a replaced code is dead: {}", page.text());
    scene.tab.press(&page, "", "cancel").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_20_resend_that_counts() {
    let scene = Scene::configured("t-bc-20-counts", |config| {
        super::protocol(config).insert("challenge_resend_counts".to_owned(), true.into());
    })
    .await;
    for version in VERSIONS {
        let (case, page, _) = scene.shown(version).await;
        scene.advance(31).await;
        let page = scene.tab.press(&page, "", "resend").await.unwrap();
        let code = scene.stage.code(&case.id, 2).await.unwrap();
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.reports(&case, Result { counter: "02", ..VERIFIED }).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_21_challenge_opt_out() {
    let scene = Scene::set("t-bc-21").await;
    let faults = Faults { results_status: "02".to_owned(), ..Faults::default() };
    scene.stage.sim.set_faults(faults);
    for (before, version) in (0..).zip(VERSIONS) {
        let case = scene.case(version).await;
        scene.advance(31).await;
        let never_begun =
            Result { status: "N", reason: Some("14"), cancel: Some("05"), counter: "00" };
        scene.reports(&case, never_begun).await;
        let event = |event: &ds_simulator::trace::Event| event.what == "RRes";
        let rres = scene.stage.wait_event(&case.payment.id, event).await.unwrap();
        assert_eq!(rres.body.unwrap()["resultsStatus"], "02", "{version}");
        let told = "\"results_status\":\"02\"";
        super::wait_audit(&scene.stage, "rreq-answered", told, before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_22_mandated() {
    let scene = Scene::set("t-bc-22").await;
    for version in VERSIONS {
        // Beta challenges by regional rule, Alpha by its own wish.
        for (issuer, mandated) in [(Issuer::Beta, "Y"), (Issuer::Alpha, "N")] {
            let (payment, _) = scene.stage.challenged(&issuer.pan(Card::Sms), version).await;
            let ares = payment.ares.as_ref().unwrap();
            assert_eq!(ares["acsChallengeMandated"], mandated, "{version} {issuer:?}: {ares}");
            scene.advance(31).await;
            scene.stage.result(&payment).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_27_empty_entry() {
    let scene = Scene::set("t-bc-27").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let page = scene.tab.press(&page, "", "submit").await.unwrap();
        assert!(page.html.contains("role=\"alert\""), "{version}: {}", page.text());
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.reports(&case, Result { counter: "02", ..VERIFIED }).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
    let scene = Scene::configured("t-bc-27-free", |config| {
        super::protocol(config).insert("challenge_empty_counts".to_owned(), false.into());
    })
    .await;
    let (case, page, code) = scene.shown("2.3.1").await;
    let page = scene.tab.press(&page, " ", "submit").await.unwrap();
    let page = scene.tab.press(&page, &wrong(&code), "submit").await.unwrap();
    scene.tab.press(&page, &code, "submit").await.unwrap();
    scene.reports(&case, Result { counter: "02", ..VERIFIED }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_17_no_javascript() {
    // The simulator's browser has no scripts: it presses the buttons.
    let scene = Scene::set("t-bc-17").await;
    for version in VERSIONS {
        let mut options = scene.stage.options(&Issuer::Alpha.pan(Card::Sms));
        options.version = Some(version.to_owned());
        options.browser.javascript_enabled = false;
        options.steps = vec![Step::Type("000000".to_owned()), Step::Reload, Step::Code];
        let receipt = scene.stage.pay("ds-a", &options).await;
        assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
        assert_eq!(receipt.status.as_deref(), Some("Y"), "{version}");
        assert_eq!(receipt.cres_status.as_deref(), Some("Y"), "{version}");
        check_order(&scene, &receipt.id);
    }
}

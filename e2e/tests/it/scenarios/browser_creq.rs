//! T-BC: CReqs that are wrong, repeated, misplaced or late.

use ds_simulator::message::new_id;
use e2e::{Card, Issuer, Page, VERSIONS};
use serde_json::{Value, json};

use super::Expected;
use super::challenge::{Case, Result, Scene, check_refused};

const DATA: Option<&str> = Some("c2Vzc2lvbg");

/// The window size `04`, of which page and Erro must make nothing different.
fn changed(case: &Case, name: &str, value: Value) -> Value {
    let mut creq = case.creq.clone();
    if value.is_null() {
        creq.as_object_mut().unwrap().remove(name);
    } else {
        creq[name] = value;
    }
    creq
}

/// A page for people that leads nowhere.
fn check_dead_end(page: &Page) {
    assert!(page.returned().is_none() && page.code_form().is_none(), "{}", page.text());
    assert!(!page.text().is_empty() && page.status < 500, "HTTP {}", page.status);
}

/// A first CReq with `name` changed is refused, and the challenge with it.
async fn refuses(
    scene: &Scene,
    version: &'static str,
    creq: (&str, Value),
    expected: &Expected<'_>,
) {
    let case = scene.case(version).await;
    let page = scene.tab.creq(&changed(&case, creq.0, creq.1), DATA).await.unwrap();
    let returned = scene.carries_erro(&case, &page, expected);
    assert_eq!(returned.session_data.as_deref(), DATA, "{version}");
    check_refused(scene, &case, "00", expected.code).await;
    scene.logged(&case, expected.rule).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_10_bad_window_size() {
    let scene = Scene::set("t-bc-10").await;
    let invalid = Expected {
        code: "203",
        detail: "challengeWindowSize",
        rule: "P-BRW-13",
        says: &["expected one of 01, 02, 03, 04, 05, came \"06\""],
    };
    let missing = Expected {
        code: "201",
        detail: "challengeWindowSize",
        rule: "P-BRW-13",
        says: &["challengeWindowSize is absent"],
    };
    for version in VERSIONS {
        refuses(&scene, version, ("challengeWindowSize", json!("06")), &invalid).await;
        refuses(&scene, version, ("challengeWindowSize", Value::Null), &missing).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_11_unknown_acs_trans_id() {
    let scene = Scene::set("t-bc-11").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        for id in [json!(new_id()), json!("not an id"), Value::Null] {
            check_dead_end(&scene.tab.creq(&changed(&case, "acsTransID", id), DATA).await.unwrap());
        }
        scene.reported_nothing(&case);
        // The challenge itself goes on.
        let page = scene.tab.creq(&case.creq, DATA).await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        scene.tab.press(&page, "", "cancel").await.unwrap();
    }
    super::wait_log(&scene.stage, &["rule=\"P-BRW-14\""]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_12_mismatching_id() {
    let scene = Scene::set("t-bc-12").await;
    let expected = Expected {
        code: "301",
        detail: "threeDSServerTransID",
        rule: "P-BRW-14",
        says: &["one known transaction"],
    };
    for version in VERSIONS {
        refuses(&scene, version, ("threeDSServerTransID", json!(new_id())), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_13_version_changed() {
    let scene = Scene::set("t-bc-13").await;
    for version in VERSIONS {
        let other = if version == "2.2.0" { "2.1.0" } else { "2.2.0" };
        let says = format!("expected {version}, came {other}");
        let changed = Expected {
            code: "203",
            detail: "messageVersion",
            rule: "P-BRW-12",
            says: &["messageVersion of the transaction's AReq", &says],
        };
        refuses(&scene, version, ("messageVersion", json!(other)), &changed).await;
        let unsupported = Expected {
            code: "102",
            detail: "2.1.0,2.2.0,2.3.1",
            rule: "P-BRW-12",
            says: &["came 2.9.0"],
        };
        refuses(&scene, version, ("messageVersion", json!("2.9.0")), &unsupported).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_14_creq_after_frictionless() {
    let scene = Scene::set("t-bc-14").await;
    let expected = Expected {
        code: "305",
        detail: "acsTransID",
        rule: "P-BRW-15",
        says: &["no challenge of this kind"],
    };
    let mut options = scene.stage.options(&Issuer::Alpha.pan(Card::Frictionless));
    for version in VERSIONS {
        options.version = Some(version.to_owned());
        let payment = scene.stage.begin(&options).await;
        assert_eq!(payment.ares_status(), Some("Y"), "{version}");
        let creq = scene.stage.sim.network().merchant.creq(&payment).unwrap();
        let id = creq["acsTransID"].as_str().unwrap().to_owned();
        let case = Case { payment, creq, version, id };
        let page = scene.tab.creq(&case.creq, DATA).await.unwrap();
        scene.carries_erro(&case, &page, &expected);
        scene.logged(&case, "P-BRW-15").await;
        scene.reported_nothing(&case);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_15_reload() {
    let scene = Scene::set("t-bc-15").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        scene.tab.creq(&case.creq, DATA).await.unwrap();
        let code = scene.stage.code(&case.id, 1).await.unwrap();
        let page = scene.tab.creq(&case.creq, DATA).await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        // The same message in another layout.
        let spread = serde_json::to_string_pretty(&case.creq).unwrap();
        let field = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            spread.as_bytes(),
        );
        let page = scene.tab.creq_field(&field, DATA).await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        assert_eq!(scene.stage.codes(&case.id).len(), 1, "no further code");
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        let verified = Result { status: "Y", reason: None, cancel: None, counter: "01" };
        scene.reports(&case, verified).await;
        scene.carries_cres(&case, &last, "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_15_reload_refused() {
    let scene = Scene::configured("t-bc-15-refused", |config| {
        super::protocol(config).insert("brw_repeat_creq".to_owned(), "refuse".into());
    })
    .await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        let page = scene.tab.creq(&case.creq, DATA).await.unwrap();
        let code = scene.stage.code(&case.id, 1).await.unwrap();
        scene.guesses(page, &code, 1).await;
        let page = scene.tab.creq(&case.creq, DATA).await.unwrap();
        let code = if version == "2.3.1" { "314" } else { "305" };
        let says = ["takes no second CReq"];
        let expected = Expected { code, detail: "acsTransID", rule: "P-BRW-17", says: &says };
        let returned = scene.carries_erro(&case, &page, &expected);
        assert_eq!(returned.session_data.as_deref(), DATA, "{version}");
        check_refused(&scene, &case, "01", code).await;
        scene.logged(&case, "P-BRW-17").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_16_creq_after_rreq() {
    let scene = Scene::set("t-bc-16").await;
    for version in VERSIONS {
        for end in ["submit", "cancel"] {
            let (case, page, code) = scene.shown(version).await;
            scene.tab.press(&page, &code, end).await.unwrap();
            scene.rreq(&case).await;
            for creq in [case.creq.clone(), changed(&case, "challengeWindowSize", json!("05"))] {
                let page = scene.tab.creq(&creq, DATA).await.unwrap();
                let code = if version == "2.3.1" { "315" } else { "305" };
                let says = ["reported before the CReq came"];
                let expected =
                    Expected { code, detail: "acsTransID", rule: "P-BRW-18", says: &says };
                scene.carries_erro(&case, &page, &expected);
                scene.logged(&case, "P-BRW-18").await;
            }
            assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: no second RReq");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_23_stale_form_token() {
    let scene = Scene::set("t-bc-23").await;
    for version in VERSIONS {
        let (case, first, code) = scene.shown(version).await;
        scene.guesses(first.clone(), &code, 1).await;
        // Back in the browser's history, and sent once more.
        for (entry, button) in [(&*code, "submit"), ("", "cancel"), ("", "resend")] {
            let page = scene.tab.press(&first, entry, button).await.unwrap();
            assert!(page.code_form().is_some(), "{version} {button}: {}", page.text());
        }
        let current = scene.tab.press(&first, &code, "submit").await.unwrap();
        let last = scene.tab.press(&current, &code, "submit").await.unwrap();
        let verified = Result { status: "Y", reason: None, cancel: None, counter: "02" };
        scene.reports(&case, verified).await;
        scene.carries_cres(&case, &last, "Y").await;
        // After the end: the end again.
        let page = scene.tab.press(&current, &code, "submit").await.unwrap();
        scene.carries_cres(&case, &page, "Y").await;
        assert_eq!(scene.stage.codes(&case.id).len(), 1, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_25_differing_second_creq() {
    let scene = Scene::set("t-bc-25").await;
    let expected = Expected {
        code: "305",
        detail: "acsTransID",
        rule: "P-BRW-17",
        says: &["identical to the first"],
    };
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        scene.guesses(page, &code, 1).await;
        let other = changed(&case, "challengeWindowSize", json!("05"));
        let page = scene.tab.creq(&other, DATA).await.unwrap();
        let returned = scene.carries_erro(&case, &page, &expected);
        assert_eq!(returned.session_data.as_deref(), DATA, "{version}");
        check_refused(&scene, &case, "01", "305").await;
        scene.logged(&case, "P-BRW-17").await;
        // A defect of the second one counts like one of the first.
        let (case, ..) = scene.shown(version).await;
        let defective = changed(&case, "challengeWindowSize", json!("06"));
        let page = scene.tab.creq(&defective, DATA).await.unwrap();
        assert_eq!(page.returned().unwrap().message["errorCode"], "203", "{version}");
        check_refused(&scene, &case, "00", "203").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_bc_26_unrecognised_creq() {
    let scene = Scene::set("t-bc-26").await;
    for version in VERSIONS {
        for kind in ["XReq", "AReq", "CRes"] {
            let case = scene.case(version).await;
            let unrecognised = changed(&case, "messageType", json!(kind));
            check_dead_end(&scene.tab.creq(&unrecognised, DATA).await.unwrap());
            check_refused(&scene, &case, "00", "101").await;
            scene.logged(&case, "P-BRW-11").await;
        }
    }
    for rubbish in ["", "***", "aGVsbG8", "W10"] {
        check_dead_end(&scene.tab.creq_field(rubbish, DATA).await.unwrap());
    }
    super::wait_log(&scene.stage, &["rule=\"P-BRW-10\""]).await;
}

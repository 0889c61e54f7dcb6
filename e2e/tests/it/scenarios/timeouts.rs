//! T-TO: stored deadlines, moved with the development clock.

use e2e::stage::{Setup, wrong};
use e2e::{Stage, VERSIONS};

use super::Expected;
use super::challenge::{Result, Scene};

const NEVER_BEGUN: Result<'static> =
    Result { status: "N", reason: Some("14"), cancel: Some("05"), counter: "00" };
const IDLE: Result<'static> =
    Result { status: "N", reason: Some("14"), cancel: Some("04"), counter: "00" };

#[tokio::test(flavor = "multi_thread")]
async fn t_to_01_no_creq() {
    let scene = Scene::set("t-to-01").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        scene.advance(29).await;
        scene.reported_nothing(&case);
        scene.advance(2).await;
        scene.reports(&case, NEVER_BEGUN).await;
        let merchant = &scene.stage.sim.network().merchant;
        assert!(merchant.payment(&case.payment.id).unwrap().cres.is_none(), "{version}: a CRes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_01_no_creq_over_a_restart() {
    let scene = Scene::set("t-to-01-restart").await;
    let case = scene.case("2.3.1").await;
    scene.stage.acs.kill_9();
    scene.stage.acs.start().await.unwrap();
    scene.advance(31).await;
    scene.reports(&case, NEVER_BEGUN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_05_idle() {
    let scene = Scene::set("t-to-05").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        scene.advance(599).await;
        scene.reported_nothing(&case);
        scene.advance(2).await;
        scene.reports(&case, IDLE).await;
        for button in ["submit", "resend", "cancel"] {
            let page = scene.tab.press(&page, &code, button).await.unwrap();
            assert!(page.returned().is_none(), "{version}: a CRes");
            assert!(page.code_form().is_none(), "{version}: {}", page.text());
        }
        assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}");
        let merchant = &scene.stage.sim.network().merchant;
        assert!(merchant.payment(&case.payment.id).unwrap().cres.is_none(), "{version}: a CRes");
    }
}

/// What is stored of the wait for the first CReq is looked at first, and is not the page's.
#[tokio::test(flavor = "multi_thread")]
async fn t_to_05_idle_over_a_restart() {
    for looked_at in [0, 60] {
        let scene = Scene::set("t-to-05-restart").await;
        let (case, ..) = scene.shown("2.3.1").await;
        scene.advance(looked_at).await;
        scene.stage.acs.kill_9();
        scene.stage.acs.start().await.unwrap();
        // A clock that was moved starts anew where the machine's is.
        scene.advance(looked_at + 540).await;
        scene.reported_nothing(&case);
        scene.advance(61).await;
        scene.reports(&case, IDLE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_06_timer_reset() {
    let scene = Scene::set("t-to-06").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        scene.advance(540).await;
        let page = scene.tab.press(&page, &wrong(&code), "submit").await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        scene.advance(595).await;
        scene.reported_nothing(&case);
        // A stale form starts nothing anew.
        let stale = scene.tab.creq(&case.creq, None).await.unwrap();
        scene.tab.press(&page, "", "submit").await.unwrap();
        scene.advance(595).await;
        scene.reported_nothing(&case);
        scene.tab.press(&page, "", "submit").await.unwrap();
        scene.advance(6).await;
        scene.reports(&case, Result { counter: "01", ..IDLE }).await;
        let page = scene.tab.press(&stale, &code, "submit").await.unwrap();
        assert!(page.returned().is_none(), "{version}: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_08_late_creq() {
    let scene = Scene::set("t-to-08").await;
    for version in VERSIONS {
        let case = scene.case(version).await;
        scene.advance(31).await;
        scene.reports(&case, NEVER_BEGUN).await;
        let page = scene.tab.creq(&case.creq, Some("c2Vzc2lvbg")).await.unwrap();
        let expected = Expected {
            code: "402",
            detail: "timeout expired",
            rule: "P-BRW-16",
            says: &["time for this message is over", "within 30 seconds of the ARes"],
        };
        let returned = scene.carries_erro(&case, &page, &expected);
        assert_eq!(returned.session_data.as_deref(), Some("c2Vzc2lvbg"), "{version}");
        scene.logged(&case, "P-BRW-16").await;
        assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: no second RReq");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repeat_window_is_a_setting_and_no_timer_is_zero() {
    let scene = Scene::configured("timers", |config| {
        let protocol = super::protocol(config);
        protocol.insert("areq_repeat_seconds".to_owned(), 3.into());
    })
    .await;
    let ds = scene.stage.raw_ds("ds-a");
    let areq = ds.areq("2.3.1", &super::pan());
    assert_eq!(ds.post(&areq).await.unwrap()["messageType"], "ARes");
    scene.advance(4).await;
    assert_eq!(ds.post(&areq).await.unwrap()["errorCode"], "312");
    // No time at all is refused at the start.
    let stage = Stage::set_with(Setup::default()).await;
    let names = ["first_creq_seconds", "idle_seconds", "rres_seconds", "rreq_retry_seconds"];
    stage
        .acs
        .edit_config(move |config| {
            for name in names {
                super::protocol(config).insert(name.to_owned(), 0.into());
            }
        })
        .unwrap();
    let config = stage.acs.config();
    let refused = stage.acs.run(&["check", "--config", config.to_str().unwrap()]).unwrap_err();
    for name in names {
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

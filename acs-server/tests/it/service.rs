//! The whole service, started and stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acs_server::app::App;
use acs_server::boot;
use acs_server::serve::Service;
use tokio::net::TcpStream;

use crate::support::{self, Installation, ask, exchange};

async fn start(made: &Installation) -> (Arc<App>, Service) {
    let app = Arc::new(boot::app(made.config(), None).unwrap());
    let service = Service::start(&app).await.unwrap();
    (app, service)
}

fn address(service: &Service, name: &str) -> SocketAddr {
    service.addresses.iter().find(|(found, _)| found == name).unwrap().1
}

async fn ops(service: &Service, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address(service, "ops")).await.unwrap();
    exchange(&mut socket, request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_becomes_ready_serves_its_paths_and_stops() {
    let made = Installation::new();
    let (app, service) = start(&made).await;
    assert!(ops(&service, &support::get("/livez")).await.ends_with("ok\n"));
    for _ in 0..50 {
        if app.readiness.held().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ops(&service, &support::get("/readyz")).await.ends_with("ready\n"));
    assert!(ops(&service, &support::get("/nothing")).await.starts_with("HTTP/1.1 404"));

    let cardholder = address(&service, "cardholder");
    let answer = ask(cardholder, made.client(None), &support::get("/3ds/method")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let answer = ask(cardholder, made.client(None), &support::get("/3ds/areq")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

    app.store.close().await.unwrap();
    let answer = ops(&service, &support::get("/readyz")).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("store"), "{answer}");
    service.stop().await;
    assert!(TcpStream::connect(cardholder).await.is_err());
    drop(app);
    // The database is free again.
    drop(boot::app(made.config(), None).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_moves_forward_only_through_the_ops_listener() {
    let made = Installation::new();
    let (app, service) = start(&made).await;
    let before = app.clock.now();
    let move_on = support::post("/dev/clock", "application/json", "{\"advance_ms\":600000}");
    let answer = ops(&service, &move_on).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(app.clock.now().0 >= before.0 + 600_000);
    let back = support::post("/dev/clock", "application/json", "{\"advance_ms\":-1}");
    assert!(ops(&service, &back).await.starts_with("HTTP/1.1 400"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_limit_is_413() {
    let made = Installation::new();
    let (app, service) = start(&made).await;
    let body = " ".repeat(app.config.limits.areq_bytes + 1);
    let request = support::post("/3ds/areq", "application/json", &body);
    let client = made.client(Some("ds-a/ds-client"));
    let answer = ask(address(&service, "ds"), client, &request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let body = "a".repeat(app.config.limits.creq_bytes + 1);
    let request =
        support::post("/3ds/challenge/browser", "application/x-www-form-urlencoded", &body);
    let cardholder = address(&service, "cardholder");
    let answer = ask(cardholder, made.client(None), &request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    service.stop().await;
}

/// P-AREQ-01
#[tokio::test(flavor = "multi_thread")]
async fn a_3ds_server_under_the_directory_servers_root_gets_erro_303() {
    let made = Installation::new();
    let (_app, service) = start(&made).await;
    for own in ["ds-a/threeds-server", "ds-a/impostor"] {
        let request = support::post("/3ds/areq", "application/json", "{}");
        let client = made.client(Some(own));
        let answer = ask(address(&service, "ds"), client, &request).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{own}: {answer}");
        assert!(answer.contains("\"errorCode\":\"303\""), "{own}: {answer}");
    }
    service.stop().await;
}

#[test]
fn two_issuers_with_copies_of_one_key_are_refused() {
    let made = Installation::new();
    let config = made.config();
    let key = |issuer: usize| config.issuer[issuer].api.clone().unwrap().key_file;
    std::fs::copy(key(0), key(1)).unwrap();
    let error = boot::app(config, None).unwrap_err().to_string();
    assert!(error.contains("api key of another issuer"), "{error}");
}

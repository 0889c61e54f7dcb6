//! Listeners: who gets in, over what, and what is bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acs_server::app::DsPeer;
use acs_server::config::Limits;
use acs_server::listener::{DsNames, Listener};
use acs_server::shutdown::Shutdown;
use acs_server::tls;
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::{CipherSuite, ProtocolVersion, SupportedCipherSuite};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{self, Installation, ask, connect, exchange};

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Cardholder,
    DsA,
}

async fn start(made: &Installation, kind: Kind, limits: &Limits) -> Running {
    let config = made.config();
    let tls = match kind {
        Kind::Plain => None,
        Kind::Cardholder => {
            Some(tls::cardholder_server(&config.tls.cardholder.certificates).unwrap())
        }
        Kind::DsA => Some(tls::ds_server(&config.ds[0]).unwrap()),
    };
    let names = || DsNames { ds: 0, peer_names: config.ds[0].peer_names.clone() };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let shutdown = Shutdown::default();
    let listener = Listener {
        name: "test",
        socket,
        tls: tls.map(Arc::new),
        ds: (kind == Kind::DsA).then(names),
        router: router(),
        shortcut: None,
    };
    Running { address, task: listener.spawn(limits, &shutdown), shutdown }
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "here" }))
        .route("/peer", get(|peer: axum::Extension<DsPeer>| async move { format!("{:?}", peer.0) }))
        .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/panic", get(stumble))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(600)).await;
                "slowly"
            }),
        )
}

async fn stumble() -> &'static str {
    panic!("on purpose")
}

fn only(suite: SupportedCipherSuite) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites: vec![suite], ..default_provider() })
}

#[tokio::test]
async fn tls12_with_both_emv_suites_and_tls13_are_spoken() {
    let made = Installation::new();
    let running = start(&made, Kind::Cardholder, &Limits::default()).await;
    let cases = [
        (
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            ProtocolVersion::TLSv1_2,
        ),
        (
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            ProtocolVersion::TLSv1_2,
        ),
        (
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            ProtocolVersion::TLSv1_3,
        ),
    ];
    for (offered, expected, version) in cases {
        let client = made.client_with(&only(offered), None);
        let mut stream = connect(running.address, client).await.unwrap();
        let agreed = stream.get_ref().1;
        assert_eq!(agreed.negotiated_cipher_suite().unwrap().suite(), expected);
        assert_eq!(agreed.protocol_version(), Some(version));
        let answer = exchange(&mut stream, &support::get("/")).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }
}

#[tokio::test]
async fn the_rsa_certificate_is_for_clients_that_verify_no_ecdsa() {
    let made = Installation::new();
    let running = start(&made, Kind::Cardholder, &Limits::default()).await;
    let mut stream = connect(running.address, made.client(None)).await.unwrap();
    assert_eq!(key_kind(&stream), "EC");
    exchange(&mut stream, &support::get("/")).await.unwrap();
    let rsa = only(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384);
    let stream = connect(running.address, made.client_with(&rsa, None)).await.unwrap();
    assert_eq!(key_kind(&stream), "RSA");
}

fn key_kind(stream: &tokio_rustls::client::TlsStream<TcpStream>) -> &'static str {
    let own = &stream.get_ref().1.peer_certificates().unwrap()[0];
    let (_, parsed) = x509_parser::parse_x509_certificate(own).unwrap();
    match parsed.public_key().parsed().unwrap() {
        x509_parser::public_key::PublicKey::RSA(_) => "RSA",
        x509_parser::public_key::PublicKey::EC(_) => "EC",
        _ => "other",
    }
}

#[tokio::test]
async fn other_suites_are_refused() {
    let made = Installation::new();
    let running = start(&made, Kind::Cardholder, &Limits::default()).await;
    for suite in [
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let refused = connect(running.address, made.client_with(&only(suite), None)).await;
        assert!(refused.is_err(), "{suite:?}");
    }
}

#[tokio::test]
async fn tls11_is_refused_with_an_alert() {
    let made = Installation::new();
    let running = start(&made, Kind::Cardholder, &Limits::default()).await;
    // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA is the suite such a client would offer.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0xc0, 0x2f, 1, 0]);
    let mut message = vec![22, 3, 1, 0, u8::try_from(hello.len() + 4).unwrap(), 1, 0, 0];
    message.push(u8::try_from(hello.len()).unwrap());
    message.extend(hello);
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    socket.write_all(&message).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    // A fatal alert, and nothing else.
    assert_eq!((answer[0], answer[5], answer.len()), (21, 2, 7), "{answer:?}");
}

#[tokio::test]
async fn a_directory_server_gets_in_by_chain_and_is_known_by_name() {
    let made = Installation::new();
    let running = start(&made, Kind::DsA, &Limits::default()).await;
    for (own, name_ok) in
        [("ds-a/ds-client", true), ("ds-a/threeds-server", false), ("ds-a/impostor", false)]
    {
        let client = made.client(Some(own));
        let answer = ask(running.address, client, &support::get("/peer")).await.unwrap();
        let expected = format!("{:?}", DsPeer { ds: 0, name_ok });
        assert!(answer.ends_with(&expected), "{own}: {answer}");
    }
}

#[tokio::test]
async fn without_a_certificate_of_this_ds_for_clients_nobody_gets_in() {
    let made = Installation::new();
    let running = start(&made, Kind::DsA, &Limits::default()).await;
    let strangers = [None, Some("ds-b/ds-client"), Some("web/shop-ec"), Some("ds-a/acs-server-ec")];
    for own in strangers {
        let refused = ask(running.address, made.client(own), &support::get("/peer")).await;
        assert!(refused.is_err(), "{own:?}: {refused:?}");
    }
    let plain =
        exchange(&mut TcpStream::connect(running.address).await.unwrap(), &support::get("/peer"))
            .await
            .unwrap_or_default();
    assert!(!plain.contains("HTTP"), "{plain}");
}

#[tokio::test]
async fn nothing_is_resumed_on_a_ds_listener() {
    let made = Installation::new();
    let running = start(&made, Kind::DsA, &Limits::default()).await;
    for version in [
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let client = made.client_with(&only(version), Some("ds-a/ds-client"));
        for _ in 0..2 {
            let mut stream = connect(running.address, client.clone()).await.unwrap();
            exchange(&mut stream, &support::get("/peer")).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            assert_ne!(kind, Some(rustls::HandshakeKind::Resumed));
        }
    }
}

#[tokio::test]
async fn http2_is_spoken_where_asked_for() {
    let made = Installation::new();
    let running = start(&made, Kind::Cardholder, &Limits::default()).await;
    let mut client = made.client(None);
    client.alpn_protocols = vec![b"h2".to_vec()];
    let stream = connect(running.address, client).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn silence_ends_a_connection() {
    let made = Installation::new();
    let limits = Limits { handshake_seconds: 1, header_seconds: 1, ..Limits::default() };
    let tls = start(&made, Kind::Cardholder, &limits).await;
    let plain = start(&made, Kind::Plain, &limits).await;

    let began = Instant::now();
    let mut mute = TcpStream::connect(tls.address).await.unwrap();
    let mut half = TcpStream::connect(plain.address).await.unwrap();
    let mut idle = connect(tls.address, made.client(None)).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhost: loc").await.unwrap();
    assert_eq!(exchange(&mut mute, b"").await.unwrap_or_default(), "");
    assert!(!exchange(&mut half, b"").await.unwrap_or_default().contains("200"));
    assert_eq!(exchange(&mut idle, b"").await.unwrap_or_default(), "");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let made = Installation::new();
    let limits = Limits { body_seconds: 1, ..Limits::default() };
    let running = start(&made, Kind::Plain, &limits).await;
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let head = b"POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nabc";
    let answer = exchange(&mut socket, head).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn all_requests_together_hold_a_bounded_amount() {
    let made = Installation::new();
    let limits = Limits { request_bytes: 40_000, body_seconds: 3, ..Limits::default() };
    let running = start(&made, Kind::Plain, &limits).await;
    let post = |length: usize| {
        format!("POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n")
    };
    let mut hoarder = TcpStream::connect(running.address).await.unwrap();
    hoarder.write_all(post(30_001).as_bytes()).await.unwrap();
    hoarder.write_all(&[b'x'; 30_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let whole = format!("{}{}", post(20_000), "y".repeat(20_000));
    let mut other = TcpStream::connect(running.address).await.unwrap();
    let answer = exchange(&mut other, whole.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(exchange(&mut hoarder, b"").await.unwrap().starts_with("HTTP/1.1 408"));
    let mut again = TcpStream::connect(running.address).await.unwrap();
    let closing = whole.replace("localhost", "localhost\r\nconnection: close");
    let answer = exchange(&mut again, closing.as_bytes()).await.unwrap();
    assert!(answer.ends_with("20000"), "what is over is given back: {answer}");
}

#[tokio::test]
async fn a_panic_costs_its_own_request_only() {
    let made = Installation::new();
    let running = start(&made, Kind::Plain, &Limits::default()).await;
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let first = b"GET /panic HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let both = [&first[..], &support::get("/")].concat();
    let answer = exchange(&mut socket, &both).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let made = Installation::new();
    let limits = Limits { connections: 1, ..Limits::default() };
    let running = start(&made, Kind::Plain, &limits).await;
    let first = TcpStream::connect(running.address).await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(&support::get("/")).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), second.read(&mut byte)).await;
    assert!(early.is_err(), "served beyond the limit");
    drop(first);
    let answer = exchange(&mut second, b"").await.unwrap();
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn running_requests_end_before_the_listener_does() {
    let made = Installation::new();
    let running = start(&made, Kind::Plain, &Limits::default()).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    running.shutdown.begin();
    let answer = exchange(&mut busy, b"").await.unwrap();
    assert!(answer.contains("slowly"), "{answer}");
    running.task.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn requests_that_never_end_are_cut_after_the_drain_time() {
    let made = Installation::new();
    let limits = Limits { drain_seconds: 1, ..Limits::default() };
    let running = start(&made, Kind::Plain, &limits).await;
    let mut stuck = TcpStream::connect(running.address).await.unwrap();
    stuck.write_all(b"POST /body HTTP/1.1\r\nhost: l\r\ncontent-length: 9\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    running.shutdown.begin();
    running.task.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

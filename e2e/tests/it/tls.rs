//! Who may connect, and how.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use ds_simulator::pki::Identity;
use e2e::raw_ds::{narrow_config, roots};
use e2e::stage::Setup;
use e2e::{Card, Issuer, RawDs, Stage};
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::version::{TLS12, TLS13};

#[tokio::test(flavor = "multi_thread")]
async fn t_av_35_wrong_client_certificate() {
    let stage = Stage::set_with(Setup::default()).await;
    let pki = stage.acs.pki();
    let areq = stage.raw_ds("ds-a").areq("2.3.1", &Issuer::Alpha.pan(Card::Frictionless));
    let post = async |identity: Option<PathBuf>| {
        let identity = identity.map(|path| Identity {
            cert: path.with_extension("pem"),
            key: path.with_extension("key"),
        });
        let ds =
            RawDs::with_identity(&stage.acs, "ds-a", "https://localhost:9/", identity.as_ref());
        ds.unwrap().exchange(areq.to_string()).await
    };
    assert!(post(None).await.is_err(), "without a certificate");
    assert!(
        post(Some(pki.join("ds-b/ds-client"))).await.is_err(),
        "DS B's certificate at DS A's door"
    );
    assert!(post(Some(pki.join("web/shop-ec"))).await.is_err(), "a certificate of the web root");
    for (who, file) in [
        ("a 3DS Server under the same root", "ds-a/threeds-server"),
        ("DS B's name under DS A's root", "ds-a/impostor"),
        ("our own client certificate", "ds-a/acs-client"),
    ] {
        match post(Some(pki.join(file))).await {
            Err(_) => assert!(!file.ends_with("threeds-server"), "{who} gets an Erro 303"),
            Ok(answer) => {
                let erro: serde_json::Value = serde_json::from_slice(&answer.body)
                    .unwrap_or_else(|_| panic!("{who}: HTTP {}, no Erro", answer.status));
                assert_eq!(erro["messageType"], "Erro", "{who}: {erro}");
                assert_eq!(erro["errorCode"], "303", "{who}: {erro}");
            }
        }
    }
    assert_eq!(post(Some(pki.join("ds-a/ds-client"))).await.unwrap().status, 200);
    for (cause, at_least) in
        [("tls-no-certificate", 1.0), ("tls-certificate-issuer", 1.0), ("AccessDenied", 3.0)]
    {
        let label = format!("cause=\"{cause}\"");
        let counted = stage.acs.metric("acs_refused_total", &["listener=\"ds\"", &label]).await;
        assert!(counted.unwrap() >= at_least, "{cause} is not counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_required_suites_of_tls_1_2_and_tls_1_3_work() {
    let stage = Stage::set_with(Setup::default()).await;
    let ecdsa = cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let rsa = cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    let modern = cipher_suite::TLS13_AES_128_GCM_SHA256;
    for (versions, suite) in [(&[&TLS12], ecdsa), (&[&TLS12], rsa), (&[&TLS13], modern)] {
        let config = narrow_config(&stage.acs, "ds-a", versions, vec![suite]).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .no_proxy()
            .build()
            .unwrap();
        let areq = stage.raw_ds("ds-a").areq("2.2.0", &Issuer::Alpha.pan(Card::Frictionless));
        let request = client.post(stage.acs.areq_url("ds-a")).json(&areq);
        let answer = request.send().await.unwrap_or_else(|error| panic!("{suite:?}: {error:?}"));
        assert_eq!(answer.status(), 200, "{suite:?}");
        let page = client.get(stage.acs.cardholder_url("/3ds/method")).send().await.unwrap();
        assert_eq!(page.status(), 405, "{suite:?} at the cardholder listener");
    }
    assert!(roots(&stage.acs).is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn older_and_weaker_tls_is_refused() {
    let stage = Stage::set_with(Setup::default()).await;
    let ports = stage.acs.ports();
    for port in [ports.acs_ds_a, ports.acs_cardholder, ports.acs_ds_b] {
        for (what, version, suites) in [
            ("SSL 3.0", [3, 0], vec![0x00, 0x2f, 0x00, 0x0a]),
            ("TLS 1.0", [3, 1], vec![0xc0, 0x13, 0xc0, 0x09, 0x00, 0x2f]),
            ("TLS 1.1", [3, 2], vec![0xc0, 0x13, 0xc0, 0x09, 0x00, 0x2f]),
            ("TLS 1.2 with 3DES and plain RSA", [3, 3], vec![0x00, 0x0a, 0x00, 0x2f, 0x00, 0x9c]),
            ("TLS 1.2 with RC4 and NULL", [3, 3], vec![0x00, 0x05, 0x00, 0x02]),
            ("TLS 1.2 with anonymous", [3, 3], vec![0x00, 0xa6, 0xc0, 0x18]),
        ] {
            let answer = tokio::task::spawn_blocking(move || hello(port, version, &suites));
            // Some stacks close without a word instead.
            if let Some(first) = answer.await.unwrap() {
                assert_eq!(first, ALERT, "{what} at port {port}");
            }
        }
    }
}

/// Sends a ClientHello by hand and gives the type of the record that comes back, if any.
fn hello(port: u16, version: [u8; 2], suites: &[u8]) -> Option<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(u16::try_from(suites.len()).unwrap().to_be_bytes());
    body.extend(suites);
    body.extend([1, 0]);
    let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 23];
    extensions.extend([0, 11, 0, 2, 1, 0]);
    extensions.extend([0, 13, 0, 6, 0, 4, 4, 3, 4, 1]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.write_all(&record).unwrap();
    let mut first = [0];
    match socket.read(&mut first) {
        Ok(1) => Some(first[0]),
        _ => None,
    }
}

const ALERT: u8 = 21;

#[test]
fn a_hand_made_hello_is_a_good_one() {
    // The same hello with a good suite must be answered by a ServerHello, else the refusals above
    // would prove nothing.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::set_with(Setup::default()));
    let port = stage.acs.ports().acs_cardholder;
    assert_eq!(hello(port, [3, 3], &[0xc0, 0x2f, 0xc0, 0x2b]), Some(22));
}

//! The client for RReqs: whom it trusts.

use std::net::SocketAddr;
use std::sync::Arc;

use acs_server::config::Ds;
use acs_server::tls;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Installation, connect};

#[tokio::test]
async fn the_directory_server_is_trusted_by_its_name_whatever_the_host() {
    let made = Installation::new();
    let ds = &made.config().ds[0];
    let address = serve(&made, "ds-a/ds-server", ds).await;
    connect(address, tls::rreq_client(ds).unwrap()).await.unwrap();
}

#[tokio::test]
async fn others_under_its_roots_and_other_roots_are_refused() {
    let made = Installation::new();
    let ds = &made.config().ds[0];
    let cases = [
        ("ds-a/threeds-server", "NotValidForName"),
        ("ds-b/ds-server", "UnknownIssuer"),
        ("web/shop-ec", "UnknownIssuer"),
        ("ds-a/ds-client", "purpose"),
    ];
    for (name, expected) in cases {
        let address = serve(&made, name, ds).await;
        let error = connect(address, tls::rreq_client(ds).unwrap()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        let expected = expected.to_lowercase();
        assert!(text.to_lowercase().contains(&expected), "{name}: {text}");
    }
}

/// A server with this identity that insists on our client certificate.
async fn serve(made: &Installation, name: &str, ds: &Ds) -> SocketAddr {
    let own = tls::identity::load(&made.pair(name)).unwrap();
    let config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(tls::ds_client_verifier(&ds.client_ca).unwrap())
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let accepted = acceptor.accept(stream).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        drop(accepted);
    });
    address
}

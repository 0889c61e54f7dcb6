//! A development installation in a folder of its own, and clients for its listeners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acs_server::config::{Config, KeyPair};
use acs_server::init::{self, Plan};
use acs_server::tls::{self, identity};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What `acs init --dev` makes.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    pub(crate) file: PathBuf,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = init::development(&plan(folder.path())).unwrap();
        Self { folder, file }
    }

    /// The configuration, with sockets on free ports.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::load(&self.file).unwrap();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        config.listen.cardholder = free;
        config.listen.issuer = Some(free);
        config.listen.ops = free;
        config.ds.iter_mut().for_each(|ds| ds.listen = free);
        config
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.folder.path().join("pki")
    }

    /// A client that trusts every root and presents `identity`, such as `ds-a/ds-client`.
    pub(crate) fn client(&self, identity: Option<&str>) -> ClientConfig {
        self.client_with(&tls::provider(), identity)
    }

    pub(crate) fn client_with(
        &self,
        provider: &Arc<CryptoProvider>,
        own: Option<&str>,
    ) -> ClientConfig {
        let roots = identity::roots(&self.pki().join("ca-bundle.pem")).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let own = identity::load(&self.pair(name)).unwrap();
                builder
                    .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)))
            }
        }
    }

    pub(crate) fn pair(&self, name: &str) -> KeyPair {
        let path = |end| self.pki().join(format!("{name}.{end}"));
        KeyPair { cert: path("pem"), key: path("key") }
    }
}

pub(crate) fn plan(dir: &Path) -> Plan {
    Plan {
        dir: dir.join("acs"),
        pki: dir.join("pki"),
        cards: dir.join("cards.json"),
        outbox: dir.join("outbox.jsonl"),
        base_port: Some(20_000),
    }
}

/// Connects and completes the client's side of the handshake.
pub(crate) async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

/// Sends bytes and reads until the peer closes.
pub(crate) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> std::io::Result<String> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    match read.await.expect("the peer closes in time") {
        Ok(_) => {}
        // A server that closes without a close_notify after its answer is fine here.
        Err(error) if answer.is_empty() => return Err(error),
        Err(_) => {}
    }
    Ok(String::from_utf8(answer).unwrap())
}

/// One request over a fresh connection: the client's handshake, the request, the answer.
pub(crate) async fn ask(
    address: SocketAddr,
    config: ClientConfig,
    request: &[u8],
) -> std::io::Result<String> {
    exchange(&mut connect(address, config).await?, request).await
}

/// A POST that asks for the connection to be closed afterwards.
pub(crate) fn post(path: &str, media_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {media_type}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET that asks for the connection to be closed afterwards.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").into_bytes()
}

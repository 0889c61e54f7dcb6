//! TLS (or plain) HTTP listeners for the simulator's roles; each request carries its [`Peer`].

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::pki;

/// Who is at the other end: names of the client certificate, empty when there is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    pub(crate) names: Arc<[String]>,
    hang_up: Arc<Notify>,
}

impl Peer {
    /// Ends the connection without an answer.
    pub(crate) async fn hang_up(&self) -> ! {
        self.hang_up.notify_one();
        std::future::pending().await
    }

    /// Whether the certificate carries `name` or, for role names, a name under it.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.names.iter().any(|name| name == role || name.starts_with(&format!("{role}.")))
    }
}

/// A running listener; dropping it closes the socket and every connection.
#[derive(Debug)]
pub(crate) struct Listening {
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A loopback socket on `port`, or on a free one when `port` is 0.
pub(crate) async fn bind(port: u16) -> Result<(TcpListener, u16)> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// Serves `router` on `socket`.
pub(crate) fn serve(socket: TcpListener, tls: Option<ServerConfig>, router: Router) -> Listening {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    Listening { task: tokio::spawn(accept_loop(socket, acceptor, router)) }
}

async fn accept_loop(socket: TcpListener, acceptor: Option<TlsAcceptor>, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let (acceptor, router) = (acceptor.clone(), router.clone());
        connections.spawn(async move {
            match acceptor {
                None => serve_connection(stream, Peer::default(), router).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => {
                        let names = stream
                            .get_ref()
                            .1
                            .peer_certificates()
                            .and_then(<[_]>::first)
                            .map(pki::peer_names)
                            .unwrap_or_default();
                        serve_connection(
                            stream,
                            Peer { names: names.into(), ..Peer::default() },
                            router,
                        )
                        .await;
                    }
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                },
            }
        });
    }
}

async fn serve_connection<S>(stream: S, peer: Peer, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let hang_up = Arc::clone(&peer.hang_up);
    let service = TowerToHyperService::new(router.layer(axum::Extension(peer)));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        },
        () = hang_up.notified() => tracing::debug!("connection dropped on purpose"),
    }
}

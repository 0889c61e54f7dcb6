//! Sockets: accept, TLS, HTTP/1.1 or HTTP/2, everything bounded in number and time, and a drain at
//! shutdown.

mod activity;
mod body_timer;
mod budget;
mod connection;
pub(crate) mod network;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::app::{DsPeer, PeerAddress};
use crate::config::Limits;
use crate::http::Shortcut;
use crate::shutdown::Shutdown;
use crate::tls::{Refusal, names};
use budget::Budget;
use connection::Http;
use request::Requests;

/// A socket with all it needs to be served.
#[derive(Debug)]
pub struct Listener {
    /// Name in logs and metrics: `ds`, `cardholder`, `ops`.
    pub name: &'static str,
    pub socket: TcpListener,
    /// `None`: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Set on the sockets of directory servers.
    pub ds: Option<DsNames>,
    pub router: Router,
    /// Past the router to the busiest endpoint.
    pub shortcut: Option<Shortcut>,
}

/// Whose socket this is, and the names it must come with.
#[derive(Debug, Clone)]
pub struct DsNames {
    /// Index into [`crate::app::App::ds`].
    pub ds: usize,
    pub peer_names: Vec<String>,
}

impl Listener {
    /// Serves until the shutdown and then for the drain time at most.
    #[must_use]
    pub fn spawn(self, limits: &Limits, shutdown: &Shutdown) -> JoinHandle<()> {
        let most = u32::try_from(limits.connections).unwrap_or(u32::MAX).min(MOST_CONNECTIONS);
        let serving = Serving {
            name: self.name,
            tls: self.tls.map(TlsAcceptor::from),
            ds: self.ds,
            router: self.router,
            shortcut: self.shortcut,
            limits: limits.clone(),
            budget: Arc::new(Budget::new(limits.request_bytes)),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(accept_loop(self.socket, Arc::new(serving), most))
    }
}

/// What every connection of a listener shares.
struct Serving {
    name: &'static str,
    tls: Option<TlsAcceptor>,
    ds: Option<DsNames>,
    router: Router,
    shortcut: Option<Shortcut>,
    limits: Limits,
    budget: Arc<Budget>,
    shutdown: Shutdown,
}

async fn accept_loop(socket: TcpListener, serving: Arc<Serving>, most: u32) {
    let room = Arc::new(Semaphore::new(most as usize));
    let begun = serving.shutdown.begun();
    tokio::pin!(begun);
    loop {
        tokio::select! {
            biased;
            () = &mut begun => break,
            accepted = accept(&socket, &room) => {
                if let Some((stream, from, permit)) = accepted {
                    tokio::spawn(serve(Arc::clone(&serving), stream, from, permit));
                }
            }
        }
    }
    drop(socket);
    if timeout(serving.limits.drain(), room.acquire_many(most)).await.is_err() {
        let open = most as usize - room.available_permits();
        tracing::warn!(listener = serving.name, open, "connections were cut at shutdown");
    }
}

/// The next connection, once there is room for one.
async fn accept(
    socket: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, from)) => Some((stream, from, permit)),
        Err(error) => {
            // Mostly a lack of file descriptors, which goes away as connections end.
            tracing::warn!(%error, "a connection cannot be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve(
    serving: Arc<Serving>,
    stream: TcpStream,
    from: SocketAddr,
    _permit: OwnedSemaphorePermit,
) {
    // A refusal only costs a little latency.
    let _ = stream.set_nodelay(true);
    let budget = Arc::clone(&serving.budget);
    let router = serving.router.clone();
    let mut requests = Requests::new(router, PeerAddress(from), &serving.limits, budget);
    requests.shortcut.clone_from(&serving.shortcut);
    let Some(acceptor) = &serving.tls else {
        return connection::run(stream, Http::One, requests, &serving.limits, &serving.shutdown)
            .await;
    };
    let handshake = timeout(serving.limits.handshake(), acceptor.accept(stream)).await;
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return refused(serving.name, from, &Refusal::of(&error)),
        Err(_) => return refused(serving.name, from, &Refusal::timeout()),
    };
    if let Some(ds) = &serving.ds {
        requests.ds_peer = Some(ds_peer(ds, &stream));
    }
    let http = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Http::Two,
        _ => Http::One,
    };
    connection::run(stream, http, requests, &serving.limits, &serving.shutdown).await;
}

/// The chain was checked by TLS; what is left is the name.
fn ds_peer(ds: &DsNames, stream: &TlsStream<TcpStream>) -> DsPeer {
    let own = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let name_ok = own.is_some_and(|own| names::has_one_of(own, &ds.peer_names));
    DsPeer { ds: ds.ds, name_ok }
}

fn refused(listener: &'static str, from: SocketAddr, refusal: &Refusal) {
    let Refusal { cause, detail } = refusal;
    metrics::counter!("acs_refused_total", "listener" => listener, "cause" => *cause).increment(1);
    if refusal.is_noise() {
        tracing::debug!(listener, peer = %from.ip(), cause, detail, "TLS connection refused");
    } else {
        tracing::warn!(listener, peer = %from.ip(), cause, detail, "TLS connection refused");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// More than any process has file descriptors.
const MOST_CONNECTIONS: u32 = 1 << 20;

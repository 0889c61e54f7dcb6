//! One connection: HTTP on it until the peer leaves, nothing happens for too long, or the service
//! stops.

use std::pin::pin;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::request::Requests;
use crate::config::Limits;
use crate::shutdown::Shutdown;

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    One,
    Two,
}

/// Serves a connection to its end [P-TRN-14, Req 187, Req 188].
pub(super) async fn run<S>(
    stream: S,
    http: Http,
    requests: Requests,
    limits: &Limits,
    shutdown: &Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = requests.activity();
    let service = service_fn(move |request| requests.clone().answer(request));
    let builder = builder(http, limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut begun = pin!(shutdown.begun());
    let mut ending = false;
    let mut look = Instant::now() + limits.header();
    loop {
        tokio::select! {
            // Mostly it is the connection.
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            () = &mut begun, if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
                look = Instant::now() + limits.drain();
            }
            () = sleep_until(look) => {
                let idle = activity.idle();
                if idle >= limits.header() {
                    // Asked to leave once and still here: it does not read what it is sent.
                    if ending {
                        return;
                    }
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                    look = Instant::now() + LAST_WORDS;
                } else {
                    look = Instant::now() + (limits.header() - idle).max(LAST_WORDS);
                }
            }
        }
    }
}

fn builder(http: Http, limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header())
        .max_buf_size(MAX_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_PATIENCE);
    match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_only(),
    }
}

const MAX_BUFFER: usize = 64 * 1024;
const MAX_STREAMS: u32 = 128;
const MAX_HEADER_LIST: u32 = 32 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// Time to take the last answer after being told to leave.
const LAST_WORDS: Duration = Duration::from_secs(5);

//! The log, the metrics recorder, and what is left of a panic.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;

use anyhow::{Context as _, anyhow};
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::MetricsHandle;
use crate::config::{Log, LogFormat};

/// The environment variable that overrides `log.level`.
pub const LEVEL_VARIABLE: &str = "ACS_LOG";

/// Starts the log of this process.
///
/// # Errors
/// When the level is not understood, the file cannot be opened, or a log runs already.
pub fn start_log(log: &Log) -> anyhow::Result<()> {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| log.level.clone());
    let filter = EnvFilter::try_new(&level)
        .with_context(|| format!("the log level \"{level}\" is not understood"))?;
    match &log.file {
        None => start(log.format, filter, io::stderr, io::stderr().is_terminal()),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path);
            let file = file.with_context(|| format!("opening the log {}", path.display()))?;
            start(log.format, filter, Mutex::new(file), false)
        }
    }
}

fn start<W>(format: LogFormat, filter: EnvFilter, writer: W, ansi: bool) -> anyhow::Result<()>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // They would go to standard error, and panic when that is full too.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(ansi).finish().try_init(),
        LogFormat::Json => log.json().flatten_event(true).finish().try_init(),
    }
    .map_err(|error| anyhow!("the log cannot be started: {error}"))
}

/// Installs the recorder of the `metrics` macros.
///
/// # Errors
/// When there is one already.
pub fn start_metrics() -> anyhow::Result<MetricsHandle> {
    let recorder = PrometheusBuilder::new().install_recorder();
    let handle = recorder.context("the metrics recorder cannot be installed")?;
    for (name, text) in DESCRIPTIONS {
        metrics::describe_counter!(name, text);
    }
    Ok(MetricsHandle(handle))
}

/// Logs where a panic happened, never what it said: that may hold parts of a message.
pub fn hook_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        metrics::counter!("acs_panics_total").increment(1);
        tracing::error!(place, thread, "a defect of this program stopped a task");
    }));
}

const DESCRIPTIONS: [(&str, &str); 10] = [
    ("acs_areq_total", "AReqs answered, by directory server and transaction status"),
    ("acs_areq_unstored_total", "AReqs that could not be stored"),
    ("acs_clock_jumps_total", "How often the system's clock was set while the service ran"),
    ("acs_erro_total", "Erros sent, by code and rule"),
    ("acs_erro_received_total", "Erros received, by directory server"),
    ("acs_foreign_ds_url_total", "AReqs whose dsURL is outside the allowed targets"),
    ("acs_otp_total", "One-time passwords, by how their delivery ended"),
    ("acs_panics_total", "Tasks stopped by a defect of this program"),
    ("acs_refused_total", "Connections and messages refused, by listener and cause"),
    ("acs_rreq_total", "RReq attempts, by how they ended"),
];

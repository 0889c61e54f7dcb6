//! `ds-sim load` and `ds-sim echo`: what benchmarks need.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use ds_simulator::echo::{self, ARES_BYTES, Work};
use ds_simulator::load::{self, AppRounds, LoadOptions};
use ds_simulator::message::Order;
use ds_simulator::pki::Identity;
use ds_simulator::{Endpoints, cards};

use crate::in_app::Enc;
use crate::say;

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[arg(long, default_value = "target/demo/endpoints.json")]
    endpoints: PathBuf,
    /// Somewhere else than the ACS of endpoints.json
    #[arg(long)]
    to: Option<String>,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Stop after this many requests
    #[arg(long)]
    requests: Option<u64>,
    /// Stop after this many seconds; 10 when nothing else ends the load
    #[arg(long)]
    seconds: Option<f64>,
    #[arg(long, default_value = "2.2.0")]
    version: String,
    /// Card number; default: the first of the cards file whose result is Y
    #[arg(long)]
    pan: Option<String>,
    /// Amount in minor units
    #[arg(long, default_value = "1200")]
    amount: String,
    /// Report the CPU time of this process too
    #[arg(long)]
    watch: Option<u32>,
    #[command(flatten)]
    in_app: AppLoad,
}

/// Load of apps.
#[derive(Debug, Args)]
struct AppLoad {
    /// AReqs of apps instead of browsers
    #[arg(long)]
    app: bool,
    /// CReqs with wrong codes, so many for each challenge; the challenges are opened before the
    /// measured part
    #[arg(long, default_value_t = 0)]
    rounds: u8,
    /// Challenges for --rounds
    #[arg(long, default_value_t = 1024)]
    challenges: usize,
    /// CReqs of challenges that nobody opened, for `ds-sim echo`
    #[arg(long)]
    invented: bool,
    /// Encryption of the CReqs
    #[arg(long, value_enum, default_value = "gcm")]
    enc: Enc,
}

/// What `ds-sim echo` does with a request.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Does {
    /// Answers
    Nothing,
    /// Makes a row durable
    Row,
    /// All that an app's ARes takes: parse, key pair, agreement, signature, row
    AppAreq,
}

#[derive(Debug, Args)]
pub(crate) struct Echo {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, default_value = "target/demo/endpoints.json")]
    endpoints: PathBuf,
    /// What it does with a request
    #[arg(long, value_enum, default_value = "nothing")]
    does: Does,
    /// Ask clients for no certificate
    #[arg(long)]
    anyone: bool,
    #[arg(long, default_value_t = ARES_BYTES)]
    answer_bytes: usize,
    #[arg(long, default_value_t = 1400)]
    row_bytes: usize,
    /// The file for the rows; must not exist
    #[arg(long, default_value = "echo.sqlite")]
    database: PathBuf,
}

pub(crate) async fn load(args: Load) -> Result<ExitCode> {
    let ends = Endpoints::read(&args.endpoints)?;
    let cards = ends.cards.as_deref().map(cards::read).unwrap_or_default();
    let card = cards.iter().find(|card| card.expect == "Y");
    let pan = args.pan.or_else(|| card.map(|card| card.pan.clone()));
    let AppLoad { app, rounds, challenges, invented, enc } = args.in_app;
    let order = Order {
        expiry: cards.iter().find(|c| Some(&c.pan) == pan.as_ref()).and_then(|c| c.expiry.clone()),
        pan: pan.context("no card with result Y in the cards file: give --pan")?,
        amount: args.amount,
        channel: if app || rounds > 0 { "01" } else { "02" }.to_owned(),
        ..Order::default()
    };
    let endless = args.requests.is_none() && rounds == 0;
    let seconds = args.seconds.or_else(|| endless.then_some(10.0));
    let options = LoadOptions {
        url: args.to,
        connections: args.connections,
        requests: args.requests,
        time: seconds.map(Duration::try_from_secs_f64).transpose()?,
        version: args.version,
        order,
        ds_url: ends.ds.rreq.clone().context("endpoints.json without ds.rreq")?,
        watch: args.watch,
    };
    let report = if rounds > 0 {
        let rounds = AppRounds { challenges, rounds, encryption: enc.into(), invented };
        load::app_rounds(&ends, &options, rounds).await?
    } else {
        load::load(&ends, &options).await?
    };
    say(&serde_json::to_string_pretty(&report)?)?;
    Ok(if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn echo(args: Echo) -> Result<ExitCode> {
    let ends = Endpoints::read(&args.endpoints)?;
    let folder = ends.pki.ds_ca.parent().context("ds_ca without folder")?;
    let identity = Identity::in_dir(folder, "acs-server-ec");
    let Echo { answer_bytes, row_bytes, database, .. } = args;
    let work = match args.does {
        Does::Nothing => Work::Nothing { answer_bytes },
        Does::Row => Work::Row { answer_bytes, row_bytes, database },
        Does::AppAreq => {
            let signing = Identity::in_dir(folder, "acs-signing");
            Work::AppAReq { row_bytes, database, signing }
        }
    };
    let client_ca = (!args.anyone).then_some(ends.pki.ds_ca.as_path());
    echo::echo(args.listen, &identity, client_ca, &work, |address| {
        let _ = say(&format!("https://localhost:{}/3ds/areq", address.port()));
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

//! `ds-sim`: the simulator from the shell.

mod by_load;
mod by_passkey;
mod in_app;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ds_simulator::browser::{CodeSource, Step};
use ds_simulator::cards;
use ds_simulator::endpoints::{Endpoints, PkiFiles, Ports};
use ds_simulator::jar::Jar;
use ds_simulator::link::Link;
use ds_simulator::message::Order;
use ds_simulator::notice::{Notice, Sender};
use ds_simulator::pki::Identity;
use ds_simulator::sdk::{AppOptions, pay_in_app};
use ds_simulator::send::{self, Role};
use ds_simulator::trace::{Event, Trace};
use ds_simulator::{
    Faults, IssuerSystems, NetworkConfig, PayOptions, Receipt, SimConfig, Simulator,
};

/// Directory server, 3DS Server, shop and browser around an Access Control Server.
#[derive(Debug, Parser)]
#[command(name = "ds-sim", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples (against a running `cargo xtask demo`):
  ds-sim pay --pan 4000000000001000 --amount 500
  ds-sim pay --pan 4000000000001091 --amount 12800 --version 2.1.0
  ds-sim pay --pan 4000000000001091 --amount 12800 --do 000000 --do resend --do cancel
  ds-sim pay --channel app --ui native --enc cbc --pan 4000000000001091 --amount 12800
  ds-sim pay --pan 4000000000001091 --amount 900 --channel 3ri --three-ri-ind 01 --prior-ref ID
  ds-sim pay --pan 4000000000001091 --amount 12800 --decoupled Y --dec-max-time 5 --word approved
  ds-sim pay --pan 4000000000001091 --amount 12800 --decoupled F --dec-max-time 5 --do later
  ds-sim send areq.json --as ds --fresh
  ds-sim oreq --text \"The root changes on 1 March.\" --parts 3
  ds-sim load --seconds 5 --connections 16";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve directory servers, shop and control API until Ctrl-C
    Serve(Serve),
    /// Make one payment without a browser and print each message
    Pay(Box<Pay>),
    /// Post a message file as it is and print the answer
    Send(Send),
    /// Send an operational notice to the ACS as a directory server does, part by part
    Oreq(Oreq),
    /// Send AReqs as a directory server does or CReqs as apps do, as fast as the ACS answers; report
    /// as JSON
    Load(by_load::Load),
    /// The bare TLS servers that benchmarks compare with
    #[command(hide = true)]
    Echo(by_load::Echo),
    /// Print the public values of a software passkey, for the `passkeys` list of a card file
    Passkey(by_passkey::PasskeyArgs),
    /// Print (or write) the endpoints.json of a demo folder
    Endpoints(EndpointsArgs),
}

#[derive(Debug, Args)]
struct Layout {
    /// Folder with pki/ and sim/, as `cargo xtask demo` makes it
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// Use ports N to N+19 instead of the default ones
    #[arg(long)]
    base_port: Option<u16>,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    layout: Layout,
    /// Write endpoints.json here once every listener, the ACS's too, answers
    #[arg(long)]
    write_endpoints: Option<PathBuf>,
    /// Append every message to this file, card numbers in clear
    #[arg(long)]
    record: Option<PathBuf>,
    /// Seconds to wait for the ACS before giving up on --write-endpoints
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

#[derive(Debug, Args)]
struct Pay {
    /// Card number
    #[arg(long)]
    pan: String,
    /// Amount in minor units
    #[arg(long)]
    amount: String,
    /// ISO 4217 numeric code
    #[arg(long, default_value = "392")]
    currency: String,
    /// 2.1.0, 2.2.0 or 2.3.1; the highest common one when absent
    #[arg(long)]
    version: Option<String>,
    /// Read the one-time code from the ACS's outbox file; default: the one in endpoints.json
    #[arg(long, conflicts_with = "otp")]
    otp_from: Option<PathBuf>,
    /// Type this one-time code
    #[arg(long)]
    otp: Option<String>,
    /// Card expiry, YYMM; default: the one in the cards file
    #[arg(long)]
    expiry: Option<String>,
    /// 01 payment, 02 non-payment
    #[arg(long, default_value = "01")]
    category: String,
    /// threeRIInd, with --channel 3ri
    #[arg(long)]
    three_ri_ind: Option<String>,
    /// acsTransID of an earlier authentication
    #[arg(long)]
    prior_ref: Option<String>,
    /// threeDSRequestorAuthenticationInd; default: 01, for a non-payment 04
    #[arg(long)]
    authentication_ind: Option<String>,
    /// threeDSRequestorDecReqInd: Y, N; for 2.3.1 also F, B
    #[arg(long)]
    decoupled: Option<String>,
    /// threeDSRequestorDecMaxTime, minutes
    #[arg(long)]
    dec_max_time: Option<u32>,
    /// What the issuer says when it is asked (decoupled, or in its app): approved, declined, rejected
    /// or unavailable; nothing when absent
    #[arg(long)]
    word: Option<String>,
    /// Seconds to wait for the RReq
    #[arg(long, default_value_t = 10)]
    patience: u64,
    /// threeDSRequestorChallengeInd; may be given twice for 2.3.1
    #[arg(long)]
    challenge_ind: Vec<String>,
    /// challengeWindowSize, 01 to 05
    #[arg(long, default_value = "02")]
    window: String,
    /// threeDSSessionData, base64url
    #[arg(long)]
    session_data: Option<String>,
    /// What the cardholder does before typing the right code: a code to type, or `resend`,
    /// `cancel`, `later`, `reload`, `leave`; in an app also `choose:KEY[,KEY]`, `continue`, `back`,
    /// `nothing`, `more`, `both:ONE,TWO`, `timeout`; may be repeated
    #[arg(long = "do")]
    steps: Vec<String>,
    #[command(flatten)]
    app: in_app::InApp,
    #[command(flatten)]
    by_passkey: by_passkey::ByPasskey,
    /// Tick a box of the challenge page: trust, bind; may be repeated
    #[arg(long = "tick")]
    ticks: Vec<String>,
    /// Keep the browser's cookies in this file from one payment to the next
    #[arg(long)]
    cookies: Option<PathBuf>,
    /// Leave the 3DS Method out
    #[arg(long)]
    skip_method: bool,
    /// Merge this JSON object into the AReq; null takes an element away
    #[arg(long)]
    areq: Option<String>,
    /// Faults as JSON, e.g. {"rreq":"never_answer"}
    #[arg(long)]
    faults: Option<String>,
    #[arg(long, default_value = "target/demo/endpoints.json")]
    endpoints: PathBuf,
    /// Append every message to this file, card numbers in clear
    #[arg(long)]
    record: Option<PathBuf>,
    /// The final transStatus there must be
    #[arg(long)]
    expect: Option<String>,
    /// Print the receipt as JSON instead of the messages
    #[arg(long)]
    json: bool,
    /// Print each message whole
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    Ds,
    #[value(name = "3dss")]
    ThreeDss,
}

#[derive(Debug, Args)]
struct Send {
    file: PathBuf,
    /// Whose client certificate to present; default: by message type
    #[arg(long = "as", value_enum)]
    role: Option<As>,
    /// New threeDSServerTransID, dsTransID and sdkTransID
    #[arg(long)]
    fresh: bool,
    /// Default: by message type, from endpoints.json
    #[arg(long)]
    to: Option<String>,
    #[arg(long, default_value = "target/demo/endpoints.json")]
    endpoints: PathBuf,
}

#[derive(Debug, Args)]
struct Oreq {
    /// The notice
    #[arg(long)]
    text: Option<String>,
    /// opCategory: 01 general, 02 alert, 03 certificate expiry, 04 approval expiry, 05 fraud, 06 other
    #[arg(long, default_value = "03")]
    category: String,
    /// opSeverity: 01 critical, 02 major, 03 minor, 04 informational
    #[arg(long, default_value = "02")]
    severity: String,
    /// opExpDate, YYYYMMDD; default: in 30 days
    #[arg(long)]
    expires: Option<String>,
    /// Cut the text into this many parts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=99))]
    parts: u8,
    /// Send only these parts, in this order, e.g. 1,3
    #[arg(long, value_delimiter = ',')]
    numbers: Vec<u8>,
    /// acsTransID of the transaction that it is about
    #[arg(long)]
    about: Option<String>,
    /// Merge this JSON object into each OReq; null takes an element away
    #[arg(long)]
    oreq: Option<String>,
    #[arg(long, default_value = "target/demo/endpoints.json")]
    endpoints: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EndpointsArgs {
    #[command(flatten)]
    layout: Layout,
    /// Write the file instead of printing it
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DS_SIM_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve(args).await,
        Command::Pay(args) => pay(*args).await,
        Command::Send(args) => send_file(args).await,
        Command::Oreq(args) => send_notice(args).await,
        Command::Load(args) => by_load::load(args).await,
        Command::Echo(args) => by_load::echo(args).await,
        Command::Passkey(args) => {
            args.public().and_then(|text| say(&text)).map(|()| ExitCode::SUCCESS)
        }
        Command::Endpoints(args) => endpoints(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say_error(&format!("ds-sim: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn serve(args: Serve) -> Result<ExitCode> {
    let ports = Ports::choose(args.layout.base_port);
    let ends = Endpoints::for_demo(&args.layout.dir, &ports);
    let pki = ends.pki_dir().to_owned();
    let network = |name: &str, acs: u16, ds: u16, own: u16| NetworkConfig {
        name: name.to_owned(),
        acs_areq: format!("https://localhost:{acs}/3ds/areq"),
        ds_port: ds,
        three_ds_server_port: own,
        pki: PkiFiles::in_dir(&pki, name),
    };
    let simulator = Simulator::start(SimConfig {
        networks: vec![
            network("ds-a", ports.acs_ds_a, ports.ds_a, ports.threeds_server_a),
            network("ds-b", ports.acs_ds_b, ports.ds_b, ports.threeds_server_b),
        ],
        acs_method: ends.acs.method.clone(),
        shop_port: ports.shop,
        control_port: Some(ports.control),
        ca: ends.pki.ca.clone(),
        shop_identity: Identity::in_dir(&pki.join("web"), "shop-ec"),
        cards: ends.cards.clone(),
        outbox: ends.outbox.clone(),
        record: args.record,
        observer: None,
        faults: Faults::default(),
        issuer: IssuerSystems::for_endpoints(&ends).ok(),
    })
    .await?;
    say(&format!("directory server ds-a https://localhost:{}/ds", ports.ds_a))?;
    say(&format!("directory server ds-b https://localhost:{}/ds", ports.ds_b))?;
    say(&format!("shop                  {}", simulator.shop_url()))?;
    say(&format!("control and traces    {}", simulator.control_url().unwrap_or("none")))?;
    if let Some(path) = args.write_endpoints {
        wait_for_acs(&ends, Duration::from_secs(args.patience)).await?;
        ends.write(&path)?;
        say(&format!("endpoints             {}", path.display()))?;
    }
    say("ready")?;
    wait_for_signal().await?;
    drop(simulator);
    Ok(ExitCode::SUCCESS)
}

/// Waits until the ACS says it is ready.
async fn wait_for_acs(ends: &Endpoints, patience: Duration) -> Result<()> {
    let Some(ops) = &ends.acs.ops else { return Ok(()) };
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(ds_simulator::pki::client_config(&ends.pki.ca, None)?)
        .no_proxy()
        .build()?;
    let start = Instant::now();
    while start.elapsed() < patience {
        let answer =
            client.get(format!("{ops}/readyz")).timeout(Duration::from_secs(2)).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the ACS is not ready at {ops}/readyz after {} s", patience.as_secs())
}

async fn wait_for_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn pay(args: Pay) -> Result<ExitCode> {
    let ends = Endpoints::read(&args.endpoints)?;
    let options = pay_options(&args, &ends)?;
    let mut config = SimConfig::for_endpoints(&ends);
    config.record.clone_from(&args.record);
    if let Some(faults) = &args.faults {
        config.faults = serde_json::from_str(faults).context("--faults")?;
    }
    if !args.json {
        let verbose = args.verbose;
        config.observer = Some(Arc::new(move |event| print_event(event, verbose)));
    }
    let simulator = Simulator::start(config).await?;
    let merchant = &simulator.network().merchant;
    let receipt = if args.app.is_chosen() {
        let sdk = args.app.sdk(&simulator)?;
        let script = args.app.script(&args.steps, options.codes.clone(), args.json);
        let options = AppOptions { script, pay: options };
        pay_in_app(merchant, &sdk, &options).await?
    } else {
        let mut browser = simulator.browser()?;
        if let Some(path) = &args.cookies {
            browser.jar = Jar::load(path)?;
        }
        let receipt = ds_simulator::pay(merchant, &browser, &options).await?;
        if let Some(path) = &args.cookies {
            browser.jar.save(path)?;
        }
        receipt
    };
    let expected =
        args.expect.as_deref().is_none_or(|want| receipt.status.as_deref() == Some(want));
    if args.json {
        say(&serde_json::to_string_pretty(&receipt)?)?;
    } else {
        print_receipt(&receipt)?;
    }
    if !expected {
        let want = args.expect.unwrap_or_default();
        say_error(&format!("expected {want}, got {}", receipt.status.as_deref().unwrap_or("-")));
    }
    let good = expected && receipt.is_consistent();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pay_options(args: &Pay, ends: &Endpoints) -> Result<PayOptions> {
    let codes = match (&args.otp, args.otp_from.as_ref().or(ends.outbox.as_ref())) {
        (Some(code), _) => CodeSource::Fixed(code.clone()),
        (None, Some(outbox)) => CodeSource::Outbox(outbox.clone()),
        (None, None) => CodeSource::Nowhere,
    };
    let mut options = PayOptions::new(&args.pan, &args.amount, codes);
    options.version.clone_from(&args.version);
    options.skip_method = args.skip_method;
    options.rreq_patience = Duration::from_secs(args.patience);
    if let Some(word) = &args.word {
        options.word = Some((IssuerSystems::for_endpoints(ends)?, word.clone()));
    }
    options.ticks.clone_from(&args.ticks);
    options.spc = args.by_passkey.options()?;
    options.steps = args.steps.iter().map(|step| to_step(step)).collect();
    options.order = Order {
        expiry: args.expiry.clone().or_else(|| expiry_on_file(args, ends)),
        currency: args.currency.clone(),
        category: args.category.clone(),
        channel: args.app.code().to_owned(),
        three_ri_ind: args.three_ri_ind.clone(),
        prior_ref: args.prior_ref.clone(),
        authentication_ind: args.authentication_ind.clone(),
        decoupled: args.decoupled.clone(),
        decoupled_minutes: args.dec_max_time,
        challenge_ind: args.challenge_ind.clone(),
        window_size: args.window.clone(),
        session_data: args.session_data.clone(),
        overrides: match &args.areq {
            Some(json) => serde_json::from_str(json).context("--areq")?,
            None => serde_json::Map::new(),
        },
        ..options.order
    };
    Ok(options)
}

fn to_step(word: &str) -> Step {
    match word {
        "code" => Step::Code,
        "resend" => Step::Resend,
        "cancel" => Step::Cancel,
        "later" => Step::Later,
        "wait" => Step::Wait,
        "confirm" => Step::Confirm,
        "use-code" => Step::UseCode,
        "reload" => Step::Reload,
        "leave" => Step::Leave,
        text => Step::Type(text.to_owned()),
    }
}

fn expiry_on_file(args: &Pay, ends: &Endpoints) -> Option<String> {
    cards::read(ends.cards.as_deref()?)
        .into_iter()
        .find(|card| card.pan == args.pan)
        .and_then(|card| card.expiry)
}

fn print_event(event: &Event, verbose: bool) {
    let seconds = f64::from(i32::try_from(event.offset_ms).unwrap_or(i32::MAX)) / 1000.0;
    let (from, to) = event.leg.split_once('-').unwrap_or((&event.leg, ""));
    let line = format!(
        "{seconds:8.3}  {from:>4} -> {to:<4}  {:<6} {:>6} B  {}",
        event.what, event.size, event.summary
    );
    let _ = say(line.trim_end());
    if verbose && let Some(body) = &event.body {
        let _ = say(&serde_json::to_string_pretty(body).unwrap_or_default());
    }
}

fn print_receipt(receipt: &Receipt) -> Result<()> {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    say("")?;
    say(&format!(
        "result {}  {}",
        or_dash(&receipt.status),
        ds_simulator::words::status(receipt.status.as_deref())
    ))?;
    say(&format!(
        "  version {}  card {}  eci {}  authenticationValue {}",
        receipt.version,
        receipt.card,
        or_dash(&receipt.eci),
        if receipt.authentication_value { "present" } else { "absent" },
    ))?;
    if let Some(reason) = &receipt.reason {
        say(&format!("  reason {reason}: {}", ds_simulator::words::reason(reason)))?;
    }
    say(&format!("  ARes {}", or_dash(&receipt.ares_status)))?;
    if matches!(receipt.ares_status.as_deref(), Some("C" | "D")) {
        say(&format!(
            "  RReq {}  attempts {}  CRes {}",
            or_dash(&receipt.status),
            or_dash(&receipt.interaction_counter),
            or_dash(&receipt.cres_status)
        ))?;
    }
    say(&format!("  threeDSServerTransID {}", receipt.id))?;
    say(&format!("  acsTransID           {}", or_dash(&receipt.acs_trans_id)))?;
    for problem in &receipt.problems {
        say(&format!("  PROBLEM: {problem}"))?;
    }
    if let Some(follow_up) = &receipt.follow_up {
        say("")?;
        say("the decoupled authentication that the challenge gave way to:")?;
        print_receipt(follow_up)?;
    }
    Ok(())
}

async fn send_file(args: Send) -> Result<ExitCode> {
    let ends = Endpoints::read(&args.endpoints)?;
    let bytes = send::read(&args.file, args.fresh)?;
    let message = serde_json::from_slice(&bytes).unwrap_or_default();
    let role = args.role.map(|role| match role {
        As::Ds => Role::DirectoryServer,
        As::ThreeDss => Role::ThreeDsServer,
    });
    let (role, url) = send::default_target(&message, role, &ends);
    let url = args.to.or(url).context("endpoints.json has no place for this message: give --to")?;
    say(&format!("POST {url} ({} bytes)", bytes.len()))?;
    let answer = send::send(bytes, &url, role, &ends).await?;
    say(&format!("HTTP {}", answer.status))?;
    for name in ["content-type", "x-request-id", "x-response-id", "location", "retry-after"] {
        if let Some(value) = answer.headers.get(name) {
            say(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))?;
        }
    }
    match serde_json::from_slice::<serde_json::Value>(&answer.body) {
        Ok(json) => say(&serde_json::to_string_pretty(&json)?)?,
        Err(_) => say(&String::from_utf8_lossy(&answer.body))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn send_notice(args: Oreq) -> Result<ExitCode> {
    let ends = Endpoints::read(&args.endpoints)?;
    let defaults = Notice::default();
    let notice = Notice {
        to: defaults.to,
        category: args.category,
        severity: args.severity,
        text: args.text.unwrap_or(defaults.text),
        expires: args.expires.unwrap_or_default(),
        parts: args.parts,
        numbers: args.numbers,
        about: args.about,
        overrides: match &args.oreq {
            Some(json) => serde_json::from_str(json).context("--oreq")?,
            None => serde_json::Map::new(),
        },
        sequence: String::new(),
    };
    let identity =
        Identity { cert: ends.pki.ds_client_cert.clone(), key: ends.pki.ds_client_key.clone() };
    let sender = Sender {
        link: &Link::new(&ends.pki.ca, Some(&identity))?,
        url: ends.acs.oreq.as_deref().context("endpoints.json without acs.oreq")?,
        ds_reference_number: "DS-SIM-REF-0001",
        trace: &Trace::new(None, None),
    };
    let report = sender.send(&notice).await;
    if args.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&format!("sequence {}", report.sequence))?;
        for part in &report.answers {
            let words = part.message.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            say(&format!("  part {:2}  HTTP {}  {words}", part.number, part.status))?;
        }
        for problem in &report.problems {
            say(&format!("  PROBLEM: {problem}"))?;
        }
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn endpoints(args: &EndpointsArgs) -> Result<ExitCode> {
    let ends = Endpoints::for_demo(&args.layout.dir, &Ports::choose(args.layout.base_port));
    match &args.write {
        Some(path) => ends.write(path)?,
        None => say(&serde_json::to_string_pretty(&ends)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn say_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

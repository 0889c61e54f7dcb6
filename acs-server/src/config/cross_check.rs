//! Checks that concern more than one field. Each finding says what to do.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use acs_core::flow::screen;
use acs_core::policy::RuleOutcome;

use super::keys::SOFTWARE_KEYS_SENTENCE;
use super::{Config, Ds, Gateway, Issuer};

/// Everything wrong with a configuration that was parsed; empty when it may run.
#[must_use]
pub fn findings(config: &Config) -> Vec<String> {
    let mut findings = Vec::new();
    public(config, &mut findings);
    sockets(config, &mut findings);
    limits(config, &mut findings);
    reasons(config, &mut findings);
    directory_servers(config, &mut findings);
    issuers(config, &mut findings);
    if config.is_production() {
        production(config, &mut findings);
    }
    findings
}

fn public(config: &Config, findings: &mut Vec<String>) {
    let url = &config.public.cardholder_url;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let named = !url.username().is_empty() || url.password().is_some();
    if url.scheme() != "https" || !bare || named {
        findings.push(format!(
            "public.cardholder_url \"{url}\" must be an https origin without path, query or user \
             name, such as \"https://acs.example\""
        ));
    }
}

fn sockets(config: &Config, findings: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    let fixed = [
        ("listen.cardholder".to_owned(), config.listen.cardholder),
        ("listen.ops".to_owned(), config.listen.ops),
    ];
    let issuer = config.listen.issuer.map(|address| ("listen.issuer".to_owned(), address));
    let ds = config.ds.iter().map(|ds| (format!("ds \"{}\" listen", ds.id), ds.listen));
    for (name, address) in fixed.into_iter().chain(issuer).chain(ds) {
        if address.port() != 0 && !seen.insert(address) {
            findings.push(format!(
                "{name} = \"{address}\" is used twice: every listener needs a socket of its own"
            ));
        }
    }
}

fn limits(config: &Config, findings: &mut Vec<String>) {
    if config.limits.areq_bytes < SMALLEST_AREQ_LIMIT {
        findings.push(format!(
            "limits.areq_bytes = {} would refuse legal AReqs: use at least {SMALLEST_AREQ_LIMIT}",
            config.limits.areq_bytes
        ));
    }
    let limits = &config.limits;
    if limits.creq_bytes < SMALLEST_CREQ_LIMIT {
        findings.push(format!(
            "limits.creq_bytes = {} would refuse legal CReqs: use at least {SMALLEST_CREQ_LIMIT}",
            limits.creq_bytes
        ));
    }
    if limits.request_bytes < SMALLEST_REQUEST_BYTES {
        findings.push(format!(
            "limits.request_bytes = {} is too little for a few requests at once: use at least \
             {SMALLEST_REQUEST_BYTES}",
            limits.request_bytes
        ));
    }
    let zero = [
        ("connections", limits.connections == 0),
        ("handshake_seconds", limits.handshake_seconds == 0),
        ("header_seconds", limits.header_seconds == 0),
        ("body_seconds", limits.body_seconds == 0),
        ("page_bytes", limits.page_bytes == 0),
        ("method_bytes", limits.method_bytes == 0),
    ];
    for (name, _) in zero.iter().filter(|(_, zero)| *zero) {
        findings.push(format!(
            "limits.{name} = 0 would refuse everything: leave it out for the default"
        ));
    }
    let protocol = &config.protocol;
    for (name, seconds) in [
        ("first_creq_seconds", protocol.first_creq_seconds),
        ("idle_seconds", protocol.idle_seconds),
        ("spc_seconds", protocol.spc_seconds),
        ("rres_seconds", protocol.rres_seconds),
        ("rreq_connect_seconds", protocol.rreq_connect_seconds),
        ("rreq_retry_seconds", protocol.rreq_retry_seconds),
        ("rreq_life_seconds", protocol.rreq_life_seconds),
    ] {
        if seconds == 0 {
            findings
                .push(format!("protocol.{name} = 0 leaves no time: leave it out for the default"));
        }
    }
}

/// Reason 14 goes with our own timeouts (challengeCancel 04, 05) and with nothing else
/// [P-APP-19, P-STAT-12, Note 4].
fn reasons(config: &Config, findings: &mut Vec<String>) {
    let protocol = &config.protocol;
    for (name, reason) in [
        ("brw_cancel_reason_210", &protocol.brw_cancel_reason_210),
        ("brw_cancel_reason_220", &protocol.brw_cancel_reason_220),
        ("technical_reason_210", &protocol.technical_reason_210),
        ("app_cancel_reason_210", &protocol.app_cancel_reason_210),
        ("app_cancel_reason_220", &protocol.app_cancel_reason_220),
        ("app_cancel_reason_231", &protocol.app_cancel_reason_231),
    ] {
        if reason == TIMED_OUT {
            findings.push(format!(
                "protocol.{name} = \"{reason}\" would report a timeout that was none: use another \
                 reason, or leave it out for the default"
            ));
        }
    }
}

fn directory_servers(config: &Config, findings: &mut Vec<String>) {
    if config.ds.is_empty() {
        findings.push("there is no [[ds]]: add one per directory server".to_owned());
    }
    let mut ids = BTreeSet::new();
    for ds in &config.ds {
        id("ds", &ds.id, &mut ids, findings);
        directory_server(ds, findings);
    }
    certificates("tls.cardholder", config.tls.cardholder.certificates.len(), findings);
    issuer_listener(config, findings);
}

/// The listener needs an address and an identity, or neither.
fn issuer_listener(config: &Config, findings: &mut Vec<String>) {
    match (&config.listen.issuer, &config.tls.issuer) {
        (Some(_), Some(tls)) => certificates("tls.issuer", tls.certificates.len(), findings),
        (Some(_), None) => findings.push(
            "listen.issuer needs an identity: add certificates under [tls.issuer]".to_owned(),
        ),
        (None, Some(_)) => findings
            .push("tls.issuer has no socket: add listen.issuer, or remove [tls.issuer]".to_owned()),
        (None, None) => {}
    }
}

fn directory_server(ds: &Ds, findings: &mut Vec<String>) {
    let name = format!("ds \"{}\"", ds.id);
    certificates(&name, ds.certificates.len(), findings);
    if ds.peer_names.is_empty() || ds.peer_names.iter().any(|name| name.trim().is_empty()) {
        findings.push(format!(
            "{name} needs peer_names: without the directory server's own name any 3DS Server under \
             the same root could act for it"
        ));
    }
    findings.extend(ds.images.findings(&format!("{name} images")));
    if ds.versions.is_empty() {
        findings.push(format!("{name} accepts no version: name at least one in versions"));
    }
    if ds.rreq_targets.is_empty() {
        findings.push(format!(
            "{name} has no rreq_targets: results of challenges could go nowhere; name the \
             directory server's RReq URL"
        ));
    }
    if ds.acs_reference_number.is_empty() || ds.acs_reference_number.chars().count() > 32 {
        findings.push(format!("{name} acs_reference_number must have 1 to 32 characters"));
    }
    if ds.acs_operator_id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > 32) {
        findings.push(format!(
            "{name} acs_operator_id must have 1 to 32 characters; leave it out when this DS wants none"
        ));
    }
}

fn certificates(name: &str, count: usize, findings: &mut Vec<String>) {
    if !(1..=2).contains(&count) {
        findings.push(format!(
            "{name} has {count} certificates: give one P-256 pair, one RSA pair, or one of each"
        ));
    }
}

fn issuers(config: &Config, findings: &mut Vec<String>) {
    if config.issuer.is_empty() {
        findings.push("there is no [[issuer]]: add one per issuer".to_owned());
    }
    let mut ids = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for issuer in &config.issuer {
        id("issuer", &issuer.id, &mut ids, findings);
        one_issuer(issuer, config, findings);
        // With a shared key the systems of one could speak for the other.
        if issuer.api.as_ref().is_some_and(|api| !keys.insert(&api.key_file)) {
            findings.push(format!(
                "issuer \"{}\" has the api.key_file of another issuer: give each a key of its own",
                issuer.id
            ));
        }
    }
    for (position, one) in config.issuer.iter().enumerate() {
        for other in &config.issuer[position + 1..] {
            let shared = one.ds.iter().find(|ds| other.ds.contains(ds));
            let overlap = || {
                one.ranges.iter().any(|range| other.ranges.iter().any(|end| range.overlaps(end)))
            };
            if let Some(ds) = shared.filter(|_| overlap()) {
                findings.push(format!(
                    "issuers \"{}\" and \"{}\" have overlapping ranges for ds \"{ds}\": a card must \
                     belong to one issuer",
                    one.id, other.id
                ));
            }
        }
    }
}

fn one_issuer(issuer: &Issuer, config: &Config, findings: &mut Vec<String>) {
    let name = format!("issuer \"{}\"", issuer.id);
    if issuer.ds.is_empty() {
        findings.push(format!("{name} names no ds: nobody could ask for its cards"));
    }
    for ds in issuer.ds.iter().filter(|id| !config.ds.iter().any(|ds| ds.id == **id)) {
        findings.push(format!("{name} names ds \"{ds}\", but there is no [[ds]] with that id"));
    }
    if issuer.ranges.is_empty() {
        findings.push(format!("{name} has no ranges: it would serve no card"));
    }
    for (position, range) in issuer.ranges.iter().enumerate() {
        if issuer.ranges[position + 1..].iter().any(|other| range.overlaps(other)) {
            findings.push(format!("{name} lists overlapping ranges: join them"));
        }
    }
    rules(issuer, &name, findings);
    if issuer.security_code.as_ref().is_some_and(|codes| !(1..=20).contains(&codes.max_wrong)) {
        findings.push(format!("{name} security_code.max_wrong must be 1 to 20"));
    }
    decoupled(issuer, &name, config, findings);
    out_of_band(issuer, &name, config, findings);
    findings.extend(issuer.consent.findings(&name, &issuer.rule));
    findings.extend(issuer.spc.iter().flat_map(|spc| spc.findings(&name)));
    locales(issuer, &name, findings);
    one_time_passwords(issuer, &name, config, findings);
    findings.extend(issuer.app.findings(&name));
    let texts = screen::findings(&issuer.app.texts(), &issuer.name, &issuer.phone);
    findings.extend(texts.into_iter().map(|finding| format!("{name} {finding}")));
}

/// Results of decoupled authentications come over the issuer listener.
fn decoupled(issuer: &Issuer, name: &str, config: &Config, findings: &mut Vec<String>) {
    if issuer.decoupled.offered && (issuer.api.is_none() || config.listen.issuer.is_none()) {
        findings.push(format!(
            "{name} offers decoupled authentication, but its systems could not answer: add an api \
             with a key_file, and listen.issuer with [tls.issuer]"
        ));
    }
    let seconds = issuer.decoupled.fallback_seconds;
    if !FALLBACK_SECONDS.contains(&seconds) {
        findings.push(format!("{name} decoupled.fallback_seconds = {seconds} must be 60 to 600"));
    }
    if !(1..=MOST_DECOUPLED_MINUTES).contains(&issuer.decoupled.min_minutes) {
        findings.push(format!(
            "{name} decoupled.min_minutes = {} must be 1 to {MOST_DECOUPLED_MINUTES}",
            issuer.decoupled.min_minutes
        ));
    }
}

/// Results of the issuer's app come over the issuer listener too.
fn out_of_band(issuer: &Issuer, name: &str, config: &Config, findings: &mut Vec<String>) {
    let oob = &issuer.oob;
    if oob.offered && (issuer.api.is_none() || config.listen.issuer.is_none()) {
        findings.push(format!(
            "{name} offers out-of-band authentication, but its systems could not answer: add an api \
             with a key_file, and listen.issuer with [tls.issuer]"
        ));
    }
    if !oob.method_is_known() {
        findings.push(format!("{name} oob.method = \"{}\" must be 07, 08, 09 or 11", oob.method));
    }
    let idle = config.protocol.idle_seconds;
    if !(30..=idle).contains(&oob.life_seconds) {
        findings.push(format!(
            "{name} oob.life_seconds = {} must be 30 to protocol.idle_seconds ({idle})",
            oob.life_seconds
        ));
    }
    if oob.max_continues == 0 {
        findings.push(format!("{name} oob.max_continues must be at least 1"));
    }
    let url = &oob.app_url;
    let good = url.len() <= 2048 && url::Url::parse(url).is_ok_and(|url| url.scheme() == "https");
    if !url.is_empty() && !good {
        findings.push(format!(
            "{name} oob.app_url must be an https link of at most 2048 characters, as registered by \
             the app, or empty"
        ));
    }
}

/// Minor units say nothing without their currency, and anybody can claim anything.
fn rules(issuer: &Issuer, name: &str, findings: &mut Vec<String>) {
    for rule in &issuer.rule {
        if let Some(finding) = rule.exemption_finding() {
            findings.push(format!("{name} rule \"{}\" {finding}", rule.name));
        }
        if rule.when.recurring_amount_below.is_some() && rule.when.recurring_currency.is_empty() {
            findings.push(format!(
                "{name} rule \"{}\" compares recurring amounts in any currency: name them in \
                 when.recurring_currency",
                rule.name
            ));
        }
        let believes = !rule.when.claimed_trust.is_empty()
            || !rule.when.claimed_binding.is_empty()
            || !rule.when.requestor_auth_method.is_empty()
            || !rule.when.requestor_auth_result.is_empty()
            || rule.when.requestor_auth_data == Some(true)
            || rule.when.requestor_auth_verified == Some(true)
            || rule.when.requestor_auth_minutes_below.is_some();
        let accepts = matches!(rule.then, RuleOutcome::Accept | RuleOutcome::Attempt);
        if believes && accepts && rule.when.requestor_id.is_empty() {
            findings.push(format!(
                "{name} rule \"{}\" accepts what any 3DS Requestor claims: name those it believes in \
                 when.requestor_id",
                rule.name
            ));
        }
        let amount = rule.when.amount_at_least.is_some() || rule.when.amount_below.is_some();
        if amount && rule.when.currency.is_empty() {
            findings.push(format!(
                "{name} rule \"{}\" compares amounts in any currency: name them in when.currency",
                rule.name
            ));
        }
    }
}

fn locales(issuer: &Issuer, name: &str, findings: &mut Vec<String>) {
    if issuer.locales.is_empty() {
        findings.push(format!("{name} has no locales: use [\"ja\", \"en\"] or one of them"));
    }
    for locale in &issuer.locales {
        if !["ja", "en"].contains(&locale.as_str()) {
            findings.push(format!("{name} locale \"{locale}\" is not known: use \"ja\" or \"en\""));
        } else if issuer.name.get(locale).is_none_or(String::is_empty) {
            findings.push(format!("{name} has no name for locale \"{locale}\": add name.{locale}"));
        }
    }
}

fn one_time_passwords(issuer: &Issuer, name: &str, config: &Config, findings: &mut Vec<String>) {
    let otp = &issuer.otp;
    if !(6..=12).contains(&otp.length) {
        findings.push(format!("{name} otp.length = {} must be 6 to 12", otp.length));
    }
    if !(1..=5).contains(&otp.max_attempts) {
        findings.push(format!("{name} otp.max_attempts = {} must be 1 to 5", otp.max_attempts));
    }
    if otp.max_resends > MOST_RESENDS {
        findings.push(format!(
            "{name} otp.max_resends = {} must be 0 to {MOST_RESENDS}: every new code is a message that \
             costs money and a number more that may be guessed",
            otp.max_resends
        ));
    }
    if !RESEND_INTERVAL_SECONDS.contains(&otp.resend_interval_seconds) {
        findings.push(format!(
            "{name} otp.resend_interval_seconds = {} must be 5 to 300: without a pause a page sends \
             messages as fast as somebody presses a button",
            otp.resend_interval_seconds
        ));
    }
    if otp.life_seconds == 0 || otp.life_seconds > 600 {
        findings.push(format!("{name} otp.life_seconds = {} must be 1 to 600", otp.life_seconds));
    }
    if let Gateway::Webhook { url, .. } = &otp.gateway {
        let loopback = super::rreq_targets::is_loopback(url) && !config.is_production();
        if url.scheme() != "https" && !loopback {
            findings.push(format!("{name} otp.gateway url \"{url}\" must be https"));
        }
    }
}

fn id(kind: &str, id: &str, seen: &mut BTreeSet<String>, findings: &mut Vec<String>) {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 32 || !id.chars().all(legal) {
        findings.push(format!(
            "{kind} id \"{id}\" must have 1 to 32 of a-z, 0-9, \"-\" and \"_\": it names rows and metrics"
        ));
    }
    if !seen.insert(id.to_owned()) {
        findings.push(format!("{kind} id \"{id}\" is used twice"));
    }
}

fn production(config: &Config, findings: &mut Vec<String>) {
    if config.clock_is_movable() {
        findings.push("production runs on real time: remove clock.movable".to_owned());
    }
    if config.keys.allow_software_keys.as_deref() != Some(SOFTWARE_KEYS_SENTENCE) {
        findings.push(format!(
            "production keys in files need keys.allow_software_keys = \"{SOFTWARE_KEYS_SENTENCE}\""
        ));
    }
    plain_listener("listen.ops", config.listen.ops, findings);
    for ds in config.ds.iter().filter(|ds| ds.rreq_targets.allows_loopback()) {
        findings.push(format!(
            "ds \"{}\" rreq_targets holds \"https://loopback\", which is for development: name the \
             directory server's RReq URL",
            ds.id
        ));
    }
    for issuer in &config.issuer {
        if matches!(issuer.otp.gateway, Gateway::Outbox { .. }) {
            findings.push(format!(
                "issuer \"{}\" writes codes in clear to an outbox file, which is for development: \
                 use a webhook gateway",
                issuer.id
            ));
        }
        if issuer.scripted_outcomes {
            findings.push(format!(
                "issuer \"{}\" honours scripted outcomes, which is for development: remove \
                 scripted_outcomes",
                issuer.id
            ));
        }
    }
}

fn plain_listener(name: &str, address: SocketAddr, findings: &mut Vec<String>) {
    if !address.ip().is_loopback() {
        findings.push(format!(
            "{name} = \"{address}\" would be plain HTTP beyond this machine: use a loopback address \
             and let the probe run beside the service"
        ));
    }
}

/// `transStatusReason`: a timer of ours ran out.
const TIMED_OUT: &str = "14";
/// Seven days [P-DEC-01].
const MOST_DECOUPLED_MINUTES: u16 = 10_080;
/// Seconds for the 3RI request after a challenge: the printed 60, and room for delays [Req 467].
const FALLBACK_SECONDS: std::ops::RangeInclusive<u32> = 60..=600;
const MOST_RESENDS: u8 = 10;
const RESEND_INTERVAL_SECONDS: std::ops::RangeInclusive<u32> = 5..=300;
/// Room for 64 KiB deviceInfo, 80 KiB extensions and the rest [P-TRN-10].
const SMALLEST_AREQ_LIMIT: usize = 307_200;
/// Room for 80 KiB extensions in base64 and the rest.
const SMALLEST_CREQ_LIMIT: usize = 128 * 1024;
const SMALLEST_REQUEST_BYTES: usize = 16 * 1024 * 1024;

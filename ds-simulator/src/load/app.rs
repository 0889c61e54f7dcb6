//! CReqs of apps: challenges are opened beforehand and their CReqs encrypted, so that the measured
//! part only sends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::run::{Connection, Request, Run, Target};
use super::{Ids, LoadOptions, LoadReport, SDK_REFERENCE_NUMBER, Template, directory_server};
use crate::endpoints::Endpoints;
use crate::message::new_id;
use crate::pki;
use crate::sdk::jwe::Jwe;
use crate::sdk::keys::{ContentKey, Encryption, KeyPair, Way};
use crate::sdk::signed_content;
use crate::sdk::tamper::{JOSE, Wrapping};
use crate::trace::text;

/// Which CReqs to send.
#[derive(Debug, Clone, Copy)]
pub struct AppRounds {
    pub challenges: usize,
    /// CReqs with a wrong code, for each challenge: below what the issuer allows.
    pub rounds: u8,
    pub encryption: Encryption,
    /// CReqs of the same size of challenges that nobody opened, for a server that reads none.
    pub invented: bool,
}

/// Opens challenges, each up to its first screen, and then sends and measures their wrong codes.
/// `invented` ones go to the URL of the options, others where acsSignedContent says.
///
/// # Errors
/// When a challenge cannot be opened, or a connection cannot be made.
pub async fn app_rounds(
    ends: &Endpoints,
    options: &LoadOptions,
    rounds: AppRounds,
) -> Result<LoadReport> {
    let opened = if rounds.invented {
        let url = options.url.clone().context("invented CReqs need a URL to go to")?;
        let creqs = (0..rounds.challenges).map(|_| Challenge::invented(options, url.clone()));
        creqs.map(|challenge| challenge.wrong_codes(rounds)).collect::<Result<_>>()?
    } else {
        open(ends, options, rounds).await?
    };
    let Opened { url, requests } = together(opened)?;
    let target = Arc::new(Target::new(&url, pki::client_config(&ends.pki.ca, None)?, JOSE)?);
    let shares = shares(requests, options.connections);
    Run::of(options)
        .go(&target, |worker| {
            let mut share = shares.get(worker).cloned().unwrap_or_default();
            move || share.pop_front()
        })
        .await
}

/// The CReqs of a challenge, and where they go.
struct Opened {
    url: String,
    requests: Vec<Request>,
}

/// All first CReqs, then all second ones: no challenge hurries.
fn together(challenges: Vec<Opened>) -> Result<Opened> {
    let url = challenges.first().context("no challenge was opened")?.url.clone();
    let rounds = challenges.iter().map(|challenge| challenge.requests.len()).max().unwrap_or(0);
    let requests = (0..rounds).flat_map(|round| {
        challenges.iter().filter_map(move |challenge| challenge.requests.get(round).cloned())
    });
    Ok(Opened { url, requests: requests.collect() })
}

/// To each worker the CReqs of its own challenges: `requests` repeats the challenges in their
/// order, so that one worker sends all of a challenge where the number of challenges is a multiple
/// of that of workers.
fn shares(requests: Vec<Request>, workers: usize) -> Vec<VecDeque<Request>> {
    let mut shares = vec![VecDeque::new(); workers.max(1)];
    for (place, request) in requests.into_iter().enumerate() {
        let worker = place % shares.len();
        shares[worker].push_back(request);
    }
    shares
}

async fn open(ends: &Endpoints, options: &LoadOptions, rounds: AppRounds) -> Result<Vec<Opened>> {
    ensure!(
        rounds.challenges.is_multiple_of(options.connections),
        "the number of challenges is a multiple of the number of connections"
    );
    let own = KeyPair::generate();
    let opener = Arc::new(Opener {
        areqs: directory_server(ends, &LoadOptions { url: None, ..options.clone() })?,
        template: super::template(options, &own)?,
        roots: signed_content::certificates(&ends.pki.ds_ca)?,
        web: ends.pki.ca.clone(),
        own,
        version: options.version.clone(),
        creqs: Mutex::default(),
    });
    let mut workers = JoinSet::new();
    for _ in 0..options.connections {
        let (opener, count) = (Arc::clone(&opener), rounds.challenges / options.connections);
        workers.spawn(async move { opener.open(count, rounds).await });
    }
    let mut queues = Vec::with_capacity(options.connections);
    while let Some(done) = workers.join_next().await {
        queues.push(done??.into_iter());
    }
    // Roughly in the order of their opening: who began together answers together.
    let mut opened = Vec::with_capacity(rounds.challenges);
    while queues.iter().any(|queue| queue.len() > 0) {
        opened.extend(queues.iter_mut().filter_map(Iterator::next));
    }
    Ok(opened)
}

/// What all openers share.
struct Opener {
    areqs: Target,
    template: Template,
    roots: Vec<openssl::x509::X509>,
    web: std::path::PathBuf,
    own: KeyPair,
    version: String,
    /// Where CReqs go; known after the first ARes.
    creqs: Mutex<Option<Arc<Target>>>,
}

impl Opener {
    async fn open(&self, count: usize, rounds: AppRounds) -> Result<Vec<Opened>> {
        let mut areqs = self.areqs.connect().await.context("connecting as directory server")?;
        let mut creqs: Option<(Arc<Target>, Connection)> = None;
        let mut opened = Vec::with_capacity(count);
        for _ in 0..count {
            let (request, ids) = self.template.fresh();
            let (kind, body) = self.areqs.exchange(&mut areqs, request).await?;
            ensure!(kind == "C", "the ARes is {kind}");
            let ares: Value = serde_json::from_slice(&body).context("the ARes")?;
            let challenge = self.agreed(ids, &ares)?;
            let (target, connection) = match &mut creqs {
                Some(link) => link,
                None => {
                    let target = self.target(&challenge.url)?;
                    let connection = target.connect().await.context("connecting as SDK")?;
                    creqs.insert((target, connection))
                }
            };
            let first = challenge.creq(0, rounds.encryption, None)?;
            let (kind, body) = target.exchange(connection, first).await?;
            challenge.shows_a_screen(&kind, &body, rounds.encryption)?;
            opened.push(challenge.wrong_codes(rounds)?);
        }
        Ok(opened)
    }

    fn target(&self, url: &str) -> Result<Arc<Target>> {
        let mut known = self.creqs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = &*known {
            return Ok(Arc::clone(target));
        }
        let target = Arc::new(Target::new(url, pki::client_config(&self.web, None)?, JOSE)?);
        Ok(Arc::clone(known.insert(target)))
    }

    fn agreed(&self, [txn, _, sdk_trans_id]: Ids, ares: &Value) -> Result<Challenge> {
        let jws = text(ares, "acsSignedContent").context("the ARes lacks acsSignedContent")?;
        let content = signed_content::verify(jws, &self.roots, &self.own.public_jwk())?;
        Ok(Challenge {
            version: self.version.clone(),
            txn,
            acs_trans_id: text(ares, "acsTransID").context("no acsTransID")?.to_owned(),
            sdk_trans_id,
            url: content.acs_url,
            key: self.own.agree(&content.acs_ephem_pub_key, SDK_REFERENCE_NUMBER)?,
        })
    }
}

/// An open challenge as its SDK knows it.
struct Challenge {
    version: String,
    txn: String,
    acs_trans_id: String,
    sdk_trans_id: String,
    url: String,
    key: ContentKey,
}

impl Challenge {
    fn invented(options: &LoadOptions, url: String) -> Self {
        let version = options.version.clone();
        let [txn, acs_trans_id, sdk_trans_id] = [new_id(), new_id(), new_id()];
        Self { version, txn, acs_trans_id, sdk_trans_id, url, key: ContentKey::from_bytes([7; 32]) }
    }

    fn creq(&self, counter: u8, encryption: Encryption, entry: Option<&str>) -> Result<Request> {
        let mut creq = json!({
            "messageType": "CReq",
            "messageVersion": self.version,
            "threeDSServerTransID": self.txn,
            "acsTransID": self.acs_trans_id,
            "sdkTransID": self.sdk_trans_id,
            "sdkCounterStoA": format!("{counter:03}"),
        });
        if let Some(entry) = entry {
            creq["challengeDataEntry"] = json!(entry);
        }
        let kid = &self.acs_trans_id;
        let wrapping = Wrapping { key: &self.key, encryption, kid, counter, tampers: &[] };
        let (body, _) = wrapping.wrap(&creq)?;
        let id = (self.version == "2.3.1").then(|| self.sdk_trans_id.clone());
        Ok(Request { body: body.into(), id })
    }

    fn wrong_codes(&self, rounds: AppRounds) -> Result<Opened> {
        let wrong = |counter| self.creq(counter, rounds.encryption, Some("000000"));
        let requests = (1..=rounds.rounds).map(wrong).collect::<Result<_>>()?;
        Ok(Opened { url: self.url.clone(), requests })
    }

    fn shows_a_screen(&self, kind: &str, body: &[u8], encryption: Encryption) -> Result<()> {
        ensure!(kind == "CRes", "the first CReq was answered {kind}");
        let jwe = Jwe::parse(std::str::from_utf8(body).context("a JWE is text")?)?;
        let plain = jwe.open(encryption, self.key.part(Way::AcsToSdk, encryption))?;
        let cres: Value = serde_json::from_slice(&plain).context("the CRes")?;
        ensure!(text(&cres, "acsUiType") == Some("01"), "the first screen asks for no code");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_sends_all_of_a_challenge_and_in_its_order() {
        let challenge = |name: &str| Opened {
            url: String::new(),
            requests: (0..2)
                .map(|round| Request { body: format!("{name}{round}").into(), id: None })
                .collect(),
        };
        let all = together(["a", "b", "c", "d"].map(challenge).into()).unwrap();
        let shares = shares(all.requests, 2);
        let bodies = |share: &VecDeque<Request>| {
            share.iter().map(|r| String::from_utf8(r.body.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(bodies(&shares[0]), ["a0", "c0", "a1", "c1"]);
        assert_eq!(bodies(&shares[1]), ["b0", "d0", "b1", "d1"]);
    }
}

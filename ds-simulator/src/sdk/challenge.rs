//! One challenge as the SDK lives it: CReqs out, CRes in, counters, timers, and an Erro when what
//! comes cannot be taken [P-CRY-03..12, P-APP-10..19, P-APP-54].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use super::cres::{self, CRes, Expected, Refusal};
use super::jwe::Jwe;
use super::keys::{ContentKey, Encryption, Way, counter_iv};
use super::screen::{Filling, Screen};
use super::tamper::{Tamper, Wrapping};
use super::{Sdk, SdkTransaction, signed_content};
use crate::ids;
use crate::link::{Answer, Failed, JSON, patiently};
use crate::merchant::Payment;
use crate::message;
use crate::trace::text;

/// What a cardholder or the SDK itself does with a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The first CReq: no entry at all.
    Open,
    /// Types this and submits; on an HTML screen into its form.
    Type(String),
    /// Types into both entry boxes (2.3.1).
    TypeBoth(String, String),
    /// Chooses these keys.
    Choose(Vec<String>),
    /// Submits without having entered anything.
    Nothing,
    /// Asks for another code.
    Resend,
    /// Presses the additional button (2.3.1).
    Additional,
    /// Presses continue on an out-of-band or information screen.
    Continue,
    /// Came back from the bank's app (2.3.1).
    CameBack,
    /// The link to the bank's app did not work (2.3.1).
    LinkFailed,
    /// This as challengeHTMLDataEntry.
    Html(String),
    /// Presses cancel.
    Cancel,
    /// The SDK's own timer, told by a CReq.
    TimedOut,
}

/// What came for a CReq.
#[derive(Debug, Clone)]
pub enum Received {
    Screen(Box<Screen>),
    /// The final CRes.
    Final(Value),
    /// An Erro of the ACS, in clear.
    Erro(Value),
    /// Something this SDK does not take; nothing was sent about it yet.
    Refused(Refusal),
    /// Nothing within the read timer.
    Late,
}

/// A challenge under way.
#[derive(Debug)]
pub struct AppChallenge {
    sdk: Sdk,
    /// `threeDSServerTransID`.
    pub txn: String,
    pub version: String,
    pub acs_trans_id: String,
    pub sdk_trans_id: String,
    pub acs_url: String,
    key: ContentKey,
    /// The counter of the next CReq.
    pub counter_out: u8,
    /// The counter that the next CRes has to have.
    pub counter_in: u8,
    /// What is shown now.
    pub screen: Option<Screen>,
    /// Answers to the consents that a screen asks for: Y where true.
    pub consents: bool,
    ui_types: Vec<String>,
    opened: Instant,
    /// The SDK's time for the whole challenge: sdkMaxTimeout [P-APP-54].
    pub time_limit: Duration,
    sent: Option<(Bytes, String)>,
    /// Whether the last CReq got its CRes.
    answered: bool,
}

impl Sdk {
    /// Verifies what the ARes holds for the SDK and agrees on the keys; nothing is sent.
    ///
    /// # Errors
    /// What is wrong with acsSignedContent: then an SDK ends the challenge by itself.
    pub fn open(&self, transaction: &SdkTransaction, payment: &Payment) -> Result<AppChallenge> {
        let ares = payment.ares.as_ref().context("no ARes")?;
        let jws = text(ares, "acsSignedContent").context("the ARes lacks acsSignedContent")?;
        ensure!(ares.get("acsURL").is_none(), "an app's ARes has no acsURL in clear");
        let rendering = &ares["acsRenderingType"];
        let interface = text(rendering, "acsInterface").context("no acsInterface")?;
        let template = text(rendering, "acsUiTemplate").context("no acsUiTemplate")?;
        ensure!(
            self.interface.code() == "03" || self.interface.code() == interface,
            "acsInterface {interface} is not what this SDK can show"
        );
        ensure!(
            matches!(template, "05" | "06") <= (interface == "02"),
            "acsUiTemplate {template} does not go with acsInterface {interface}"
        );
        let ids = text(ares, "sdkTransID").context("the ARes lacks sdkTransID")?;
        ensure!(ids.eq_ignore_ascii_case(&transaction.trans_id), "sdkTransID of the ARes");
        let roots = signed_content::certificates(self.directory.root())?;
        let own = transaction.key.public_jwk();
        let content = signed_content::verify(jws, &roots, &own).context("acsSignedContent")?;
        let key = transaction.key.agree(&content.acs_ephem_pub_key, &self.reference_number)?;
        Ok(AppChallenge {
            sdk: self.clone(),
            txn: payment.id.clone(),
            version: payment.version.clone(),
            acs_trans_id: text(ares, "acsTransID").context("no acsTransID")?.to_owned(),
            sdk_trans_id: transaction.trans_id.clone(),
            acs_url: content.acs_url,
            key,
            counter_out: 0,
            counter_in: 0,
            screen: None,
            consents: false,
            ui_types: self.interface.ui_types(),
            opened: Instant::now(),
            time_limit: Duration::from_secs(u64::from(self.max_timeout) * 60),
            sent: None,
            answered: false,
        })
    }
}

impl AppChallenge {
    /// The CReq that an act makes, in clear.
    #[must_use]
    pub fn creq(&self, act: &Act) -> Value {
        let newest = self.version == "2.3.1";
        let mut creq = json!({
            "messageType": "CReq",
            "messageVersion": self.version,
            "threeDSServerTransID": self.txn,
            "acsTransID": self.acs_trans_id,
            "sdkTransID": self.sdk_trans_id,
            "sdkCounterStoA": format!("{:03}", self.counter_out),
        });
        if newest {
            creq["oobAppURLInd"] = json!(self.sdk.oob_app_url_ind);
        }
        if self.version != "2.1.0"
            && let Some(url) = &self.sdk.requestor_app_url
        {
            creq["threeDSRequestorAppURL"] = json!(url);
        }
        self.add_act(&mut creq, act);
        if !matches!(act, Act::Cancel | Act::TimedOut) {
            let answer = if self.consents { "Y" } else { "N" };
            for (shown, asked) in [
                ("whitelistingInfoText", "whitelistingDataEntry"),
                ("trustListInfoText", "trustListDataEntry"),
                ("deviceBindingInfoText", "deviceBindingDataEntry"),
            ] {
                if self.screen.as_ref().is_some_and(|screen| screen.text(shown).is_some()) {
                    creq[asked] = json!(answer);
                }
            }
        }
        creq
    }

    fn add_act(&self, creq: &mut Value, act: &Act) {
        let newest = self.version == "2.3.1";
        let ui = self.screen.as_ref().map_or("", |screen| screen.ui.as_str());
        let agree = self.consents;
        let html = |filling: Filling<'_>| {
            self.screen.as_ref().and_then(|screen| screen.form_data(&filling))
        };
        match act {
            Act::Open => {}
            Act::Type(entry) if matches!(ui, "05" | "06") => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { entry: Some(entry), agree, ..Filling::default() }));
                if ui == "06" {
                    creq["oobContinue"] = json!("01");
                }
            }
            Act::Resend if matches!(ui, "05" | "06") => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { press: Some("resend"), ..Filling::default() }));
            }
            Act::Additional if matches!(ui, "05" | "06") => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { press: Some("more"), ..Filling::default() }));
            }
            Act::Choose(keys) if ui == "05" => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { choose: keys, ..Filling::default() }));
            }
            Act::Continue if ui == "05" => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { agree, ..Filling::default() }));
            }
            Act::Continue if ui == "06" => {
                creq["challengeHTMLDataEntry"] =
                    json!(html(Filling { agree, ..Filling::default() }));
                creq["oobContinue"] = json!("01");
            }
            Act::TypeBoth(one, two) if ui == "05" => {
                let filling =
                    Filling { entry: Some(one), second: Some(two), agree, ..Filling::default() };
                creq["challengeHTMLDataEntry"] = json!(html(filling));
            }
            Act::Type(entry) => creq["challengeDataEntry"] = json!(entry),
            Act::TypeBoth(one, two) => {
                creq["challengeDataEntry"] = json!(one);
                creq["challengeDataEntryTwo"] = json!(two);
            }
            Act::Choose(keys) => creq["challengeDataEntry"] = json!(keys.join(",")),
            Act::Nothing if self.version == "2.1.0" => {}
            Act::Nothing => creq["challengeNoEntry"] = json!("Y"),
            Act::Resend => creq["resendChallenge"] = json!("Y"),
            Act::Additional => creq["challengeAddCode"] = json!("Y"),
            Act::Continue if ui == "07" => creq["infoContinueIndicator"] = json!(true),
            Act::Continue if newest => creq["oobContinue"] = json!("01"),
            Act::Continue => creq["oobContinue"] = json!(true),
            Act::CameBack => creq["oobContinue"] = json!("02"),
            Act::LinkFailed => {
                creq["oobAppStatus"] = json!("01");
                creq["oobContinue"] = json!("02");
            }
            Act::Html(data) => creq["challengeHTMLDataEntry"] = json!(data),
            Act::Cancel => creq["challengeCancel"] = json!("01"),
            Act::TimedOut => creq["challengeCancel"] = json!("08"),
        }
    }

    /// Sends the CReq of `act` and reads what comes.
    ///
    /// # Errors
    /// When the ACS cannot be reached.
    pub async fn act(&mut self, act: &Act) -> Result<Received> {
        let creq = self.creq(act);
        self.send(&creq, &[]).await
    }

    /// Sends `creq`, made wrong by `tampers`.
    ///
    /// # Errors
    /// When the ACS cannot be reached, or the counter is used up: 255 CReqs follow the first.
    pub async fn send(&mut self, creq: &Value, tampers: &[Tamper]) -> Result<Received> {
        let (body, content_type) = self.wrapped(creq, tampers)?;
        if tampers.is_empty() {
            self.sdk.trace.message_of(&self.txn, "SDK-ACS", "request", creq, body.len());
        } else {
            let what = format!("CReq made wrong: {}", tampers.len());
            self.sdk.trace.note(&self.txn, "SDK-ACS", "remark", body.len(), what);
        }
        self.counter_out = self.counter_out.wrapping_add(1);
        self.sent = Some((body.into(), content_type));
        self.answered = false;
        self.post().await
    }

    /// Body and content type of a CReq, made wrong by `tampers`; nothing is sent or counted.
    ///
    /// # Errors
    /// When it cannot be encrypted.
    pub fn wrapped(&self, creq: &Value, tampers: &[Tamper]) -> Result<(String, String)> {
        Wrapping {
            key: &self.key,
            encryption: self.sdk.encryption,
            kid: &self.acs_trans_id,
            counter: self.counter_out,
            tampers,
        }
        .wrap(creq)
    }

    /// Body and content type of the last CReq.
    #[must_use]
    pub fn sent(&self) -> Option<(Bytes, String)> {
        self.sent.clone()
    }

    /// The answer, unread, when the last CReq is sent once more.
    ///
    /// # Errors
    /// When the ACS cannot be reached, or nothing was sent before.
    pub async fn send_raw_again(&self) -> Result<Answer> {
        let (body, content_type) = self.sent.clone().context("no CReq was sent")?;
        self.post_raw(body, &content_type).await.context("posting the CReq")
    }

    /// Sends the last CReq once more, byte for byte, as after a lost connection [P-CRY-13].
    ///
    /// # Errors
    /// When the ACS cannot be reached, or nothing was sent before.
    pub async fn send_again(&mut self) -> Result<Received> {
        if std::mem::take(&mut self.answered) {
            // The same CRes is due, with its counter.
            self.counter_in = self.counter_in.wrapping_sub(1);
        }
        self.post().await
    }

    async fn post(&mut self) -> Result<Received> {
        let (body, content_type) = self.sent.clone().context("no CReq was sent")?;
        match self.post_raw(body, &content_type).await {
            Ok(answer) => Ok(self.receive(&answer)),
            Err(Failed::Timeout) => Ok(Received::Late),
            Err(failed) => Err(failed).context("posting the CReq"),
        }
    }

    /// Posts anything to acsURL; one more try when the connection fails [P-APP-54], and as many as
    /// [`Sdk::retry_for`] allows when it is lost.
    ///
    /// # Errors
    /// [`Failed`] when no whole answer came within the read timer.
    pub async fn post_raw(&self, body: Bytes, content_type: &str) -> Result<Answer, Failed> {
        let id = (self.version == "2.3.1").then_some(self.sdk_trans_id.as_str());
        let timer = self.sdk.read_timer;
        let link = &self.sdk.link;
        let attempt = || link.post_bytes(&self.acs_url, body.clone(), content_type, id, timer);
        if !self.sdk.retry_for.is_zero() {
            return patiently(self.sdk.retry_for, attempt).await;
        }
        match attempt().await {
            Err(Failed::Connect(_)) => attempt().await,
            other => other,
        }
    }

    /// Reads an answer of the ACS; the screen and the counter move on when it is good.
    pub fn receive(&mut self, answer: &Answer) -> Received {
        match self.read(answer) {
            Ok(received) => received,
            Err(refusal) => {
                let size = answer.body.len();
                let what = format!("refused by the SDK: {refusal}");
                self.sdk.trace.note(&self.txn, "ACS-SDK", "remark", size, what);
                Received::Refused(refusal)
            }
        }
    }

    fn read(&mut self, answer: &Answer) -> Result<Received, Refusal> {
        if answer.status != 200 {
            return Err(Refusal::new("405", "CRes", format!("HTTP {}", answer.status)));
        }
        let size = answer.body.len();
        if is_json(answer)? {
            let erro = serde_json::from_slice::<Value>(&answer.body).ok();
            let Some(erro) = erro.filter(|erro| text(erro, "messageType") == Some("Erro")) else {
                return Err(Refusal::new("101", "messageType", "JSON in clear that is no Erro"));
            };
            self.sdk.trace.message_of(&self.txn, "ACS-SDK", "response", &erro, size);
            return Ok(Received::Erro(erro));
        }
        let plain = self.decrypt(&answer.body)?;
        // The record holds what came, also when it is refused.
        if let Ok(message) = serde_json::from_slice(&plain) {
            self.sdk.trace.message_of(&self.txn, "ACS-SDK", "response", &message, size);
            ids::compare(&self.sdk.trace, &self.txn, "ACS-SDK", &message, &answer.headers);
        }
        let expected = Expected {
            version: &self.version,
            three_ds_server_trans_id: &self.txn,
            acs_trans_id: &self.acs_trans_id,
            sdk_trans_id: &self.sdk_trans_id,
            counter: self.counter_in,
            html: self.screen.as_ref().map(Screen::is_html),
            oob_app_url_ind: &self.sdk.oob_app_url_ind,
            ui_types: &self.ui_types,
        };
        let read = cres::read(&plain, &expected)?;
        self.counter_in = self.counter_in.wrapping_add(1);
        self.answered = true;
        Ok(match read {
            CRes::Final(message) => Received::Final(message),
            CRes::Screen(screen) => {
                self.screen = Some(screen.clone());
                Received::Screen(Box::new(screen))
            }
        })
    }

    fn decrypt(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let refuse = |why: String| Refusal::new("302", "CRes", why);
        let text = str::from_utf8(body).map_err(|_| refuse("the body is not text".to_owned()))?;
        let jwe = Jwe::parse(text).map_err(|why| refuse(format!("{why:#}")))?;
        let header = jwe.members().map_err(|why| refuse(format!("{why:#}")))?;
        let enc = self.sdk.encryption;
        for (name, own) in
            [("alg", "dir"), ("enc", enc.name()), ("kid", self.acs_trans_id.as_str())]
        {
            let found = header.get(name).and_then(Value::as_str);
            if !found.is_some_and(|found| found.eq_ignore_ascii_case(own)) {
                return Err(refuse(format!("{name} of the header is not {own}")));
            }
        }
        if let Some(name) = header.keys().find(|n| !["alg", "enc", "kid"].contains(&n.as_str())) {
            return Err(refuse(format!("the header has a member {name}")));
        }
        if !jwe.encrypted_key.is_empty() {
            return Err(refuse("the second part is not empty".to_owned()));
        }
        let iv = counter_iv(Way::AcsToSdk, self.counter_in);
        if enc == Encryption::A128Gcm && jwe.iv != iv {
            return Err(refuse("the IV is not made of the counter".to_owned()));
        }
        jwe.open(enc, self.key.part(Way::AcsToSdk, enc)).map_err(|why| refuse(format!("{why:#}")))
    }

    /// Sends an Erro of component C about the last CRes and gives the answer, which is to be 200
    /// and empty [P-APP-51].
    ///
    /// # Errors
    /// When the ACS cannot be reached.
    pub async fn complain(&self, code: &str, detail: &str, why: &str) -> Result<Answer> {
        let about = json!({
            "messageType": "CRes",
            "messageVersion": self.version,
            "threeDSServerTransID": self.txn,
            "acsTransID": self.acs_trans_id,
            "sdkTransID": self.sdk_trans_id,
        });
        let erro = message::erro('C', code, why, detail, &about);
        let bytes = Bytes::from(erro.to_string());
        self.sdk.trace.message_of(&self.txn, "SDK-ACS", "request", &erro, bytes.len());
        self.post_raw(bytes, JSON).await.context("posting the Erro")
    }

    /// Whether the SDK's time for the whole challenge is over.
    #[must_use]
    pub fn is_over_time(&self) -> bool {
        self.opened.elapsed() > self.time_limit
    }

    /// The agreed key, for tests that encrypt by themselves.
    #[must_use]
    pub const fn content_key(&self) -> &ContentKey {
        &self.key
    }
}

/// Whether an answer is an Erro in clear by its content type [P-TRN-07].
fn is_json(answer: &Answer) -> Result<bool, Refusal> {
    let refuse = |why: String| Refusal::new("101", "Content-Type", why);
    let value = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
    let Some(value) = value else { return Err(refuse("it is missing".to_owned())) };
    let value = value.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let utf8 = parts.any(|part| part.replace('"', "") == "charset=utf-8");
    match media {
        _ if !utf8 => Err(refuse(format!("{value} does not say charset=utf-8"))),
        "application/jose" => Ok(false),
        "application/json" => Ok(true),
        _ => Err(refuse(format!("it is {media}"))),
    }
}

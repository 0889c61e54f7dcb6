//! An ACS in memory: a store of one transaction, a clock that is moved by hand, randomness from a
//! counter, and the outputs as they came.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::crypto::key_agreement::{EphemeralKey, PeerKey};
use crate::crypto::signed_content::SigningFailed;
use crate::crypto::{
    ChallengeKeys, ContentKey, ContentSigner, HmacSha256Generator, ValueFacts, mac,
};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, Pan, TransId};
use crate::erro::Rejection;
use crate::flow::challenge::{self, ChallengeContext, Entry, Form, Input, RReqNews, Step};
use crate::flow::confirmation::ConfirmationRequest;
use crate::flow::consent::{
    Choice, Consent, ConsentLookup, DeviceId, device_cookie, device_of, device_of_app,
};
use crate::flow::present::{CodeView, FinalView, View};
use crate::flow::screen::AppTexts;
use crate::flow::transaction::{Interface, OtpMessage, Phase};
use crate::flow::{AuthenticateInput, Output, Prior, Transaction, authenticate};
use crate::message::{
    AReq, AppData, BrowserData, Claims, DeviceData, Merchant, Purchase, ReadRules, RenderOptions,
    SpcData,
};
use crate::policy::RuleOutcome;
use crate::profile::{
    Account, AppSettings, BrowserReadings, Card, CardLookup, CardState, ConsentSettings, Contacts,
    DecoupledSettings, DsProfile, EciTable, Images, IssuerProfile, Locale, OobSettings,
    OtpSettings, PolicyProfile, ThreeRiSettings,
};
use crate::{Random, UtcMillis};

/// Random bytes that are the same in each run and never twice the same.
#[derive(Debug, Default)]
pub(super) struct Counting(u64);

impl Random for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&mac(&[7; 32], &[&self.0.to_be_bytes()])[..chunk.len()]);
        }
    }
}

pub(super) const PAN: &str = "4000000000001091";
const START: UtcMillis = UtcMillis(1_760_000_000_000);

pub(in crate::flow) fn issuer() -> IssuerProfile {
    IssuerProfile {
        id: "alpha".to_owned(),
        rules: Vec::new(),
        default_outcome: RuleOutcome::Challenge { mandated: true },
        policy_profile: PolicyProfile::Issuer,
        three_ri: ThreeRiSettings { offered: true, ..ThreeRiSettings::default() },
        decoupled: DecoupledSettings::default(),
        oob: OobSettings::default(),
        npa_offered: true,
        otp: OtpSettings {
            length: 6,
            alphanumeric: false,
            life_seconds: 300,
            max_attempts: 3,
            max_resends: 2,
            resend_interval_seconds: 30,
        },
        locales: vec![
            Locale { tag: "ja".to_owned(), name: "アルファ銀行".to_owned() },
            Locale { tag: "en".to_owned(), name: "Alpha Bank".to_owned() },
        ],
        phone: "0120-000-000".to_owned(),
        logo: None,
        app: AppSettings {
            challenge_url: "https://acs.example/3ds/challenge/app".to_owned(),
            interface: Interface::Native,
            choose_contact: false,
            choose_several: false,
            two_codes: false,
            other_contact: false,
            notice: false,
            prompts_above: false,
            cancel_reason_210: "01".to_owned(),
            cancel_reason_220: "26".to_owned(),
            cancel_reason_231: "26".to_owned(),
            plain_creq_is_101: false,
            without_rres_is_403: false,
            images: Images::default(),
            texts: AppTexts::new(),
        },
        challenge_url: "https://acs.example/3ds/challenge/browser".to_owned(),
        technical_reason_210: "07".to_owned(),
        cancel_reason_210: "01".to_owned(),
        cancel_reason_220: "26".to_owned(),
        empty_counts: true,
        resend_counts: false,
        early_continue_counts: true,
        refuse_repeated_creq: false,
        erro_field: "cres".to_owned(),
        late_status_u: true,
        scripted_outcomes: false,
        first_creq_seconds: 30,
        browser: BrowserReadings::default(),
        idle_seconds: 600,
        consents: ConsentSettings::off(),
        spc: None,
        security_code_key: None,
    }
}

pub(super) fn card() -> Card {
    Card {
        expiry: Some("3012".to_owned()),
        state: CardState::Active,
        contacts: Contacts {
            sms: Some("+819012345689".to_owned()),
            email: Some("taro@mail.example".to_owned()),
            app: None,
        },
        outcome: None,
        passkeys: Vec::new(),
        security_code: None,
    }
}

fn trans_id(number: u128) -> TransId {
    TransId(uuid::Uuid::from_u128(0x1000_4000_8000_0000 << 64 | number))
}

pub(super) fn areq(version: MessageVersion) -> AReq {
    AReq {
        version,
        channel: DeviceChannel::Browser,
        category: MessageCategory::Payment,
        agreed_category: None,
        three_ds_server_trans_id: trans_id(1),
        ds_trans_id: trans_id(2),
        ds_reference_number: "DS-A-REF".to_owned(),
        ds_url: Some("https://ds-a.example/ds/rreq".to_owned()),
        three_ds_server_ref_number: "3DSS-REF".to_owned(),
        three_ds_requestor_id: "requestor".to_owned(),
        three_ds_requestor_name: "Requestor".to_owned(),
        three_ds_requestor_url: "https://shop.example".to_owned(),
        pan: Pan::parse(PAN).unwrap(),
        card_expiry_date: Some("3012".to_owned()),
        security_code: None,
        purchase: Some(Purchase {
            amount: "12800".to_owned(),
            currency: "392".to_owned(),
            exponent: 0,
            date: Some("20261125070000".to_owned()),
        }),
        merchant: Merchant {
            name: Some("Midori Books".to_owned()),
            country: Some("392".to_owned()),
            mcc: Some("5942".to_owned()),
            acquirer_bin: Some("400000".to_owned()),
            acquirer_merchant_id: Some("shop-1".to_owned()),
        },
        challenge_ind: Vec::new(),
        authentication_ind: Some("01".to_owned()),
        three_ri_ind: None,
        decoupled_req_ind: None,
        decoupled_max_minutes: None,
        prior_refs: Vec::new(),
        browser: Some(BrowserData {
            comp_ind: "Y".to_owned(),
            method_id: None,
            notification_url: "https://shop.example/3ds/back".to_owned(),
            user_agent: "Mozilla/5.0".to_owned(),
            accept_header: "text/html".to_owned(),
            ip: None,
            language: Some("ja-JP".to_owned()),
            javascript_enabled: true,
        }),
        app: None,
        claims: Claims::default(),
        spc: SpcData::default(),
    }
}

pub(super) fn app_areq(version: MessageVersion) -> AReq {
    AReq {
        channel: DeviceChannel::App,
        browser: None,
        app: Some(AppData {
            sdk_trans_id: trans_id(4),
            sdk_app_id: "5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10".to_owned(),
            sdk_reference_number: "SDK-REF".to_owned(),
            sdk_max_timeout_minutes: 5,
            sdk_ephem_pub_key: PeerKey::parse(sdk_key().public_jwk()).unwrap(),
            device: Some(device_data()),
            render_options: RenderOptions {
                native: true,
                html: true,
                ui_types: ["01", "02", "03", "04", "05", "07"].map(str::to_owned).to_vec(),
                authentication_types: Vec::new(),
            },
            split_sdk: false,
            limited: false,
        }),
        ..areq(version)
    }
}

/// The device of [`app_areq`].
pub(super) fn device() -> DeviceId {
    device_of_app("5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10", &World::new().keys).unwrap()
}

/// What its SDK says of it.
fn device_data() -> DeviceData {
    DeviceData {
        version: Some("1.4".to_owned()),
        locale: Some("ja-JP".to_owned()),
        ..DeviceData::default()
    }
}

/// The SDK's key pair, the same in each run.
pub(super) fn sdk_key() -> EphemeralKey {
    struct Fixed;
    impl Random for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0x5d);
        }
    }
    EphemeralKey::generate(&mut Fixed)
}

/// Signs nothing: the signature is a digest, so that a test can see what was signed.
#[derive(Debug)]
pub(super) struct TestSigner;

impl ContentSigner for TestSigner {
    fn protected_header(&self) -> &str {
        "eyJhbGciOiJFUzI1NiIsIng1YyI6W119"
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        Ok(mac(&[8; 32], &[input]).to_vec())
    }
}

/// One ACS with one transaction.
pub(super) struct World {
    pub(super) issuer: IssuerProfile,
    pub(super) ds: DsProfile,
    rules: ReadRules,
    pub(super) generator: HmacSha256Generator,
    pub(super) keys: ChallengeKeys,
    random: Counting,
    pub(super) now: UtcMillis,
    pub(super) contacts: Contacts,
    pub(super) pan: Pan,
    /// Whether a step after the ARes can read the account number.
    pub(super) has_account: bool,
    pub(super) ds_url_allowed: bool,
    pub(super) notification_url_allowed: bool,
    pub(super) signs: bool,
    pub(super) content_key: Option<ContentKey>,
    pub(super) attempts_range: bool,
    pub(super) prior: Prior,
    pub(super) ares: Value,
    /// Serialised after each step, as a store would.
    pub(super) state: String,
    pub(super) events: Vec<(String, Value)>,
    pub(super) codes: Vec<String>,
    pub(super) texts: Vec<String>,
    pub(super) cancelled_codes: usize,
    pub(super) asked: Vec<ConfirmationRequest>,
    pub(super) cancelled_asks: usize,
    pub(super) rreqs: Vec<Vec<u8>>,
    pub(super) erros: Vec<Value>,
    pub(super) token: String,
    pub(super) rejection: Option<Box<Rejection>>,
    pub(super) consents: Vec<Consent>,
    pub(super) device: Option<DeviceId>,
    pub(super) closes_prior: bool,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            issuer: issuer(),
            ds: DsProfile {
                id: "ds-a".to_owned(),
                versions: MessageVersion::ALL.to_vec(),
                acs_reference_number: "ACS-REF".to_owned(),
                acs_operator_id: Some("ACS-OP".to_owned()),
                eci: EciTable {
                    authenticated: Some("05".to_owned()),
                    attempted: Some("06".to_owned()),
                    not_authenticated: Some("07".to_owned()),
                    informational: Some("04".to_owned()),
                },
                npa_authentication_value: false,
                npa_status_reason: true,
                npa_eci: None,
                security_code_status: true,
                images: Images::default(),
                logo: None,
            },
            rules: ReadRules {
                versions: MessageVersion::ALL.to_vec(),
                agreed_values: Vec::new(),
                known_extensions: Vec::new(),
                accepted_iso_codes: Vec::new(),
            },
            generator: HmacSha256Generator::new([3; 32], 9),
            keys: ChallengeKeys { otp: Zeroizing::new([1; 32]), token: Zeroizing::new([2; 32]) },
            random: Counting::default(),
            now: START,
            contacts: card().contacts,
            pan: Pan::parse(PAN).unwrap(),
            has_account: true,
            ds_url_allowed: true,
            notification_url_allowed: true,
            signs: true,
            content_key: None,
            attempts_range: false,
            prior: Prior::NotNamed,
            ares: Value::Null,
            state: String::new(),
            events: Vec::new(),
            codes: Vec::new(),
            texts: Vec::new(),
            cancelled_codes: 0,
            asked: Vec::new(),
            cancelled_asks: 0,
            rreqs: Vec::new(),
            erros: Vec::new(),
            token: String::new(),
            rejection: None,
            consents: Vec::new(),
            device: None,
            closes_prior: false,
        }
    }

    /// A world whose AReq got a C.
    pub(super) fn challenged(version: MessageVersion) -> Self {
        let mut world = Self::new();
        world.authenticate(&areq(version), CardLookup::Found(card()));
        assert_eq!(world.ares["transStatus"], "C", "{}", world.ares);
        world
    }

    /// A world whose first page is shown.
    pub(super) fn shown(version: MessageVersion) -> Self {
        let mut world = Self::challenged(version);
        let creq = world.creq();
        world.send_creq(&creq).code();
        world
    }

    pub(super) fn authenticate(&mut self, areq: &AReq, card: CardLookup) -> &Value {
        let account = Account { pan: areq.pan.clone(), card_token: "c".repeat(64) };
        let input = AuthenticateInput {
            areq,
            account: &account,
            card: &card,
            issuer: &self.issuer,
            ds: &self.ds,
            acs_trans_id: trans_id(3),
            ds_url_allowed: self.ds_url_allowed,
            notification_url_allowed: self.notification_url_allowed,
            signer: self.signs.then_some(&TestSigner),
            method_data_found: false,
            attempts_range: self.attempts_range,
            prior: &self.prior,
            consents: &ConsentLookup::Known(self.consents.clone()),
            device: self.device.as_ref(),
            now: self.now,
        };
        let done = authenticate(&input, &mut self.random, &self.generator).unwrap();
        self.ares = serde_json::from_slice(&done.ares).unwrap();
        self.closes_prior = done.closes_prior;
        self.store(&done.transaction);
        self.content_key = done.content_key;
        self.perform(done.outputs);
        &self.ares
    }

    /// The device that this transaction's cookie names.
    pub(super) fn device_of_cookie(&self) -> Option<DeviceId> {
        device_of(&device_cookie(self.transaction().acs_trans_id, &self.keys), &self.keys)
    }

    pub(super) fn transaction(&self) -> Transaction {
        Transaction::from_json(self.state.as_bytes()).unwrap()
    }

    fn store(&mut self, transaction: &Transaction) {
        self.state = String::from_utf8(transaction.to_json().unwrap()).unwrap();
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Audit(event) => {
                    let detail = serde_json::from_slice(&event.detail).unwrap();
                    self.events.push((event.kind.to_owned(), detail));
                }
                Output::DeliverOtp(OtpMessage { ref code, ref text, .. }) => {
                    self.codes.push(code.clone());
                    self.texts.push(text.clone());
                }
                Output::SendRReq(rreq) => self.rreqs.push(rreq.body),
                Output::SendErro { body, .. } => {
                    self.erros.push(serde_json::from_slice(&body).unwrap());
                }
                Output::CancelOtp => self.cancelled_codes += 1,
                Output::Consent(consent) => self.consents.push(consent),
                Output::AskIssuer(request) => self.asked.push(request),
                Output::CancelAsk => self.cancelled_asks += 1,
            }
        }
    }

    fn with_context<T>(
        &mut self,
        run: impl FnOnce(&ChallengeContext<'_>, &mut Counting) -> T,
    ) -> T {
        let context = ChallengeContext {
            issuer: &self.issuer,
            ds: &self.ds,
            pan: self.has_account.then_some(&self.pan),
            contacts: &self.contacts,
            generator: &self.generator,
            keys: &self.keys,
            read_rules: &self.rules,
            content_key: self.content_key.as_ref(),
            now: self.now,
        };
        run(&context, &mut self.random)
    }

    /// Runs a step as the driver does, checking what holds for all of them.
    pub(super) fn step(&mut self, input: Input<'_>) -> Option<View> {
        let before = self.transaction();
        let stays = before.clone();
        let Step { transaction, outputs, view, rejection } =
            self.with_context(|context, random| challenge::handle(before, input, context, random));
        match &transaction {
            Some(after) => {
                assert_eq!(after.revision, stays.revision + 1);
                self.store(after);
            }
            None => assert!(
                outputs.iter().all(|o| matches!(o, Output::Audit(_))),
                "outputs without a new state: {outputs:?}"
            ),
        }
        self.perform(outputs);
        if !self.transaction().needs_secret() {
            self.content_key = None;
        }
        self.rejection = rejection;
        if let Some(View::Code(page)) = &view {
            self.token.clone_from(&page.token);
        }
        if let Some(View::OutOfBand(page)) = &view {
            self.token.clone_from(&page.token);
        }
        view
    }

    pub(super) fn creq(&self) -> Value {
        let transaction = self.transaction();
        json!({
            "messageType": "CReq",
            "messageVersion": transaction.version.as_str(),
            "threeDSServerTransID": transaction.three_ds_server_trans_id.to_string(),
            "acsTransID": transaction.acs_trans_id.to_string(),
            "challengeWindowSize": "02",
        })
    }

    pub(super) fn send_creq(&mut self, creq: &Value) -> View {
        self.send_creq_bytes(creq.to_string().as_bytes())
    }

    pub(super) fn send_creq_bytes(&mut self, creq: &[u8]) -> View {
        let session_data = Some("c2Vzc2lvbg");
        self.step(Input::BrowserCReq { creq, session_data }).unwrap()
    }

    pub(super) fn form(&mut self, action: &str, entry: &str) -> View {
        let token = self.token.clone();
        self.form_with(&token, action, entry)
    }

    pub(super) fn form_with(&mut self, token: &str, action: &str, entry: &str) -> View {
        self.form_choosing(token, action, entry, Choice::default())
    }

    pub(super) fn form_choosing(
        &mut self,
        token: &str,
        action: &str,
        entry: &str,
        choice: Choice,
    ) -> View {
        let form =
            Form { token, action, entry: Entry(entry), assertion: "", language: None, choice };
        self.step(Input::Form(form)).unwrap()
    }

    pub(super) fn speak(&mut self, language: &str) -> View {
        let token = self.token.clone();
        let form = Form {
            token: &token,
            action: "language",
            entry: Entry(""),
            assertion: "",
            language: Some(language),
            choice: Choice::default(),
        };
        self.step(Input::Form(form)).unwrap()
    }

    pub(super) fn wait(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Lets the deadline loop look.
    pub(super) fn tick(&mut self) {
        if self.transaction().deadline().is_some_and(|until| until <= self.now) {
            assert!(self.step(Input::DeadlineReached).is_none());
        }
    }

    pub(super) fn rreq_news(&mut self, news: RReqNews<'_>) {
        assert!(self.step(Input::RReq(news)).is_none());
    }

    pub(super) fn rres(&self) -> Value {
        let transaction = self.transaction();
        let mut rres = json!({
            "messageType": "RRes",
            "messageVersion": transaction.version.as_str(),
            "threeDSServerTransID": transaction.three_ds_server_trans_id.to_string(),
            "dsTransID": transaction.ds_trans_id.to_string(),
            "acsTransID": transaction.acs_trans_id.to_string(),
            "resultsStatus": "01",
        });
        if let Some(app) = &transaction.app {
            rres["sdkTransID"] = app.sdk_trans_id.to_string().into();
        }
        rres
    }

    pub(super) fn answer_rreq(&mut self) {
        let rres = self.rres().to_string();
        self.rreq_news(RReqNews::Answered(rres.as_bytes()));
    }

    pub(super) fn current(&mut self) -> View {
        let transaction = self.transaction();
        self.with_context(|context, random| challenge::current_view(&transaction, context, random))
    }

    /// The only RReq.
    pub(super) fn rreq(&self) -> Value {
        assert_eq!(self.rreqs.len(), 1);
        serde_json::from_slice(&self.rreqs[0]).unwrap()
    }

    pub(super) fn code(&self) -> String {
        self.codes.last().unwrap().clone()
    }

    /// A well-formed code that was never sent.
    pub(super) fn wrong_code(&self) -> String {
        (0..).map(|n| format!("{n:06}")).find(|code| !self.codes.contains(code)).unwrap()
    }

    pub(super) fn event(&self, kind: &str) -> &Value {
        let found = self.events.iter().rev().find(|(name, _)| name == kind);
        &found.unwrap_or_else(|| panic!("no {kind} among {:?}", self.events)).1
    }

    /// Whether a value was made for this transaction by this generator.
    pub(super) fn is_value(&self, value: &str) -> bool {
        let transaction = self.transaction();
        let facts = ValueFacts {
            pan: &self.pan,
            acs_trans_id: transaction.acs_trans_id,
            ds_trans_id: transaction.ds_trans_id,
            three_ds_server_trans_id: transaction.three_ds_server_trans_id,
            purchase: transaction.purchase.as_ref(),
            merchant: &transaction.merchant,
            created: transaction.created,
        };
        self.generator.is_value_of(value, &facts)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.transaction().phase, Phase::ExpectCReq(_) | Phase::ExpectEntry(_))
    }
}

/// Unwrapping of views.
pub(super) trait Seen {
    fn code(self) -> CodeView;
    fn last(self) -> (FinalView, Value);
    fn erro(self) -> (FinalView, Value);
}

impl Seen for View {
    fn code(self) -> CodeView {
        let Self::Code(view) = self else { panic!("no code page: {self:?}") };
        *view
    }

    fn last(self) -> (FinalView, Value) {
        let Self::Final(view) = self else { panic!("not the last page: {self:?}") };
        let message = decoded(&view.message);
        (*view, message)
    }

    fn erro(self) -> (FinalView, Value) {
        let Self::Erro(view) = self else { panic!("no Erro: {self:?}") };
        let message = decoded(&view.message);
        (*view, message)
    }
}

fn decoded(message: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(message).unwrap()).unwrap()
}

//! What the tests of challenges inside apps share: an SDK that has no code in common with the ACS
//! plays them over TLS, each scenario in every version and both encryptions ([`each`]).

use ds_simulator::PayOptions;
use ds_simulator::merchant::Payment;
use ds_simulator::sdk::challenge::{Act, AppChallenge, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::screen::Screen;
use ds_simulator::sdk::{Sdk, play};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::Value;

pub(crate) const ENCRYPTIONS: [Encryption; 2] = [Encryption::A128CbcHs256, Encryption::A128Gcm];

/// Where a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) version: &'static str,
    pub(crate) enc: Encryption,
}

impl Cell {
    pub(crate) fn newest(self) -> bool {
        self.version == "2.3.1"
    }

    pub(crate) fn oldest(self) -> bool {
        self.version == "2.1.0"
    }
}

/// Every version with every encryption.
pub(crate) fn cells() -> impl Iterator<Item = Cell> {
    VERSIONS.into_iter().flat_map(|version| ENCRYPTIONS.map(|enc| Cell { version, enc }))
}

/// Plays a scenario in every cell, one after another in one service; a failure says in which.
pub(crate) async fn each(mut scenario: impl AsyncFnMut(Cell)) {
    for cell in cells() {
        let _told = Told(cell);
        scenario(cell).await;
    }
}

/// [`each`], in all cells at the same time.
pub(crate) async fn each_at_once(scenario: impl AsyncFn(Cell)) {
    let cells: Vec<_> = cells().collect();
    let [a, b, c, d, e, f] = cells[..] else { panic!("six cells") };
    let play = &scenario;
    tokio::join!(play(a), play(b), play(c), play(d), play(e), play(f));
}

/// Says on a panic in which cell it was.
struct Told(Cell);

impl Drop for Told {
    #[expect(clippy::print_stderr, reason = "a failed test says where")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {} with {:?}", self.0.version, self.0.enc);
        }
    }
}

/// A challenge under way.
pub(crate) struct Opened {
    pub(crate) payment: Payment,
    pub(crate) challenge: AppChallenge,
}

impl Opened {
    pub(crate) async fn act(&mut self, act: &Act) -> Received {
        self.challenge.act(act).await.unwrap()
    }

    pub(crate) async fn screen(&mut self, act: &Act) -> Screen {
        let received = self.act(act).await;
        let Received::Screen(screen) = received else { panic!("no screen: {received:?}") };
        *screen
    }

    pub(crate) async fn last(&mut self, act: &Act) -> Value {
        let received = self.act(act).await;
        self.ended(received)
    }

    /// The final CRes that was received.
    pub(crate) fn ended(&self, received: Received) -> Value {
        let Received::Final(cres) = received else { panic!("no final CRes: {received:?}") };
        cres
    }

    pub(crate) async fn erro(&mut self, act: &Act, code: &str) -> Value {
        let received = self.act(act).await;
        refused(received, code)
    }

    pub(crate) fn id(&self) -> String {
        self.challenge.acs_trans_id.clone()
    }
}

pub(crate) fn refused(received: Received, code: &str) -> Value {
    let Received::Erro(erro) = received else { panic!("no Erro: {received:?}") };
    assert_eq!(erro["errorCode"], code, "{erro}");
    assert_eq!(erro["errorComponent"], "A");
    erro
}

/// The challenge of a payment by `card`, before its first CReq.
pub(crate) async fn open_with(
    stage: &Stage,
    version: &str,
    card: Card,
    set: impl FnOnce(&mut Sdk),
) -> Opened {
    open_ordered(stage, version, card, |sdk, _| set(sdk)).await
}

/// [`open_with`], with something to say about the order too.
pub(crate) async fn open_ordered(
    stage: &Stage,
    version: &str,
    card: Card,
    set: impl FnOnce(&mut Sdk, &mut PayOptions),
) -> Opened {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    set(&mut sdk, &mut options);
    let transaction = sdk.begin();
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    assert!(payment.challenged(), "no challenge: {:?}", payment.ares);
    let challenge = sdk.open(&transaction, &payment).unwrap();
    Opened { payment, challenge }
}

pub(crate) async fn open(stage: &Stage, version: &str, enc: Encryption) -> Opened {
    open_with(stage, version, Card::Sms, |sdk| sdk.encryption = enc).await
}

/// With the first screen shown.
pub(crate) async fn shown(stage: &Stage, version: &str, enc: Encryption) -> Opened {
    let mut opened = open(stage, version, enc).await;
    opened.screen(&Act::Open).await;
    opened
}

/// Names of an object's members, in order.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Members of an RReq, absent ones as null.
pub(crate) fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
}

/// RReqs that came for a challenge.
pub(crate) fn rreqs(stage: &Stage, opened: &Opened) -> usize {
    stage.sim.network().directory.rreqs_received(&opened.id()).len()
}

/// Transactions that still hold a card number, contacts or a content key.
pub(crate) fn secrets(stage: &Stage) -> i64 {
    let database = rusqlite::Connection::open(stage.acs.database()).unwrap();
    let query = "SELECT count(*) FROM transactions WHERE secret IS NOT NULL";
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

/// A change to `[issuer.app]` of the first issuer.
pub(crate) fn app_setting(
    name: &'static str,
    value: impl Into<toml::Value>,
) -> impl FnOnce(&mut toml::Table) {
    let value = value.into();
    move |config| {
        let issuers = config["issuer"].as_array_mut().unwrap();
        let app = issuers[0].as_table_mut().unwrap().get_mut("app").unwrap();
        app.as_table_mut().unwrap().insert(name.to_owned(), value);
    }
}

/// U after a refused CReq: 06, or 10 with a copy of the Erro since 2.3.1; once, without a proof
/// [P-APP-50].
pub(crate) async fn assert_ended_refused(stage: &Stage, opened: &Opened, erro: &Value) {
    let rreq = stage.result(&opened.payment).await;
    assert_eq!(rreq["transStatus"], "U");
    let newest = opened.challenge.version == "2.3.1";
    let oldest = opened.challenge.version == "2.1.0";
    assert_eq!(rreq["transStatusReason"], if oldest { "07" } else { "22" }, "{rreq}");
    assert_eq!(rreq["challengeCancel"], if newest { "10" } else { "06" }, "{rreq}");
    if newest {
        assert_eq!(&rreq["challengeErrorReporting"], erro);
    } else {
        assert!(rreq.get("challengeErrorReporting").is_none(), "{rreq}");
    }
    assert!(rreq.get("authenticationValue").is_none(), "{rreq}");
    assert_eq!(rreqs(stage, opened), 1, "one RReq");
}

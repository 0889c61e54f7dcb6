//! A stand-in for an ACS, just good enough to answer, and a throw-away PKI in the usual layout.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::response::Html;
use axum::routing::post;
use axum::{Extension, Form, Router};
use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::{Value, json};

use super::stub_app::AppSide;
use crate::browser::Browser;
use crate::directory::answer;
use crate::endpoints::{AcsEndpoints, DsEndpoints, Endpoints, PkiFiles};
use crate::link::Link;
use crate::listener::{self, Listening, Peer};
use crate::merchant::ThreeDsServer;
use crate::message::{from_base64url, new_id, to_base64url};
use crate::pki::{self, Identity};
use crate::{SimConfig, Simulator};

pub(super) const CODE: &str = "135790";

const CARDS: &str = r#"[
    {"pan": "4000000000001000", "expiry": "2912", "scenario": "no challenge", "expect": "Y"},
    {"pan": "4000000000001091", "expiry": "2912", "scenario": "code <by SMS>", "expect": "Y"}
]"#;

/// A stand-in ACS and a simulator in front of it.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) endpoints: Endpoints,
    pub(super) acs: Arc<Acs>,
    folder: tempfile::TempDir,
    _listeners: Vec<Listening>,
}

pub(super) struct Acs {
    cardholder_url: String,
    pub(super) to_ds: Link,
    areqs: Mutex<Vec<Bytes>>,
    pub(super) ares: Mutex<Value>,
    pub(super) app: Mutex<AppSide>,
    session_data: Mutex<Option<String>>,
    lose: Mutex<bool>,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = write_pki(folder.path());
        let ds = folder.path().join("ds-a");
        let (ds_socket, ds_port) = listener::bind(0).await.unwrap();
        let (web_socket, web_port) = listener::bind(0).await.unwrap();
        let acs = Arc::new(Acs {
            cardholder_url: format!("https://localhost:{web_port}"),
            to_ds: Link::new(&files.ds_ca, Some(&Identity::in_dir(&ds, "acs-client"))).unwrap(),
            areqs: Mutex::default(),
            ares: Mutex::default(),
            app: Mutex::new(AppSide::new(&ds)),
            session_data: Mutex::default(),
            lose: Mutex::default(),
        });
        let areqs = Router::new().route("/3ds/areq", post(areq)).with_state(Arc::clone(&acs));
        let pages = Router::new()
            .route("/3ds/method", post(method))
            .route("/3ds/challenge/browser", post(creq))
            .route("/3ds/challenge/browser/page", post(page))
            .route("/3ds/challenge/app", post(super::stub_app::creq))
            .with_state(Arc::clone(&acs));
        let mutual =
            pki::server_config(&Identity::in_dir(&ds, "acs-ec"), Some(&files.ds_ca)).unwrap();
        let web = Identity::in_dir(&folder.path().join("web"), "acs-ec");
        let listeners = vec![
            listener::serve(ds_socket, Some(mutual), areqs),
            listener::serve(web_socket, Some(pki::server_config(&web, None).unwrap()), pages),
        ];
        let ends = Endpoints {
            acs: AcsEndpoints {
                areq: format!("https://localhost:{ds_port}/3ds/areq"),
                method: Some(format!("https://localhost:{web_port}/3ds/method")),
                oreq: None,
                challenge_browser: None,
                challenge_app: None,
                issuer: None,
                console: None,
                ops: None,
                clock: None,
            },
            ds: DsEndpoints { areq: None, preq: None, rreq: None },
            shop: None,
            control: None,
            pki: files,
            outbox: None,
            cards: None,
            config: None,
        };
        let cards = folder.path().join("cards.json");
        std::fs::write(&cards, CARDS).unwrap();
        let mut config = SimConfig::for_endpoints(&ends);
        config.control_port = Some(0);
        config.cards = Some(cards);
        let simulator = Simulator::start(config).await.unwrap();
        Self { simulator, endpoints: ends, acs, folder, _listeners: listeners }
    }

    pub(super) fn merchant(&self) -> &ThreeDsServer {
        &self.simulator.network().merchant
    }

    pub(super) fn browser(&self) -> Browser {
        self.simulator.browser().unwrap()
    }

    pub(super) fn pki(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn areq_bytes(&self) -> Vec<Bytes> {
        self.acs.areqs.lock().unwrap().clone()
    }

    pub(super) fn last_areq(&self) -> Value {
        serde_json::from_slice(self.areq_bytes().last().unwrap()).unwrap()
    }

    pub(super) fn last_ares(&self) -> Value {
        self.acs.ares.lock().unwrap().clone()
    }

    pub(super) fn lose_next_ares(&self) {
        *self.acs.lose.lock().unwrap() = true;
    }

    pub(super) async fn send_rreq(&self, message: &Value) -> Value {
        let url = format!("{}/rreq", self.simulator.network().directory.url());
        self.send_rreq_to(message, &url).await
    }

    pub(super) async fn send_rreq_to(&self, message: &Value, url: &str) -> Value {
        let mut rreq = message.clone();
        rreq["messageType"] = json!("RReq");
        rreq["messageCategory"] = json!("01");
        let answer = self
            .acs
            .to_ds
            .post_json(url, rreq.to_string().into(), None, Duration::from_secs(5))
            .await
            .unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }
}

impl Acs {
    pub(super) fn areq(&self) -> Value {
        serde_json::from_slice(self.areqs.lock().unwrap().last().unwrap()).unwrap()
    }

    pub(super) fn ds_url(&self) -> String {
        self.areq()["dsURL"].as_str().unwrap().to_owned()
    }
}

pub(super) fn rreq(areq: &Value, ares: &Value) -> Value {
    let mut rreq = json!({
        "messageType": "RReq", "messageVersion": areq["messageVersion"],
        "threeDSServerTransID": areq["threeDSServerTransID"], "dsTransID": areq["dsTransID"],
        "acsTransID": ares["acsTransID"], "messageCategory": areq["messageCategory"],
        "transStatus": "Y", "eci": "05", "interactionCounter": "01",
        "authenticationValue": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    });
    for name in ["sdkTransID", "acsRenderingType"] {
        if let Some(value) = ares.get(name) {
            rreq[name] = value.clone();
        }
    }
    add_method(&mut rreq, "RReq");
    rreq
}

/// How the cardholder is verified, in the elements of the version.
fn add_method(message: &mut Value, kind: &str) {
    if message["messageVersion"] == "2.3.1" {
        message["authenticationMethod"] = json!(["02"]);
        return;
    }
    message["authenticationType"] = json!("02");
    if kind == "RReq" {
        message["authenticationMethod"] = json!("02");
    }
}

async fn areq(
    State(acs): State<Arc<Acs>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Response<Body> {
    assert!(peer.has_role("ds-a"), "{peer:?}");
    let areq: Value = serde_json::from_slice(&body).unwrap();
    acs.areqs.lock().unwrap().push(body);
    let lose = std::mem::take(&mut *acs.lose.lock().unwrap());
    if lose {
        peer.hang_up().await;
    }
    let mut ares = json!({
        "messageType": "ARes", "messageVersion": areq["messageVersion"],
        "threeDSServerTransID": areq["threeDSServerTransID"], "dsTransID": areq["dsTransID"],
        "acsTransID": new_id(), "acsReferenceNumber": "STUB",
        "dsReferenceNumber": areq["dsReferenceNumber"], "transStatus": "Y", "eci": "05",
        "authenticationValue": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    });
    if areq["purchaseAmount"].as_str().is_some_and(|amount| amount.len() > 4) {
        ares["transStatus"] = json!("C");
        if areq["deviceChannel"] == "01" {
            let url = format!("{}/3ds/challenge/app", acs.cardholder_url);
            acs.app.lock().unwrap().begin(&areq, &mut ares, &url);
        } else {
            ares["acsURL"] = json!(format!("{}/3ds/challenge/browser", acs.cardholder_url));
        }
        ares["acsChallengeMandated"] = json!("N");
        add_method(&mut ares, "ARes");
        ares.as_object_mut().unwrap().remove("authenticationValue");
    }
    *acs.ares.lock().unwrap() = ares.clone();
    answer(&ares, None, None)
}

type Pairs = Form<std::collections::HashMap<String, String>>;

async fn method(Form(pairs): Pairs) -> Html<String> {
    let data = from_base64url(&pairs["threeDSMethodData"]).unwrap();
    let url = data["threeDSMethodNotificationURL"].as_str().unwrap();
    let back = to_base64url(&json!({"threeDSServerTransID": data["threeDSServerTransID"]}));
    Html(format!(
        "<form method=post action='{url}'><input type=hidden name=threeDSMethodData value={back}>"
    ))
}

const PAGE: &str = "<form method=post action='/3ds/challenge/browser/page'>
    <input type=hidden name=token value=t><input name=challengeDataEntry>
    <button name=action value=submit>OK</button></form>";

async fn creq(State(acs): State<Arc<Acs>>, Form(pairs): Pairs) -> Html<String> {
    let creq = from_base64url(&pairs["creq"]).unwrap();
    assert_eq!(creq["acsTransID"], acs.ares.lock().unwrap()["acsTransID"]);
    *acs.session_data.lock().unwrap() = pairs.get("threeDSSessionData").cloned();
    Html(PAGE.to_owned())
}

async fn page(State(acs): State<Arc<Acs>>, Form(pairs): Pairs) -> Html<String> {
    if pairs["challengeDataEntry"] != CODE {
        return Html(PAGE.to_owned());
    }
    let areq: Value = serde_json::from_slice(acs.areqs.lock().unwrap().last().unwrap()).unwrap();
    let rreq = rreq(&areq, &acs.ares.lock().unwrap().clone());
    let url = areq["dsURL"].as_str().unwrap();
    let _ = acs.to_ds.post_json(url, rreq.to_string().into(), None, Duration::from_secs(5)).await;
    let cres = to_base64url(&json!({
        "messageType": "CRes", "messageVersion": rreq["messageVersion"],
        "threeDSServerTransID": rreq["threeDSServerTransID"],
        "acsTransID": rreq["acsTransID"], "transStatus": "Y",
    }));
    let session = acs.session_data.lock().unwrap().clone().map_or_else(String::new, |data| {
        format!("<input type=hidden name=threeDSSessionData value='{data}'>")
    });
    let target = areq["notificationURL"].as_str().unwrap();
    Html(format!(
        "<form method=post action='{target}'><input type=hidden name=cres value={cres}>{session}"
    ))
}

/// Roots for the web and for ds-a, with a leaf for every role.
fn write_pki(dir: &Path) -> PkiFiles {
    let web = root("web root");
    let ds = root("ds-a root");
    for (issuer, folder, name, role) in [
        (&web, "web", "acs-ec", "acs.example"),
        (&web, "web", "shop-ec", "shop.example"),
        (&ds, "ds-a", "acs-ec", "acs.ds-a.example"),
        (&ds, "ds-a", "acs-client", "acs.ds-a.example"),
        (&ds, "ds-a", "ds-client", "ds-a.example"),
        (&ds, "ds-a", "ds-server", "ds-a.example"),
        (&ds, "ds-a", "threeds-server", "3dss.ds-a.example"),
        (&ds, "ds-a", "acs-signing", "acs.ds-a.example"),
    ] {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        leaf(issuer, &folder, name, role);
    }
    std::fs::write(dir.join("ds-a/ca.pem"), ds.pem()).unwrap();
    std::fs::write(dir.join("ca-bundle.pem"), format!("{}{}", web.pem(), ds.pem())).unwrap();
    PkiFiles::in_dir(dir, "ds-a")
}

fn root(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(issuer: &CertifiedIssuer<'static, KeyPair>, dir: &Path, name: &str, role: &str) {
    let names = ["localhost", "127.0.0.1", role].map(str::to_owned);
    let mut params = CertificateParams::new(names.to_vec()).unwrap();
    params.distinguished_name.push(DnType::CommonName, role);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let file = |extension: &str| -> PathBuf { dir.join(format!("{name}.{extension}")) };
    std::fs::write(file("pem"), certificate.pem()).unwrap();
    std::fs::write(file("key"), key.serialize_pem()).unwrap();
}

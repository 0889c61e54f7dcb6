//! A directory server's place at the service's door, for messages that no honest one sends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use ds_simulator::link::{Answer, Link};
use ds_simulator::message::{self, BrowserFacts, Order, RequestorUrls, new_id};
use ds_simulator::pki::{self, Identity};
use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::acs::Acs;
use crate::cards::EXPIRY;

/// Speaks to the listener of one DS with any certificate.
#[derive(Debug, Clone)]
pub struct RawDs {
    link: Link,
    url: String,
    ds: String,
    ds_url: String,
}

impl RawDs {
    /// The honest identity of `ds`; RReqs are to go to `ds_url`.
    ///
    /// # Errors
    /// When the PKI cannot be read.
    pub fn new(acs: &Acs, ds: &str, ds_url: &str) -> Result<Self> {
        let identity = Identity::in_dir(&acs.pki().join(ds), "ds-client");
        Self::with_identity(acs, ds, ds_url, Some(&identity))
    }

    /// Another identity, or none, at the same door.
    ///
    /// # Errors
    /// When the PKI cannot be read.
    pub fn with_identity(
        acs: &Acs,
        ds: &str,
        ds_url: &str,
        identity: Option<&Identity>,
    ) -> Result<Self> {
        Ok(Self {
            link: Link::new(&roots(acs), identity)?,
            url: acs.areq_url(ds),
            ds: ds.to_owned(),
            ds_url: ds_url.to_owned(),
        })
    }

    /// A good browser AReq as it comes from the directory server.
    #[must_use]
    pub fn areq(&self, version: &str, pan: &str) -> Value {
        self.areq_of(version, &Order { pan: pan.to_owned(), ..order() })
    }

    /// [`Self::areq`] of any order.
    #[must_use]
    pub fn areq_of(&self, version: &str, order: &Order) -> Value {
        let urls = RequestorUrls {
            three_ds_server: "https://localhost:9/3dss/rreq".to_owned(),
            requestor: "https://shop.example".to_owned(),
            notification: "https://shop.example/3ds/notify".to_owned(),
        };
        let facts = BrowserFacts::default();
        let mut areq = message::areq(order, version, &new_id(), "U", &urls, &facts);
        self.stamp(&mut areq);
        areq
    }

    /// An AReq of the app channel.
    #[must_use]
    pub fn app_areq(&self, version: &str, pan: &str) -> Value {
        let mut areq = self.areq(version, pan);
        drop_browser(&mut areq);
        areq["deviceChannel"] = json!("01");
        areq["sdkAppID"] = json!(new_id());
        areq["sdkTransID"] = json!(new_id());
        areq["sdkReferenceNumber"] = json!("SIM_SDK_REF_0001");
        areq["sdkMaxTimeout"] = json!("05");
        areq["sdkEphemPubKey"] = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        areq["deviceRenderOptions"] =
            json!({"sdkInterface": "03", "sdkUiType": ["01", "02", "03", "04", "05"]});
        areq["deviceInfo"] = json!(message::to_base64url(
            &json!({"DV": "1.4", "DD": {"C001": "Android"}, "DPNA": {}, "SW": []})
        ));
        if version == "2.3.1" {
            areq["sdkType"] = json!("01");
            areq["defaultSdkType"] = json!({"sdkVariant": "01"});
        }
        areq
    }

    /// A non-payment AReq that the requestor starts by itself.
    #[must_use]
    pub fn three_ri_areq(&self, version: &str, pan: &str) -> Value {
        let order = Order { pan: pan.to_owned(), category: "02".to_owned(), ..order() };
        let mut areq = self.areq_of(version, &order);
        drop_browser(&mut areq);
        areq["deviceChannel"] = json!("03");
        areq["threeRIInd"] = json!("04");
        let members = areq.as_object_mut().expect("an AReq is an object");
        for name in ["threeDSRequestorAuthenticationInd", "threeDSRequestorAuthenticationInfo"] {
            members.remove(name);
        }
        if version == "2.1.0" {
            members.remove("dsURL");
        }
        areq
    }

    fn stamp(&self, areq: &mut Value) {
        areq["dsReferenceNumber"] = json!(format!("{}-REF-0001", self.ds.to_uppercase()));
        areq["dsTransID"] = json!(new_id());
        areq["dsURL"] = json!(self.ds_url);
    }

    /// Posts a message; the answer must be a protocol message under HTTP 200.
    ///
    /// # Errors
    /// When no answer comes, or one that is no JSON.
    pub async fn post(&self, message: &Value) -> Result<Value> {
        self.post_text(message.to_string()).await
    }

    /// Posts any bytes; the answer must be a protocol message under HTTP 200.
    ///
    /// # Errors
    /// When no answer comes, or one that is no JSON.
    pub async fn post_text(&self, text: impl Into<Bytes>) -> Result<Value> {
        let answer = self.exchange(text).await?;
        anyhow::ensure!(answer.status == 200, "HTTP {}", answer.status);
        serde_json::from_slice(&answer.body).context("the answer is no JSON")
    }

    /// Posts any bytes and gives the answer as it is.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn exchange(&self, text: impl Into<Bytes>) -> Result<Answer> {
        let patience = Duration::from_secs(30);
        Ok(self.link.post_json(&self.url, text.into(), None, patience).await?)
    }

    /// The same peer at the door for operational notices.
    #[must_use]
    pub fn at_oreq(mut self) -> Self {
        self.url = self.url.replace("/3ds/areq", "/3ds/oreq");
        self
    }

    /// Its door.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// An HTTPS client with the identity of `ds` whose TLS settings `tweak` may change.
///
/// # Errors
/// When the PKI cannot be read.
pub fn client(
    acs: &Acs,
    ds: &str,
    tweak: impl FnOnce(&mut ClientConfig),
) -> Result<reqwest::Client> {
    let identity = Identity::in_dir(&acs.pki().join(ds), "ds-client");
    let mut config = pki::client_config(&roots(acs), Some(&identity))?;
    tweak(&mut config);
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

/// A TLS client of `ds` that offers only these versions and suites.
///
/// # Errors
/// When the PKI cannot be read.
pub fn narrow_config(
    acs: &Acs,
    ds: &str,
    versions: &[&'static rustls::SupportedProtocolVersion],
    suites: Vec<rustls::SupportedCipherSuite>,
) -> Result<ClientConfig> {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites = suites;
    let mut trusted = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots(acs))? {
        trusted.add(certificate?)?;
    }
    let folder = acs.pki().join(ds);
    let chain = CertificateDer::pem_file_iter(folder.join("ds-client.pem"))?
        .collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("ds-client.key"))?;
    Ok(ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)?
        .with_root_certificates(trusted)
        .with_client_auth_cert(chain, key)?)
}

/// Roots of all parties.
#[must_use]
pub fn roots(acs: &Acs) -> PathBuf {
    acs.pki().join("ca-bundle.pem")
}

/// An order that is challenged unless its card says otherwise.
#[must_use]
pub fn order() -> Order {
    Order { amount: "20000".to_owned(), expiry: Some(EXPIRY.to_owned()), ..Order::default() }
}

fn drop_browser(areq: &mut Value) {
    let members = areq.as_object_mut().expect("an AReq is an object");
    members.retain(|name, _| {
        !name.starts_with("browser")
            && !["notificationURL", "threeDSCompInd", "acceptLanguage"].contains(&name.as_str())
    });
}

//! An SDK in the merchant's app, as strict as the strictest: it encrypts device data, verifies
//! acsSignedContent, agrees on keys, plays the challenge over the encrypted channel, and says what
//! is wrong with what it gets. Nothing here uses the ACS's own cryptography.

pub mod challenge;
pub mod cres;
pub mod device;
mod elements;
pub mod jwe;
pub mod keys;
pub mod play;
pub mod screen;
pub mod signed_content;
mod strict_json;
pub mod tamper;

pub use challenge::{Act, AppChallenge, Received};
pub use play::{AppEnd, AppOptions, Script, pay_in_app};

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::directory::DirectoryServer;
use crate::link::Link;
use crate::message::app::SdkFacts;
use crate::message::new_id;
use crate::trace::Trace;
use device::{DsKeyKind, DsPublicKey};
use keys::{Encryption, KeyPair};

/// What an SDK can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Interface {
    Native,
    Html,
    #[default]
    Both,
}

impl Interface {
    /// `sdkInterface`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Native => "01",
            Self::Html => "02",
            Self::Both => "03",
        }
    }

    /// `sdkUiType`.
    fn ui_types(self) -> Vec<String> {
        let types: &[&str] = match self {
            Self::Native => &["01", "02", "03", "04", "07"],
            Self::Html => &["01", "02", "03", "04", "05", "06", "07"],
            Self::Both => &["01", "02", "03", "04", "05", "06", "07"],
        };
        types.iter().map(|ui| (*ui).to_owned()).collect()
    }
}

/// How an SDK is set up; one may make many payments.
#[derive(Debug, Clone)]
pub struct Sdk {
    pub reference_number: String,
    pub app_id: String,
    pub interface: Interface,
    /// `enc` of its CReqs.
    pub encryption: Encryption,
    /// Which key of the directory server it knows.
    pub ds_key: DsKeyKind,
    /// `sdkMaxTimeout`, minutes.
    pub max_timeout: u8,
    /// A Split-SDK (2.3.1).
    pub split: bool,
    /// `threeDSRequestorAppURL` (2.2 and later).
    pub requestor_app_url: Option<String>,
    /// `oobAppURLInd` (2.3.1).
    pub oob_app_url_ind: String,
    /// What it says about its device.
    pub device_data: Value,
    /// How long one CRes may take [P-APP-54].
    pub read_timer: Duration,
    /// A CReq whose answer was lost is sent again, byte for byte, for this long; zero: only where
    /// no connection came about, once.
    pub retry_for: Duration,
    link: Link,
    trace: Arc<Trace>,
    directory: Arc<DirectoryServer>,
}

/// One authentication as the SDK knows it: its id and its ephemeral key.
#[derive(Debug)]
pub struct SdkTransaction {
    /// `sdkTransID`.
    pub trans_id: String,
    key: KeyPair,
}

impl Sdk {
    /// An SDK for one directory server; `roots` are those of the web.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn new(
        roots: &std::path::Path,
        directory: Arc<DirectoryServer>,
        trace: Arc<Trace>,
    ) -> Result<Self> {
        Ok(Self {
            reference_number: "3DS_SIM_SDK_00001".to_owned(),
            app_id: "5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10".to_owned(),
            interface: Interface::Both,
            encryption: Encryption::A128Gcm,
            ds_key: DsKeyKind::Ec,
            max_timeout: 5,
            split: false,
            requestor_app_url: Some("https://shop.example/app/return".to_owned()),
            oob_app_url_ind: "01".to_owned(),
            device_data: device::device_data(),
            read_timer: Duration::from_secs(10),
            retry_for: Duration::ZERO,
            link: Link::new(roots, None)?,
            trace,
            directory,
        })
    }

    /// Starts an authentication: a fresh id and key.
    #[must_use]
    pub fn begin(&self) -> SdkTransaction {
        SdkTransaction { trans_id: new_id(), key: KeyPair::generate() }
    }

    /// The directory server's key that this SDK carries with it.
    #[must_use]
    pub fn directory_key(&self) -> DsPublicKey {
        self.directory.device_key(self.ds_key)
    }

    /// What the app gets for the AReq.
    ///
    /// # Errors
    /// When the device data cannot be encrypted.
    pub fn facts(&self, transaction: &SdkTransaction) -> Result<SdkFacts> {
        let key = self.directory_key();
        let enc_data = device::encrypt(&self.device_data, &key, self.encryption)?;
        Ok(SdkFacts {
            app_id: self.app_id.clone(),
            enc_data,
            ephem_pub_key: transaction.key.public_jwk(),
            max_timeout: self.max_timeout,
            reference_number: self.reference_number.clone(),
            trans_id: transaction.trans_id.clone(),
            interface: self.interface.code().to_owned(),
            ui_types: self.interface.ui_types(),
            split: self.split.then(|| self.server_signed(transaction)).transpose()?,
        })
    }

    /// What the server of a Split-SDK signs.
    fn server_signed(&self, transaction: &SdkTransaction) -> Result<String> {
        let now = time::OffsetDateTime::now_utc();
        self.directory.split_sdk_signs(json!({
            "sdkReferenceNumber": self.reference_number,
            "sdkSignatureTimestamp": crate::message::date_time(now),
            "sdkTransID": transaction.trans_id,
        }))
    }
}

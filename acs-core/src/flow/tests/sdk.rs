//! An SDK in memory: its half of the channel, and what it sends.

use serde_json::{Value, json};

use super::harness::{Counting, World, app_areq, card, sdk_key};
use crate::crypto::jwe::{self, Encryption, Way};
use crate::crypto::key_agreement::{ContentKey, PeerKey};
use crate::element::{MessageVersion, TransId};
use crate::flow::challenge::Input;
use crate::flow::present::{SdkReply, View};
use crate::message::{AReq, P256PublicJwk};
use crate::profile::{Card, CardLookup};

pub(super) const ENCRYPTIONS: [Encryption; 2] = [Encryption::A128CbcHs256, Encryption::A128Gcm];

/// An SDK and the ACS it talks to.
pub(super) struct Sdk {
    pub(super) world: World,
    pub(super) key: ContentKey,
    pub(super) enc: Encryption,
    pub(super) counter: u16,
    /// CRes seen.
    pub(super) seen: u16,
    random: Counting,
}

/// What an SDK got.
#[derive(Debug)]
pub(super) enum Got {
    CRes(Value),
    Erro(Value),
    Nothing,
    /// The round is on.
    Processing,
}

impl Got {
    pub(super) fn cres(self) -> Value {
        let Self::CRes(cres) = self else { panic!("no CRes: {self:?}") };
        cres
    }

    pub(super) fn erro(self, code: &str) -> Value {
        let Self::Erro(erro) = self else { panic!("no Erro: {self:?}") };
        assert_eq!(erro["errorCode"], code, "{erro}");
        assert_eq!(erro["errorComponent"], "A");
        erro
    }
}

impl Sdk {
    pub(super) fn new(version: MessageVersion, enc: Encryption) -> Self {
        Self::with(version, enc, |_, _, _| {})
    }

    /// An SDK whose AReq got a C.
    pub(super) fn with(
        version: MessageVersion,
        enc: Encryption,
        set: impl FnOnce(&mut World, &mut AReq, &mut Card),
    ) -> Self {
        let mut world = World::new();
        let (mut areq, mut card) = (app_areq(version), card());
        set(&mut world, &mut areq, &mut card);
        world.contacts = card.contacts.clone();
        world.authenticate(&areq, CardLookup::Found(card));
        assert_eq!(world.ares["transStatus"], "C", "{}", world.ares);
        let jws = world.ares["acsSignedContent"].as_str().unwrap();
        let payload = crate::message::decode_base64url(jws.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let acs: P256PublicJwk = serde_json::from_value(payload["acsEphemPubKey"].clone()).unwrap();
        let key = sdk_key().agree(&PeerKey::parse(acs).unwrap(), "SDK-REF").unwrap();
        Self { world, key, enc, counter: 0, seen: 0, random: Counting::default() }
    }

    /// With the first screen shown.
    pub(super) fn shown(version: MessageVersion, enc: Encryption) -> Self {
        let mut sdk = Self::new(version, enc);
        sdk.send(json!({})).cres();
        sdk
    }

    pub(super) fn id(&self) -> TransId {
        self.world.transaction().acs_trans_id
    }

    /// A CReq with these members more.
    pub(super) fn creq(&self, more: Value) -> Value {
        let transaction = self.world.transaction();
        let mut creq = json!({
            "messageType": "CReq",
            "messageVersion": transaction.version.as_str(),
            "threeDSServerTransID": transaction.three_ds_server_trans_id.to_string(),
            "acsTransID": transaction.acs_trans_id.to_string(),
            "sdkTransID": transaction.app.as_ref().unwrap().sdk_trans_id.to_string(),
            "sdkCounterStoA": format!("{:03}", self.counter),
        });
        if transaction.version == MessageVersion::V231 {
            creq["oobAppURLInd"] = "02".into();
        }
        for (name, value) in more.as_object().unwrap() {
            creq[name] = value.clone();
        }
        creq
    }

    pub(super) fn seal(&mut self, creq: &Value) -> String {
        let plain = creq.to_string();
        let counter = u8::try_from(self.counter).unwrap();
        let id = self.id();
        jwe::seal(
            plain.as_bytes(),
            Way::SdkToAcs,
            self.enc,
            id,
            counter,
            &self.key,
            &mut self.random,
        )
    }

    /// Sends a CReq with these members more.
    pub(super) fn send(&mut self, more: Value) -> Got {
        let creq = self.creq(more);
        let jwe = self.seal(&creq);
        self.counter += 1;
        self.post(jwe.as_bytes())
    }

    pub(super) fn post(&mut self, body: &[u8]) -> Got {
        let view = self.world.step(Input::SdkMessage(body)).unwrap();
        self.read(view)
    }

    /// What the SDK gets once the round is over.
    pub(super) fn wait(&mut self) -> Got {
        let view = self.world.current();
        self.read(view)
    }

    fn read(&mut self, view: View) -> Got {
        let reply = match view {
            View::Sdk(reply) => reply,
            View::Processing => return Got::Processing,
            other => panic!("not for an SDK: {other:?}"),
        };
        match reply {
            SdkReply::CRes(jwe) => {
                let (plain, enc) = jwe::open(&jwe, Way::AcsToSdk, &self.key).unwrap();
                assert_eq!(enc, self.enc, "the answer has the encryption of the question");
                assert_eq!(jwe::kid(&jwe), Some(self.id()));
                let cres: Value = serde_json::from_slice(&plain).unwrap();
                assert_eq!(cres["acsCounterAtoS"], format!("{:03}", self.seen));
                self.seen += 1;
                Got::CRes(cres)
            }
            SdkReply::Erro(body) => Got::Erro(serde_json::from_str(&body).unwrap()),
            SdkReply::Nothing => Got::Nothing,
        }
    }

    /// Enters something and, when that ends the challenge, gives the last word after a good RRes.
    pub(super) fn enter(&mut self, entry: &str) -> Got {
        self.send(json!({ "challengeDataEntry": entry }))
    }

    pub(super) fn after_rres(&mut self) -> Value {
        self.world.answer_rreq();
        self.wait().cres()
    }
}

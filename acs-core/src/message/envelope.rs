//! What every message carries: type, version, transaction ids [P-AREQ-03..05, P-GEN-01].

use super::{PeekedIds, ReadRules};
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId};
use crate::erro::{ErroContext, Fault, Rejection};
use crate::json::Document;

/// The outside of a message.
pub(super) struct Envelope<'m, 'a> {
    message: &'m Document<'a>,
    pub(super) ids: PeekedIds,
}

impl<'m, 'a> Envelope<'m, 'a> {
    pub(super) fn of(message: &'m Document<'a>) -> Self {
        let id = |name: &str| message.text(name).and_then(TransId::parse);
        let ids = PeekedIds {
            three_ds_server_trans_id: id("threeDSServerTransID"),
            ds_trans_id: id("dsTransID"),
            acs_trans_id: id("acsTransID"),
            sdk_trans_id: id("sdkTransID"),
        };
        Self { message, ids }
    }

    /// `messageType` when it is one of the protocol's.
    pub(super) fn message_type(&self) -> Option<&'static str> {
        let text = self.message.text("messageType")?;
        TYPES.into_iter().find(|known| *known == text)
    }

    /// Checks type and version; gives the version. A refusal speaks the message's version only if
    /// this peer may use it [P-AREQ-03, P-AREQ-04, P-AREQ-05, P-ERRO-02, Req 199, Note 33].
    pub(super) fn open(
        &self,
        expected: Message,
        rules: &ReadRules,
    ) -> Result<MessageVersion, Box<Rejection>> {
        self.version(expected, rules).map_err(|(fault, words)| {
            let mut rejection = self.reject(fault).explained(words);
            rejection.context.version.take_if(|version| !rules.versions.contains(version));
            Box::new(rejection)
        })
    }

    /// [P-AREQ-05, Req 195]
    fn version(
        &self,
        expected: Message,
        rules: &ReadRules,
    ) -> Result<MessageVersion, (Fault, Option<String>)> {
        let present = |name: &str| self.message.get(name).filter(|node| !node.is_empty());
        if present("messageType").is_none() {
            return Err((Fault::MessageTypeMissing, None));
        }
        let expected = expected.message_type();
        match self.message_type() {
            None => return Err((Fault::MessageTypeUnknown, None)),
            Some(found) if found != expected => {
                let words = format!("expected {expected}, came {found}");
                return Err((Fault::MessageTypeMisplaced, Some(words)));
            }
            Some(_) => {}
        }
        let version = present("messageVersion").ok_or((Fault::VersionMissing, None))?;
        let Some(text) = version.as_text().filter(|text| is_version(text)) else {
            return Err((Fault::VersionMalformed, None));
        };
        MessageVersion::parse(text)
            .filter(|version| rules.versions.contains(version))
            .ok_or_else(|| (Fault::VersionUnsupported, Some(format!("came {text}"))))
    }

    pub(super) fn reject(&self, fault: Fault) -> Box<Rejection> {
        let version = self.message.text("messageVersion").and_then(MessageVersion::parse);
        let context = ErroContext {
            version,
            message_type: self.message_type(),
            three_ds_server_trans_id: self.ids.three_ds_server_trans_id,
            ds_trans_id: self.ids.ds_trans_id,
            acs_trans_id: self.ids.acs_trans_id,
            sdk_trans_id: self.ids.sdk_trans_id,
        };
        Box::new(Rejection::new(fault, context))
    }
}

/// major.minor.patch, 5 to 8 characters [Note 49].
fn is_version(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (5..=8).contains(&text.len()) && text.split('.').count() == 3 && text.split('.').all(number)
}

const TYPES: [&str; 11] =
    ["AReq", "ARes", "CReq", "CRes", "RReq", "RRes", "PReq", "PRes", "OReq", "ORes", "Erro"];

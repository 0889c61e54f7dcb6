//! The forms that browsers post, decoded; pure functions of the body. Of a field that comes twice the
//! last counts; unknown fields are nobody's.

use std::fmt;

use acs_core::element::TransId;
use acs_core::flow::challenge;
use acs_core::flow::consent::Choice;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The requestor's form that opens a challenge [P-BRW-10].
pub struct CReqForm {
    /// The decoded bytes of `creq`: JSON, as far as its `acsTransID` could be read.
    pub creq: Vec<u8>,
    pub acs_trans_id: TransId,
    /// `creq` was not written as RFC 7515 wants it: padded, with white space, or with stray bits.
    pub tolerated: bool,
    /// `threeDSSessionData`, unless it is longer than [`MAX_SESSION_DATA`].
    pub session_data: Option<String>,
}

/// Reads the form with the CReq; `None` when it names no transaction [P-BRW-01, Note 135].
#[must_use]
pub fn creq(body: &[u8]) -> Option<CReqForm> {
    let (mut creq, mut session_data) = (None, None);
    for (name, value) in url::form_urlencoded::parse(body) {
        match name.as_ref() {
            "creq" => creq = decode(&value),
            "threeDSSessionData" => session_data = Some(value.into_owned()),
            _ => {}
        }
    }
    let (creq, tolerated) = creq?;
    Some(CReqForm {
        acs_trans_id: challenge::creq_transaction(&creq)?,
        creq,
        tolerated,
        session_data: session_data.filter(|data| data.len() <= MAX_SESSION_DATA),
    })
}

/// Fields of a form of our own pages; what is missing is empty.
#[derive(Default)]
pub struct PageForm {
    pub token: String,
    /// `submit`, `resend`, `cancel` or anything else.
    pub action: String,
    /// `challengeDataEntry`: a code, never shown.
    pub entry: Zeroizing<String>,
    /// What a passkey signed: JSON.
    pub assertion: String,
    pub language: Option<String>,
    /// Ticked boxes; the device comes from elsewhere.
    pub choice: Choice,
}

/// Reads a form of one of our pages.
#[must_use]
pub fn page(body: &[u8]) -> PageForm {
    let mut fields = PageForm::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        match name.as_ref() {
            "token" => fields.token = value.into_owned(),
            "action" => fields.action = value.into_owned(),
            "challengeDataEntry" => fields.entry = Zeroizing::new(value.into_owned()),
            "assertion" => fields.assertion = value.into_owned(),
            "language" => fields.language = Some(value.into_owned()),
            "trust" => fields.choice.trust = value == "Y",
            "bind" => fields.choice.bind = value == "Y",
            _ => {}
        }
    }
    fields
}

/// A form of a 3DS Method run: its start, or what its script found [P-MTH-03..06].
#[derive(Debug)]
pub struct MethodForm {
    /// `threeDSServerTransID`.
    pub run: TransId,
    /// `threeDSMethodNotificationURL`, as it came.
    pub notification_url: Option<String>,
    /// `threeDSMethodData` as it came, for the script to send back.
    pub start: String,
    /// `threeDSMethodData` was not written as RFC 7515 wants it.
    pub tolerated: bool,
    /// `browserData`: what the script found.
    pub found: Option<String>,
}

/// Reads a form of the 3DS Method; `None` when it names no run [P-MTH-02, Req 263].
#[must_use]
pub fn method(body: &[u8]) -> Option<MethodForm> {
    let (mut start, mut found) = (None, None);
    for (name, value) in url::form_urlencoded::parse(body) {
        match name.as_ref() {
            "threeDSMethodData" => start = Some(value.into_owned()),
            "browserData" => found = Some(value.into_owned()),
            _ => {}
        }
    }
    let start: String = start?;
    let (json, tolerated) = decode(&start)?;
    let data: MethodData = serde_json::from_slice(&json).ok()?;
    let run = TransId::parse(&data.three_ds_server_trans_id)?;
    Some(MethodForm { run, notification_url: data.notification_url, start, tolerated, found })
}

#[derive(Deserialize)]
struct MethodData {
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: String,
    #[serde(rename = "threeDSMethodNotificationURL")]
    notification_url: Option<String>,
}

impl fmt::Debug for CReqForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CReqForm({})", self.acs_trans_id)
    }
}

impl fmt::Debug for PageForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageForm(..)")
    }
}

/// base64url as senders write it, padded or not, with white space such as line ends in it
/// [P-TRN-08, Req 119, Req 192, Req 193, Req 263], and whether that took tolerance.
fn decode(text: &str) -> Option<(Vec<u8>, bool)> {
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
        return Some((bytes, false));
    }
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    TOLERANT.decode(text).ok().map(|bytes| (bytes, true))
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// More than the 1024 of the specification, which receivers should bear [P-BRW-07].
pub const MAX_SESSION_DATA: usize = 4096;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    const ID: &str = "5f1c6e00-7a3d-4b52-9c01-200000000013";

    #[test]
    fn a_creq_is_read_padded_or_not() {
        let json = format!(r#"{{"acsTransID":"{ID}"}} "#);
        for encoded in [URL_SAFE.encode(&json), URL_SAFE_NO_PAD.encode(&json)] {
            let body = format!("creq={}&threeDSSessionData=a%3Db", encoded.replace('=', "%3D"));
            let form = creq(body.as_bytes()).unwrap();
            assert_eq!(
                (form.creq.as_slice(), form.acs_trans_id.to_string()),
                (json.as_bytes(), ID.into())
            );
            assert_eq!(form.session_data.as_deref(), Some("a=b"));
        }
        assert!(creq(b"creq=e30").is_none() && creq(b"").is_none());
    }

    #[test]
    fn tolerance_is_told() {
        for (text, tolerated) in
            [("aGk", false), ("aGk=", true), ("aGk\r\n", true), (" a\nG\tk", true), ("aGl", true)]
        {
            assert_eq!(decode(text), Some((b"hi".to_vec(), tolerated)), "{text:?}");
        }
        assert_eq!(decode("a+k"), None, "the other alphabet");
    }

    #[test]
    fn too_much_session_data_is_left_out() {
        let encoded = URL_SAFE_NO_PAD.encode(format!(r#"{{"acsTransID":"{ID}"}}"#));
        let with = |length| format!("creq={encoded}&threeDSSessionData={}", "x".repeat(length));
        assert!(creq(with(MAX_SESSION_DATA).as_bytes()).unwrap().session_data.is_some());
        assert!(creq(with(MAX_SESSION_DATA + 1).as_bytes()).unwrap().session_data.is_none());
    }

    #[test]
    fn a_method_run_is_read_from_its_start() {
        let start = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"threeDSServerTransID":"{ID}","threeDSMethodNotificationURL":"https://a.example"}}"#
        ));
        let form =
            method(format!("threeDSMethodData={start}&browserData=%7B%7D").as_bytes()).unwrap();
        assert_eq!((form.run.to_string().as_str(), form.start), (ID, start));
        assert_eq!(form.notification_url.as_deref(), Some("https://a.example"));
        assert_eq!(form.found.as_deref(), Some("{}"));
        assert!(method(b"threeDSMethodData=e30").is_none() && method(b"browserData=x").is_none());
    }
}

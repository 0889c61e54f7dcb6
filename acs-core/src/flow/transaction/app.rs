//! The part of a state that only the app channel has.

use serde::{Deserialize, Serialize};

use crate::crypto::jwe::Encryption;
use crate::element::TransId;
use crate::flow::consent::DeviceId;
use crate::json;

/// An app transaction's own facts. Its content key is not here: the host keeps that sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AppState {
    #[serde(rename = "t")]
    pub sdk_trans_id: TransId,
    /// What is presented first, as the ARes says and the RReq repeats [P-APP-30]; `None` without a
    /// challenge.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub rendering: Option<Rendering>,
    /// What comes before the code.
    #[serde(rename = "b", default, skip_serializing_if = "Before::is_nothing")]
    pub(crate) before: Before,
    /// The device, where its binding can be asked for.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<DeviceId>,
    /// `sdkType` 02 [P-CRY-08].
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub split_sdk: bool,
    /// CReqs taken: the counter of the next.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub(crate) received: u16,
    /// CRes made: the counter of the next.
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    pub(crate) sent: u16,
    /// `enc` of the newest CReq: its answer has the same.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) encryption: Option<Encryption>,
    /// The newest message and what it was answered, for a repeat [P-CRY-13].
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Exchange>,
}

/// A message of the SDK, and its answer once there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// Digest of the message as received.
    #[serde(rename = "d")]
    pub(crate) digest: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<Reply>,
}

/// An answer to an SDK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// An encrypted CRes: useless without its key, which is kept elsewhere.
    #[serde(rename = "j", serialize_with = "json::long_text")]
    CRes(String),
    /// An Erro, JSON.
    #[serde(rename = "e")]
    Erro(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}

impl AppState {
    pub(crate) const fn new(
        sdk_trans_id: TransId,
        rendering: Option<Rendering>,
        split_sdk: bool,
        before: Before,
        device: Option<DeviceId>,
    ) -> Self {
        Self {
            sdk_trans_id,
            rendering,
            before,
            device,
            split_sdk,
            received: 0,
            sent: 0,
            encryption: None,
            last: None,
        }
    }
}

/// The screens before the one that takes the code, and what is special about that one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    /// An information screen: nothing is sent before its button is pressed.
    #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) notice: bool,
    /// The screen on which it is chosen where the code goes.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(crate) choice: Option<Template>,
    /// A code goes to the phone and another one to the address: both are asked for.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) two: bool,
    /// The cardholder may have a new code sent to the other contact.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) other: bool,
}

impl Before {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// `acsRenderingType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendering {
    #[serde(rename = "i")]
    pub interface: Interface,
    #[serde(rename = "t")]
    pub template: Template,
}

/// `acsInterface`: who draws the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interface {
    /// The SDK, from labels and texts.
    #[serde(rename = "01")]
    Native,
    /// The ACS, as a page without any external reference.
    #[serde(rename = "02")]
    Html,
}

/// `acsUiTemplate` and `acsUiType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Template {
    /// One entry.
    #[serde(rename = "01")]
    Text,
    #[serde(rename = "02")]
    SingleSelect,
    #[serde(rename = "03")]
    MultiSelect,
    #[serde(rename = "04")]
    OutOfBand,
    #[serde(rename = "05")]
    Html,
    /// 2.3.1.
    #[serde(rename = "06")]
    HtmlOutOfBand,
    /// 2.3.1.
    #[serde(rename = "07")]
    Information,
}

impl Template {
    /// The code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Text => "01",
            Self::SingleSelect => "02",
            Self::MultiSelect => "03",
            Self::OutOfBand => "04",
            Self::Html => "05",
            Self::HtmlOutOfBand => "06",
            Self::Information => "07",
        }
    }
}

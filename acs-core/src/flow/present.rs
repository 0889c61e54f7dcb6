//! Presentations of the challenge machine's output. The browser's view is data for a page; the
//! host renders it.

/// What a browser is to be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum View {
    /// The one-time-password page.
    Code(Box<CodeView>),
    /// The page that waits for the issuer's app [P-BRW-25].
    OutOfBand(Box<OobView>),
    /// The information page before a challenge goes over to decoupled authentication: a button, and
    /// nothing to enter [P-DEC-07, Req 464].
    Information(Box<InformationView>),
    /// The page that lets the browser ask for a passkey [P-SPC-06].
    Passkey(Box<PasskeyView>),
    /// The RReq round is on: wait for its end, then ask for the current view again.
    Processing,
    /// The final page: posts `cres` (and session data) to notificationURL.
    Final(Box<FinalView>),
    /// An Erro that goes through the browser to notificationURL [P-BRW-19].
    Erro(Box<FinalView>),
    /// A static page: the transaction is over (idle timeout) and no CRes exists [P-BRW-34].
    TimedOut { language: String },
    /// The answer to an SDK.
    Sdk(SdkReply),
    /// A static error page; nothing to post.
    Invalid { reference: Option<String> },
}

/// What goes back to an SDK.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SdkReply {
    /// An encrypted CRes: `application/jose; charset=utf-8`.
    CRes(String),
    /// An Erro in clear: `application/json; charset=utf-8`.
    Erro(String),
    /// An empty answer, to an Erro [P-APP-51].
    Nothing,
}

/// Data of the code page; keys name texts of the host's catalogue.
#[derive(Debug, Clone)]
pub struct CodeView {
    pub language: String,
    /// `01` to `05`.
    pub window_size: String,
    pub token: String,
    pub merchant: Option<String>,
    /// Formatted for people, e.g. `12,800円`.
    pub amount: Option<String>,
    pub card_last4: String,
    /// `sms` or `email`.
    pub sent_via: String,
    /// Last two digits of the phone, or the masked address.
    pub sent_to: String,
    pub code_length: u8,
    pub life_minutes: u32,
    /// After so many seconds the page asks for its end by itself; `None`: it never does [P-BRW-34].
    pub idle_seconds: Option<u32>,
    /// `err.wrong`, `err.last`, `err.form`, `err.expired`, `resend.fail`, `stale` ... or none.
    pub error: Option<&'static str>,
    /// `resend.done`, `resend.wait` ... or none.
    pub status: Option<&'static str>,
    pub attempts_left: u8,
    pub resend_wait_seconds: u32,
    /// False when the limit is reached: the button disappears.
    pub resend_offered: bool,
    /// The trust-list box: whether it is ticked, `None` when it is not offered.
    pub trust: Option<bool>,
    /// The device-binding box likewise.
    pub bind: Option<bool>,
    /// Whether the cardholder may leave for a decoupled authentication.
    pub later: bool,
    /// The other merchants of a challenge for several, as far as they are named [P-231-05].
    pub other_merchants: Vec<String>,
    /// How many more there are.
    pub unnamed_merchants: u16,
}

/// Data of the page that waits for the issuer's app.
#[derive(Debug, Clone)]
pub struct OobView {
    pub language: String,
    /// `01` to `05`.
    pub window_size: String,
    pub token: String,
    pub merchant: Option<String>,
    /// Formatted for people.
    pub amount: Option<String>,
    pub card_last4: String,
    /// Two digits, to be found in the app too.
    pub number: String,
    /// The issuer has said something: the page has only to ask for it.
    pub answered: bool,
    /// As of the code page.
    pub idle_seconds: Option<u32>,
    /// `oob.early`, `stale` or none.
    pub error: Option<&'static str>,
    pub status: Option<&'static str>,
    /// How often the button may be pressed before the issuer has said anything.
    pub continues_left: u8,
    /// As of the code page.
    pub trust: Option<bool>,
    pub bind: Option<bool>,
    /// Whether the cardholder may have a code instead.
    pub code_offered: bool,
    /// As of the code page.
    pub later: bool,
}

/// Data of the information page.
#[derive(Debug, Clone)]
pub struct InformationView {
    pub language: String,
    /// `01` to `05`.
    pub window_size: String,
    pub token: String,
    pub merchant: Option<String>,
    /// Formatted for people.
    pub amount: Option<String>,
    pub card_last4: String,
    /// As of the code page.
    pub idle_seconds: Option<u32>,
}

/// Data of the page for the passkey.
#[derive(Debug, Clone)]
pub struct PasskeyView {
    pub language: String,
    /// `01` to `05`.
    pub window_size: String,
    pub token: String,
    pub merchant: Option<String>,
    /// Formatted for people.
    pub amount: Option<String>,
    pub card_last4: String,
    /// As of the code page.
    pub idle_seconds: Option<u32>,
    /// What the script hands to the browser: JSON.
    pub options: String,
    /// The picture in it, which the page's policy has to allow.
    pub icon: String,
    /// Whether the cardholder may leave for a decoupled authentication.
    pub later: bool,
}

/// Data of the last page.
#[derive(Debug, Clone)]
pub struct FinalView {
    pub language: String,
    pub window_size: String,
    pub notification_url: String,
    /// Form field name: `cres`, or the setting `protocol.brw_erro_field` for an Erro.
    pub field: String,
    /// base64url JSON, no padding.
    pub message: String,
    pub session_data: Option<String>,
    /// `ok`, `fail`, `later` or `cancel`: which words to show.
    pub outcome: &'static str,
    /// Value of the device cookie to set.
    pub device_cookie: Option<String>,
    /// Mark of the form token whose bearer alone gets the cookie.
    pub device_cookie_for: Option<String>,
}

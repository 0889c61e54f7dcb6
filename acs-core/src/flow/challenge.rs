//! The challenge state machine: CReq, entries, deadlines and RReq delivery in; new state, outputs
//! and a [`View`] out. The same machine serves every channel; see [`super::present`].

use crate::element::{MessageVersion, Pan};
use crate::erro::Rejection;
use crate::flow::transaction::{Output, Transaction};
use crate::profile::{Contacts, DsProfile, IssuerProfile};
use crate::{Random, UtcMillis};

/// What a step may read besides the state.
pub struct ChallengeContext<'a> {
    pub issuer: &'a IssuerProfile,
    pub ds: &'a DsProfile,
    pub pan: &'a Pan,
    pub contacts: &'a Contacts,
    pub generator: &'a dyn crate::crypto::AuthenticationValueGenerator,
    /// Keyed hash for one-time passwords and MAC for form tokens.
    pub keys: &'a crate::crypto::ChallengeKeys,
    /// Versions for a 102 Erro.
    pub supported: &'a [MessageVersion],
    pub now: UtcMillis,
}

impl std::fmt::Debug for ChallengeContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeContext(..)")
    }
}

/// What arrived.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A browser CReq for this transaction: the decoded JSON bytes and the form's session data.
    BrowserCReq { creq: &'a [u8], session_data: Option<&'a str> },
    /// A submitted page form.
    Form(Form<'a>),
    /// `deadline()` is at or before `now`.
    DeadlineReached,
    /// News of the RReq.
    RReq(RReqNews<'a>),
}

/// Fields of the challenge page's form.
#[derive(Debug)]
pub struct Form<'a> {
    pub token: &'a str,
    /// `submit`, `resend` or `cancel`; anything else shows the current page.
    pub action: &'a str,
    /// `challengeDataEntry`; its Debug must never print it.
    pub entry: Entry<'a>,
    /// Language asked for by the page's language form, `ja` or `en`.
    pub language: Option<&'a str>,
}

/// A cardholder's entry, never printed.
#[derive(Clone, Copy)]
pub struct Entry<'a>(pub &'a str);

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(..)")
    }
}

/// News of an RReq from the sender.
#[derive(Debug)]
#[non_exhaustive]
pub enum RReqNews<'a> {
    /// An HTTP answer with this body came in time (RRes or Erro, or rubbish).
    Answered(&'a [u8]),
    /// Bytes were sent, nothing usable came back within the RRes timer (or the connection broke, or
    /// a non-200 status came): 402 to the DS.
    NoAnswer,
    /// Two connections failed and not one byte of any RReq of this transaction was ever sent.
    ConnectionFailedTwice,
    /// The retry period is over (24 h).
    GivenUp,
}

/// The result of a step: store `transaction` and `outputs` in one commit (compare-and-swap on the
/// revision read), perform the outputs, then show `view`.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Step {
    /// `None`: nothing changed, nothing to store.
    pub transaction: Option<Transaction>,
    pub outputs: Vec<Output>,
    /// For inputs from a browser; `None` for deadlines and RReq news.
    pub view: Option<super::present::View>,
    /// A protocol fault to log and count (its Erro, if any goes out, is in `view`).
    pub rejection: Option<Box<Rejection>>,
}

/// Runs one step.
pub fn handle(
    transaction: Transaction,
    input: Input<'_>,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> Step {
    let _ = (transaction, input, context, random);
    unimplemented!("contract")
}

/// The view of a transaction as it stands, e.g. after the RReq round ended or for a stale token.
/// [`super::present::View::Processing`] while the RReq round is still on.
pub fn current_view(
    transaction: &Transaction,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> super::present::View {
    let _ = (transaction, context, random);
    unimplemented!("contract")
}

/// The acsTransID inside a CReq that may be defective, to find its transaction; `None` when it
/// cannot be found [P-BRW-10, P-BRW-11].
#[must_use]
pub fn creq_transaction(creq: &[u8]) -> Option<crate::element::TransId> {
    let _ = creq;
    unimplemented!("contract")
}

/// The acsTransID a form token was made for, after its MAC was checked; `None` for a forged one.
#[must_use]
pub fn token_transaction(
    token: &str,
    keys: &crate::crypto::ChallengeKeys,
) -> Option<crate::element::TransId> {
    let _ = (token, keys);
    unimplemented!("contract")
}

//! The EMV 3DS data dictionary as compiled tables.

/// The messages of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Message {
    AReq,
    ARes,
    CReq,
    /// The app's response while the challenge goes on.
    CRes,
    /// The last one, for app and browser; its messageType is `CRes`.
    CResFinal,
    RReq,
    RRes,
    Erro,
}

//! `ds-sim pay --spc` and `ds-sim passkey`: Secure Payment Confirmation from the shell.

use anyhow::{Context, Result};
use clap::Args;
use ds_simulator::spc::{Deed, Passkey, SpcOptions};

/// Whether and how a payment is confirmed by passkey.
#[derive(Debug, Args)]
pub(crate) struct ByPasskey {
    /// Confirm with the software passkey of this word (see `ds-sim passkey`) where the ACS offers it
    #[arg(long, value_name = "WORD")]
    spc: Option<String>,
    /// What the cardholder does then: sign, leave, spcIncompInd 01 to 03, or what to sign instead as
    /// JSON, e.g. {"total":{"currency":"JPY","value":"1"}}
    #[arg(long, default_value = "sign", requires = "spc")]
    spc_do: String,
    /// Relying party of the passkey
    #[arg(long, default_value = "localhost")]
    rp_id: String,
}

impl ByPasskey {
    /// The choice, when there is one.
    ///
    /// # Errors
    /// When `--spc-do` cannot be read.
    pub(crate) fn options(&self) -> Result<Option<SpcOptions>> {
        let Some(word) = &self.spc else { return Ok(None) };
        let deed = match self.spc_do.as_str() {
            "sign" => Deed::Sign,
            "leave" => Deed::Leave,
            code @ ("01" | "02" | "03") => Deed::Incomplete(code.to_owned()),
            json => Deed::SignOther(serde_json::from_str(json).context("--spc-do")?),
        };
        Ok(Some(SpcOptions { passkey: Passkey::of(word, &self.rp_id)?, deed }))
    }
}

/// Which passkey to print.
#[derive(Debug, Args)]
pub(crate) struct PasskeyArgs {
    /// The private key follows from this word
    word: String,
    /// Relying party
    #[arg(long, default_value = "localhost")]
    rp_id: String,
}

impl PasskeyArgs {
    /// Its public values as JSON.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn public(&self) -> Result<String> {
        Ok(Passkey::of(&self.word, &self.rp_id)?.public()?.to_string())
    }
}

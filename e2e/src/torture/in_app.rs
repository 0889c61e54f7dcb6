//! A payment in an app while the service comes and goes: its SDK repeats what was lost, byte for
//! byte, and is never told two things about one CReq.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use ds_simulator::merchant::ThreeDsServer;
use ds_simulator::pay::receipt;
use ds_simulator::sdk::challenge::{Act, AppChallenge, Received};
use ds_simulator::sdk::{Sdk, play};
use ds_simulator::{CodeSource, PayOptions, Receipt, browser};

use super::Deed;

/// What the cardholder does once the screen is there; the last one leads to the end.
fn acts(deed: Deed) -> Vec<Option<Act>> {
    let wrong = || Some(Act::Type("000000".to_owned()));
    match deed {
        Deed::Frictionless => Vec::new(),
        // `None`: the code.
        Deed::RightCode => vec![None],
        Deed::WrongThenRight => vec![wrong(), None],
        Deed::ThreeWrong => vec![wrong(), wrong(), wrong()],
        Deed::Cancel => vec![Some(Act::Cancel)],
        // Once the issuer has taken its word.
        Deed::AppApproved | Deed::AppDeclined => vec![Some(Act::Continue)],
    }
}

/// Does `deed` in an app, from PReq to result.
pub(super) async fn make(
    merchant: &ThreeDsServer,
    sdk: &Sdk,
    options: &PayOptions,
    deed: Deed,
) -> Result<Receipt> {
    tokio::time::timeout(Duration::from_secs(90), pay(merchant, sdk, options, deed)).await?
}

async fn pay(
    merchant: &ThreeDsServer,
    sdk: &Sdk,
    options: &PayOptions,
    deed: Deed,
) -> Result<Receipt> {
    let transaction = sdk.begin();
    let payment = play::begin(merchant, sdk, &transaction, options).await?;
    if !payment.challenged() {
        return Ok(receipt(&payment, None));
    }
    let mut challenge = sdk.open(&transaction, &payment)?;
    let mut received = steady(&mut challenge, &Act::Open).await?;
    if let Some((issuer, word)) = &options.word {
        issuer.answer_patiently(&challenge.acs_trans_id, word, options.rreq_patience).await?;
    }
    for act in acts(deed) {
        ensure!(matches!(received, Received::Screen(_)), "no screen: {received:?}");
        let act = match act {
            Some(act) => act,
            None => Act::Type(code(&options.codes, &challenge).await?),
        };
        received = steady(&mut challenge, &act).await?;
    }
    let Received::Final(cres) = received else { bail!("no final CRes: {received:?}") };
    merchant.told_by_app(&payment.id, &cres);
    let payment = merchant
        .wait_until(&payment.id, options.rreq_patience, |payment| payment.rreq.is_some())
        .await
        .or_else(|| merchant.payment(&payment.id))
        .context("payment forgotten")?;
    Ok(receipt(&payment, None))
}

async fn code(codes: &CodeSource, challenge: &AppChallenge) -> Result<String> {
    browser::code(codes, &challenge.acs_trans_id, &mut 0).await
}

/// The answer to a CReq, and that it is the same when the CReq is sent once more: an answer that
/// left the service before its commit would be another one after a kill.
async fn steady(challenge: &mut AppChallenge, act: &Act) -> Result<Received> {
    let received = challenge.act(act).await?;
    let again = challenge.send_again().await?;
    let same = match (&received, &again) {
        (Received::Screen(one), Received::Screen(other)) => one == other,
        (Received::Final(one), Received::Final(other)) => one == other,
        _ => false,
    };
    ensure!(same, "one CReq, two meanings: {received:?} and then {again:?}");
    Ok(again)
}

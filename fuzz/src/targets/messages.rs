//! Readers of protocol messages.

use std::sync::LazyLock;

use acs_core::dictionary::Cell;
use acs_core::element::{DeviceChannel, MessageCategory, MessageVersion};
use acs_core::message::{
    AReq, AtAreqEndpoint, AtOreqEndpoint, RResOrErro, ReadRules, ReceivedErro, peek_ids, read_areq,
    read_creq, read_oreq, read_rres,
};

use crate::invariants::{digits_in_a_row, is_sampled, same_again, sound_refusal};
use crate::random::hash;

/// Everything that can be agreed with a directory server is.
static RULES: LazyLock<ReadRules> = LazyLock::new(|| ReadRules {
    versions: MessageVersion::ALL.to_vec(),
    agreed_values: vec![
        ("messageCategory".to_owned(), "80".to_owned()),
        ("transType".to_owned(), "81".to_owned()),
    ],
    known_extensions: vec!["A000000999_known".to_owned()],
    accepted_iso_codes: vec!["191".to_owned()],
});

/// Reads an AReq.
#[must_use]
pub fn areq(data: &[u8]) -> u64 {
    match read_areq(data, &RULES) {
        Ok(AtAreqEndpoint::AReq(areq)) => {
            hides_its_account(&areq, data);
            same_again(data, &areq, |data| match read_areq(data, &RULES) {
                Ok(AtAreqEndpoint::AReq(areq)) => Some(areq),
                _ => None,
            });
            let kind = (areq.version, areq.channel, areq.category);
            let parts = (areq.purchase.is_some(), areq.browser.is_some(), areq.app.is_some());
            hash(format!("{kind:?} {parts:?} {:?}", areq.challenge_ind.len()).as_bytes())
        }
        Ok(AtAreqEndpoint::Erro(erro)) => received(&erro),
        Err(rejection) => sound_refusal(&rejection, data),
        Ok(other) => panic!("nothing else arrives: {other:?}"),
    }
}

/// The account number of a message is not in what can be printed of it, unless the sender has put
/// it elsewhere too.
fn hides_its_account(areq: &AReq, data: &[u8]) {
    let digits = areq.pan.expose_digits();
    let count = |text: &str| text.matches(digits).count();
    if is_sampled(data) && count(&String::from_utf8_lossy(data)) == 1 {
        assert_eq!(count(&format!("{areq:?}")), 0, "an account number can be printed");
    }
}

/// Reads a browser's CReq.
#[must_use]
pub fn creq(data: &[u8]) -> u64 {
    match read_creq(data, &RULES) {
        Ok(creq) => {
            assert_eq!(peek_ids(data).acs_trans_id, Some(creq.acs_trans_id));
            same_again(data, &creq, |data| read_creq(data, &RULES).ok());
            hash(format!("{} {}", creq.version, creq.challenge_window_size).as_bytes())
        }
        Err(rejection) => sound_refusal(&rejection, data),
    }
}

/// Reads an RRes, of a transaction whose channel and category depend on the length.
#[must_use]
pub fn rres(data: &[u8]) -> u64 {
    let channels = [DeviceChannel::App, DeviceChannel::Browser, DeviceChannel::ThreeRi];
    let categories = [MessageCategory::Payment, MessageCategory::NonPayment];
    let cell = Cell { channel: channels[data.len() % 3], category: categories[data.len() / 3 % 2] };
    match read_rres(data, &RULES, cell) {
        Ok(RResOrErro::RRes(rres)) => {
            // Written anew it would be of another length.
            let again = read_rres(data, &RULES, cell);
            assert!(matches!(again, Ok(RResOrErro::RRes(again)) if again == rres));
            hash(format!("{} {}", rres.version, rres.results_status).as_bytes())
        }
        Ok(RResOrErro::Erro(erro)) => received(&erro),
        Err(rejection) => sound_refusal(&rejection, data),
        Ok(other) => panic!("nothing else arrives: {other:?}"),
    }
}

/// Reads an OReq.
#[must_use]
pub fn oreq(data: &[u8]) -> u64 {
    match read_oreq(data, &RULES) {
        Ok(AtOreqEndpoint::OReq(oreq)) => {
            assert!((1..=oreq.sequence.total).contains(&oreq.sequence.number));
            same_again(data, &oreq, |data| match read_oreq(data, &RULES) {
                Ok(AtOreqEndpoint::OReq(oreq)) => Some(oreq),
                _ => None,
            });
            hash(format!("{} {} {}", oreq.category, oreq.severity, oreq.prior.is_some()).as_bytes())
        }
        Ok(AtOreqEndpoint::Erro(erro)) => received(&erro),
        Err(rejection) => sound_refusal(&rejection, data),
        Ok(other) => panic!("nothing else arrives: {other:?}"),
    }
}

/// Reads an Erro wherever one may arrive: all places make the same of it.
#[must_use]
pub fn erro(data: &[u8]) -> u64 {
    let cell = Cell { channel: DeviceChannel::Browser, category: MessageCategory::Payment };
    let at_areq = match read_areq(data, &RULES) {
        Ok(AtAreqEndpoint::Erro(erro)) => Some(erro),
        _ => None,
    };
    let at_oreq = match read_oreq(data, &RULES) {
        Ok(AtOreqEndpoint::Erro(erro)) => Some(erro),
        _ => None,
    };
    let for_rreq = match read_rres(data, &RULES, cell) {
        Ok(RResOrErro::Erro(erro)) => Some(erro),
        _ => None,
    };
    assert!(at_areq == at_oreq && at_areq == for_rreq, "an Erro is not the same everywhere");
    at_areq.map_or_else(|| areq(data), |erro| received(&erro))
}

/// What is kept of a received Erro is short.
fn received(erro: &ReceivedErro) -> u64 {
    assert!(erro.error_code.chars().count() <= 3 && erro.error_component.chars().count() <= 1);
    let code = if digits_in_a_row(erro.error_code.as_bytes()) == 3 { &erro.error_code } else { "" };
    let ids = (erro.acs_trans_id.is_some(), erro.ds_trans_id.is_some(), erro.json.is_some());
    hash(format!("Erro {code} {ids:?}").as_bytes())
}

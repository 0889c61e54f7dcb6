//! Every message vector against the readers: code and elements of the Erro are those foreseen.

use std::collections::BTreeSet;

use acs_core::dictionary::{Cell, Message};
use acs_core::element::{DeviceChannel, MessageCategory, MessageVersion};
use acs_core::erro::{Rejection, erro};
use acs_core::message::{ReadRules, read_areq, read_creq, read_oreq, read_rres};
use acs_core::outgoing;
use test_vectors::{Expect, Vector};

fn rules() -> ReadRules {
    ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    }
}

fn cell(vector: &Vector) -> Cell {
    Cell {
        channel: match vector.channel.as_str() {
            "APP" => DeviceChannel::App,
            "BRW" => DeviceChannel::Browser,
            _ => DeviceChannel::ThreeRi,
        },
        category: match vector.category.as_str() {
            "PA" => MessageCategory::Payment,
            _ => MessageCategory::NonPayment,
        },
    }
}

fn read(vector: &Vector) -> Option<Result<(), Box<Rejection>>> {
    let rules = rules();
    Some(match vector.message.as_str() {
        "AReq" => read_areq(&vector.body, &rules).map(drop),
        "CReq" => read_creq(&vector.body, &rules).map(drop),
        "RRes" => read_rres(&vector.body, &rules, cell(vector)).map(drop),
        "OReq" => read_oreq(&vector.body, &rules).map(drop),
        // An Erro is taken as it is [Req 216].
        _ => return None,
    })
}

/// What is wrong with the answer to `vector`, if anything.
fn disagreement(vector: &Vector) -> Option<String> {
    match (&vector.expect, read(vector)?) {
        (Expect::Accepted, Ok(())) => None,
        (Expect::Accepted, Err(rejection)) => {
            let erro = erro(&rejection, &MessageVersion::ALL);
            Some(format!("refused: {} {}", erro.code.as_str(), erro.detail))
        }
        (Expect::Erro { code, detail }, Ok(())) => {
            Some(format!("accepted, expected {code} {detail:?}"))
        }
        (Expect::Erro { code, detail }, Err(rejection)) => {
            let erro = erro(&rejection, &MessageVersion::ALL);
            let version = rejection.context.version.unwrap_or(MessageVersion::V231);
            if let Err(names) = outgoing::check(&erro.body, Message::Erro, version, None, None) {
                return Some(format!("the Erro breaks the tables at {names}"));
            }
            let names: BTreeSet<_> = erro.detail.split(',').map(str::to_owned).collect();
            let same = erro.code.as_str() == code && detail.as_ref().is_none_or(|d| *d == names);
            let found = (erro.code.as_str(), &erro.detail);
            (!same).then(|| format!("{found:?}, expected {code} {detail:?}"))
        }
    }
}

#[test]
fn every_vector_gets_its_answer() {
    let vectors = test_vectors::messages();
    let read = vectors.iter().filter(|vector| read(vector).is_some()).count();
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            disagreement(vector)
                .map(|text| format!("{}: {text} (doubt: {:?})", vector.id, vector.doubt))
        })
        .collect();
    assert!(read > 4_000, "only {read} vectors");
    assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
}

//! CReqs made wrong in every way: what cannot be decrypted has one answer, byte for byte, whatever
//! the cause, and ends the challenge; what names no transaction or is no message touches nothing
//! [P-CRY-07..11, P-APP-50].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ds_simulator::link::Answer;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::keys::{ContentKey, Encryption};
use ds_simulator::sdk::tamper::{JOSE, Part, Tamper};
use e2e::Stage;
use e2e::stage::Setup;
use serde_json::{Value, json};

use super::app::{Cell, Opened, assert_ended_refused, each, each_at_once, refused, rreqs, shown};

fn entry() -> Act {
    Act::Type("000000".to_owned())
}

/// The good CReq that comes next, as it would go out.
fn good(opened: &Opened) -> String {
    opened.challenge.wrapped(&opened.challenge.creq(&entry()), &[]).unwrap().0
}

fn parts(jwe: &str) -> Vec<&str> {
    let parts: Vec<_> = jwe.split('.').collect();
    assert_eq!(parts.len(), 5);
    parts
}

/// Bytes of the header at which a turned bit leaves the transaction named as it was.
fn harmless_to_kid(header: &str) -> Vec<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(header).unwrap();
    let own: Value = serde_json::from_slice(&bytes).unwrap();
    let names_it = |at: &usize| {
        let mut turned = bytes.clone();
        turned[*at] ^= 1;
        serde_json::from_slice::<Value>(&turned).is_ok_and(|header| header["kid"] == own["kid"])
    };
    (0..bytes.len()).filter(names_it).collect()
}

/// Makes a JWE of the parts of another.
type Rewrite = fn(&[&str]) -> String;

/// One way to make a CReq wrong that still names its transaction.
enum Wrong {
    Tamper(Tamper),
    /// The whole JWE is written anew from its parts.
    Rewrite(&'static str, Rewrite),
}

impl Wrong {
    fn name(&self) -> String {
        match self {
            Self::Tamper(tamper) => format!("{tamper:?}"),
            Self::Rewrite(name, _) => (*name).to_owned(),
        }
    }
}

fn with_part(parts: &[&str], at: usize, text: &str) -> String {
    let mut parts = parts.to_vec();
    parts[at] = text;
    parts.join(".")
}

fn short_tag(parts: &[&str]) -> String {
    let tag = URL_SAFE_NO_PAD.decode(parts[4]).unwrap();
    with_part(parts, 4, &URL_SAFE_NO_PAD.encode(&tag[..12]))
}

fn long_tag(parts: &[&str]) -> String {
    let mut tag = URL_SAFE_NO_PAD.decode(parts[4]).unwrap();
    tag.push(0);
    with_part(parts, 4, &URL_SAFE_NO_PAD.encode(tag))
}

fn long_iv(parts: &[&str]) -> String {
    let mut iv = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    iv.push(0);
    with_part(parts, 2, &URL_SAFE_NO_PAD.encode(iv))
}

const REWRITES: [(&str, Rewrite); 12] = [
    ("four parts", |parts| parts[..4].join(".")),
    ("six parts", |parts| format!("{}.", parts.join("."))),
    ("no IV", |parts| with_part(parts, 2, "")),
    ("a longer IV", long_iv),
    ("no text", |parts| with_part(parts, 3, "")),
    ("no tag", |parts| with_part(parts, 4, "")),
    ("a shorter tag", short_tag),
    ("a longer tag", long_tag),
    ("a plus", |parts| with_part(parts, 3, &format!("++{}", &parts[3][2..]))),
    ("a blank", |parts| format!("{} ", parts.join("."))),
    ("a line break", |parts| format!("{}\n", parts.join("."))),
    ("tag and IV changed over", |parts| {
        [parts[0], parts[1], parts[4], parts[3], parts[2]].join(".")
    }),
];

/// Everything that is wrong with a JWE whose `kid` is right.
fn everything(cell: Cell, sample: &str) -> Vec<Wrong> {
    let parts = parts(sample);
    let mut tampers: Vec<_> = harmless_to_kid(parts[0])
        .into_iter()
        .step_by(3)
        .map(|at| Tamper::FlipByte(Part::Header, at))
        .collect();
    tampers.push(Tamper::FlipBit(Part::EncryptedKey));
    for part in [Part::Iv, Part::Text, Part::Tag] {
        let text = parts[part as usize];
        let last = URL_SAFE_NO_PAD.decode(text).unwrap().len() - 1;
        tampers.extend([0, last / 2, last].map(|at| Tamper::FlipByte(part, at)));
        tampers.push(Tamper::Padded(part));
        if !text.len().is_multiple_of(4) {
            tampers.push(Tamper::NonCanonical(part));
        }
    }
    tampers.push(Tamper::Padded(Part::EncryptedKey));
    let other = match cell.enc {
        Encryption::A128Gcm => Encryption::A128CbcHs256,
        Encryption::A128CbcHs256 => Encryption::A128Gcm,
    };
    let names = ["A256GCM", "A128CBC", other.name(), &cell.enc.name().to_lowercase()];
    tampers.extend(names.map(|name| Tamper::EncName(name.to_owned())));
    let algorithms = ["ECDH-ES", "RSA-OAEP-256", "none", "A128KW"];
    tampers.extend(algorithms.map(|alg| Tamper::Alg(alg.to_owned())));
    for (name, value) in [("zip", json!("DEF")), ("crit", json!(["exp"])), ("alg", json!(7))] {
        tampers.push(Tamper::HeaderMember(name.to_owned(), value));
    }
    tampers.push(Tamper::Key(ContentKey::from_bytes([7; 32])));
    tampers.extend([0, 2, 255].map(Tamper::Counter));
    tampers.push(Tamper::Plain);
    let rewrites = REWRITES.map(|(name, write)| Wrong::Rewrite(name, write));
    tampers.into_iter().map(Wrong::Tamper).chain(rewrites).collect()
}

/// Status, headers and body, without what differs by transaction and time.
fn neutral(answer: &Answer, opened: &Opened) -> (u16, Vec<(String, String)>, String) {
    let ares = opened.payment.ares.as_ref().unwrap();
    let names = ["threeDSServerTransID", "dsTransID", "acsTransID", "sdkTransID"];
    let without_ids = |text: String| {
        names.iter().fold(text, |text, name| text.replace(ares[name].as_str().unwrap(), name))
    };
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), without_ids(value.to_str().unwrap().to_owned())))
        .collect();
    headers.sort();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.status, headers, without_ids(body))
}

/// Sends a CReq made wrong to a challenge of its own, which it ends: what came back.
async fn sends(stage: &Stage, cell: Cell, wrong: &Wrong) -> (Answer, Opened) {
    let mut opened = shown(stage, cell.version, cell.enc).await;
    let creq = opened.challenge.creq(&entry());
    let body = match wrong {
        Wrong::Tamper(tamper) => {
            opened.challenge.wrapped(&creq, std::slice::from_ref(tamper)).unwrap().0
        }
        Wrong::Rewrite(_, write) => write(&parts(&good(&opened))),
    };
    let answer = opened.challenge.post_raw(Bytes::from(body), JOSE).await.unwrap();
    let erro = refused(opened.challenge.receive(&answer), "302");
    assert_eq!(erro["errorMessageType"], "CReq", "{erro}");
    assert_ended_refused(stage, &opened, &erro).await;
    (answer, opened)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cryptographic_cause_has_the_same_answer_byte_for_byte() {
    let stage = Stage::set("bad-app-jwe").await;
    each_at_once(async |cell| {
        let mut sample = shown(&stage, cell.version, cell.enc).await;
        let all = everything(cell, &good(&sample));
        sample.last(&Act::Cancel).await;
        assert!(all.len() > 40, "{}", all.len());
        let mut first = None;
        for wrong in &all {
            let (answer, opened) = sends(&stage, cell, wrong).await;
            let neutral = neutral(&answer, &opened);
            assert_eq!(neutral.0, 200);
            let expected = first.get_or_insert_with(|| neutral.clone());
            assert_eq!(*expected, neutral, "{} differs in {cell:?}", wrong.name());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_transaction_touches_none() {
    // Not recorded: an answer to nobody's message cannot have the version and ids of a transaction.
    let stage = Stage::set_with(Setup::default()).await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let sample = good(&opened);
        let header = parts(&sample)[0].to_owned();
        let named = harmless_to_kid(&header);
        let creq = opened.challenge.creq(&entry());
        let last = URL_SAFE_NO_PAD.decode(&header).unwrap().len();
        let turned = (0..last).filter(|at| !named.contains(at)).step_by(3);
        let mut bodies: Vec<_> = turned
            .map(|at| {
                let tamper = [Tamper::FlipByte(Part::Header, at)];
                opened.challenge.wrapped(&creq, &tamper).unwrap().0
            })
            .collect();
        let kids = [json!(7), Value::Null, json!([opened.id()])];
        bodies.extend(kids.map(|kid| {
            let tamper = [Tamper::HeaderMember("kid".to_owned(), kid)];
            opened.challenge.wrapped(&creq, &tamper).unwrap().0
        }));
        let padded = [Tamper::Padded(Part::Header)];
        bodies.push(opened.challenge.wrapped(&creq, &padded).unwrap().0);
        bodies.extend(["", ".", "....", "rubbish", "\u{feff}", "{}", "[]"].map(str::to_owned));
        for body in bodies {
            let answer = opened.challenge.post_raw(Bytes::from(body), JOSE).await.unwrap();
            // Who sends many of them is slowed down.
            assert!(matches!(answer.status, 200 | 429), "{}", answer.status);
            let erro: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!("302"), &json!("A")));
            assert!(erro.get("sdkTransID").is_none(), "nothing about a transaction: {erro}");
        }
        assert_eq!(rreqs(&stage, &opened), 0);
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "01");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_of_an_sdk_is_not_read() {
    let stage = Stage::set("app-not-read").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let jwe = good(&opened);
        let long = format!("{jwe}{}", "A".repeat(270_000));
        for (body, media, status) in [
            (jwe.as_str(), "application/x-www-form-urlencoded", 415),
            (&jwe, "text/plain; charset=utf-8", 415),
            (&jwe, "application/jose+json; charset=utf-8", 415),
            (&jwe, "", 415),
            (&long, JOSE, 413),
        ] {
            let body = Bytes::from(body.to_owned());
            let answer = opened.challenge.post_raw(body, media).await.unwrap();
            assert_eq!(answer.status, status, "{media}");
        }
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "01");
    })
    .await;
}

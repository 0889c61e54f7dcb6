//! Random sequences of everything that can arrive, in any order.

use proptest::prelude::*;
use serde_json::Value;

use super::harness::{Seen as _, World};
use crate::element::MessageVersion;
use crate::flow::challenge::RReqNews;
use crate::flow::present::View;
use crate::flow::transaction::Ending;

#[derive(Debug, Clone)]
enum Move {
    CReq,
    DifferentCReq,
    BadCReq(Vec<u8>),
    RightCode,
    OldCode,
    WrongCode,
    Entry(String),
    StaleForm,
    Resend,
    Cancel,
    Language(bool),
    UnknownAction(String),
    Wait(u32),
    Tick,
    Answered,
    BadAnswer(Vec<u8>),
    NoAnswer,
    ConnectionFailedTwice,
    GivenUp,
    Look,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => Just(Move::CReq),
        1 => Just(Move::DifferentCReq),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Move::BadCReq),
        2 => Just(Move::RightCode),
        1 => Just(Move::OldCode),
        3 => Just(Move::WrongCode),
        1 => any::<String>().prop_map(Move::Entry),
        2 => Just(Move::StaleForm),
        3 => Just(Move::Resend),
        1 => Just(Move::Cancel),
        1 => any::<bool>().prop_map(Move::Language),
        1 => any::<String>().prop_map(Move::UnknownAction),
        3 => (0_u32..700).prop_map(Move::Wait),
        2 => Just(Move::Tick),
        1 => Just(Move::Answered),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Move::BadAnswer),
        1 => Just(Move::NoAnswer),
        1 => Just(Move::ConnectionFailedTwice),
        1 => Just(Move::GivenUp),
        1 => Just(Move::Look),
    ]
}

/// What a run showed, to judge at its end.
#[derive(Default)]
struct Seen {
    right_code_entered: bool,
    finals: Vec<Value>,
    replaced: bool,
}

fn make(world: &mut World, seen: &mut Seen, first_token: &str, next: &Move) {
    let rreqs = world.rreqs.len();
    let view = match next {
        Move::CReq => {
            let creq = world.creq();
            Some(world.send_creq(&creq))
        }
        Move::DifferentCReq => {
            let mut creq = world.creq();
            creq["challengeWindowSize"] = "04".into();
            Some(world.send_creq(&creq))
        }
        Move::BadCReq(bytes) => Some(world.send_creq_bytes(bytes)),
        Move::RightCode if !world.codes.is_empty() => {
            seen.right_code_entered = true;
            let code = world.code();
            Some(world.form("submit", &code))
        }
        Move::OldCode if world.codes.len() > 1 => {
            let old = world.codes[0].clone();
            Some(world.form("submit", &old))
        }
        Move::WrongCode | Move::OldCode | Move::RightCode => {
            let wrong = world.wrong_code();
            Some(world.form("submit", &wrong))
        }
        Move::Entry(entry) => Some(world.form("submit", entry)),
        Move::StaleForm => Some(world.form_with(first_token, "submit", "123456")),
        Move::Resend => Some(world.form("resend", "")),
        Move::Cancel => Some(world.form("cancel", "")),
        Move::Language(japanese) => Some(world.speak(if *japanese { "ja" } else { "en" })),
        Move::UnknownAction(action) if action != "cancel" && action != "resend" => {
            Some(world.form(action, ""))
        }
        Move::UnknownAction(_) => None,
        Move::Wait(seconds) => {
            world.wait(*seconds);
            None
        }
        Move::Tick => {
            world.tick();
            None
        }
        Move::Look => Some(world.current()),
        news => {
            round(world, seen, news, rreqs);
            None
        }
    };
    if let Some(View::Final(view)) = view {
        seen.finals.push(View::Final(view).last().1);
    }
}

fn round(world: &mut World, seen: &mut Seen, news: &Move, rreqs: usize) {
    match news {
        Move::Answered => world.answer_rreq(),
        Move::BadAnswer(bytes) => world.rreq_news(RReqNews::Answered(bytes)),
        Move::NoAnswer => world.rreq_news(RReqNews::NoAnswer),
        Move::ConnectionFailedTwice => {
            world.rreq_news(RReqNews::ConnectionFailedTwice);
            if world.rreqs.len() > rreqs {
                assert!(!seen.replaced, "replaced once at most");
                seen.replaced = true;
            }
        }
        _ => world.rreq_news(RReqNews::GivenUp),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_challenge_has_one_result_and_y_needs_the_code(
        version in proptest::sample::select(&MessageVersion::ALL[..]),
        late_status_u in any::<bool>(),
        (empty_counts, resend_counts, refuses) in any::<(bool, bool, bool)>(),
        first_creq in any::<bool>(),
        moves in proptest::collection::vec(moves(), 0..40),
    ) {
        let mut world = World::challenged(version);
        world.issuer.late_status_u = late_status_u;
        world.issuer.empty_counts = empty_counts;
        world.issuer.resend_counts = resend_counts;
        world.issuer.refuse_repeated_creq = refuses;
        let mut seen = Seen::default();
        if first_creq {
            let creq = world.creq();
            world.send_creq(&creq);
        }
        let first_token = world.token.clone();
        for next in &moves {
            make(&mut world, &mut seen, &first_token, next);
        }
        // However it went, waiting ends it.
        for _ in 0..3 {
            world.wait(700);
            world.tick();
        }
        prop_assert!(!world.is_open());

        prop_assert_eq!(world.rreqs.len(), 1 + usize::from(seen.replaced));
        let sent: Vec<Value> =
            world.rreqs.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
        let last = sent.last().unwrap();
        if sent[0]["transStatus"] == "Y" {
            prop_assert!(seen.right_code_entered);
            prop_assert!(world.is_value(sent[0]["authenticationValue"].as_str().unwrap()));
        } else {
            prop_assert!(sent[0].get("authenticationValue").is_none());
        }
        if seen.replaced {
            prop_assert!(late_status_u);
            prop_assert_eq!(&last["transStatus"], "U");
        }
        prop_assert!(sent[0]["interactionCounter"].as_str().unwrap() <= "03");

        let transaction = world.transaction();
        let decided = transaction.decided().unwrap();
        prop_assert_eq!(&last["transStatus"], decided.status.code());
        let shown = if last["transStatus"] == "Y" { "Y" } else { "N" };
        for cres in &seen.finals {
            prop_assert_eq!(&cres["transStatus"], shown);
        }
        let has_last_page =
            matches!(decided.ending, Ending::Verified | Ending::Failed | Ending::Cancelled);
        prop_assert!(has_last_page || seen.finals.is_empty());
    }
}

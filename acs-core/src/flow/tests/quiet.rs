//! What must not happen: nobody is contacted, nothing is reported, where no challenge is.

use super::harness::{World, areq, card};
use crate::element::MessageVersion;
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::CardLookup;

/// [Req 318, Req 319]: only a challenge contacts the cardholder, and not before its CReq;
/// [Note 114]: only a challenge has an RReq.
#[test]
fn a_frictionless_answer_contacts_nobody() {
    let outcomes = [
        RuleOutcome::Accept,
        RuleOutcome::Attempt,
        RuleOutcome::Challenge { mandated: true },
        RuleOutcome::Deny { reason: "04".to_owned() },
        RuleOutcome::Reject { reason: "11".to_owned() },
        RuleOutcome::Unavailable { reason: "07".to_owned() },
    ];
    for version in MessageVersion::ALL {
        for outcome in outcomes.clone() {
            let mut world = World::new();
            let challenged = matches!(outcome, RuleOutcome::Challenge { .. });
            let name = "test".to_owned();
            world.issuer.rules =
                vec![Rule { name, when: Condition::default(), then: outcome, exemption: None }];
            world.authenticate(&areq(version), CardLookup::Found(card()));
            assert!(world.codes.is_empty() && world.rreqs.is_empty(), "{}", world.ares);
            assert_eq!(world.transaction().deadline().is_some(), challenged, "{}", world.ares);
            if challenged {
                let creq = world.creq();
                world.send_creq(&creq);
                assert_eq!(world.codes.len(), 1);
            }
        }
    }
}

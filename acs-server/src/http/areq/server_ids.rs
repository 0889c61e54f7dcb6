//! The threeDSServerTransIDs of the last day, where `areq_same_3dss_trans_id` refuses them under
//! another dsTransID [P-AREQ-20]. Kept in memory of this process, bounded in number and age.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use acs_core::UtcMillis;
use acs_core::element::TransId;
use acs_core::message::AReq;

use crate::driver::unpoisoned;

/// Which dsTransID came with a threeDSServerTransID of a directory server.
#[derive(Debug, Default)]
pub struct ServerIds(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    by_id: HashMap<(usize, TransId), TransId>,
    order: VecDeque<(UtcMillis, (usize, TransId))>,
}

impl ServerIds {
    /// Whether this threeDSServerTransID comes for the first time, or with the dsTransID it came
    /// with before.
    pub(crate) fn is_new(&self, ds: usize, areq: &AReq, now: UtcMillis) -> bool {
        self.note((ds, areq.three_ds_server_trans_id), areq.ds_trans_id, now)
    }

    fn note(&self, key: (usize, TransId), ds_trans_id: TransId, now: UtcMillis) -> bool {
        let mut seen = unpoisoned(&self.0);
        let oldest = UtcMillis(now.0.saturating_sub(LIFE_MS));
        while seen.order.front().is_some_and(|(at, _)| *at < oldest) || seen.order.len() >= MOST_IDS
        {
            let Some((_, key)) = seen.order.pop_front() else { break };
            seen.by_id.remove(&key);
        }
        if let Some(first) = seen.by_id.get(&key) {
            return *first == ds_trans_id;
        }
        seen.by_id.insert(key, ds_trans_id);
        seen.order.push_back((now, key));
        true
    }
}

const LIFE_MS: i64 = 24 * 3600 * 1000;
const MOST_IDS: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: char) -> TransId {
        TransId::parse(&format!("6afa6072-9412-446b-9673-2f98b3ee98a{last}")).unwrap()
    }

    #[test]
    fn an_id_belongs_to_its_first_ds_trans_id_for_a_day() {
        let ids = ServerIds::default();
        let at = |ms| UtcMillis(ms);
        assert!(ids.note((0, id('1')), id('a'), at(0)));
        assert!(ids.note((0, id('1')), id('a'), at(1)), "its own retry");
        assert!(!ids.note((0, id('1')), id('b'), at(1)));
        assert!(ids.note((1, id('1')), id('b'), at(1)), "another directory server");
        assert!(ids.note((0, id('1')), id('b'), at(LIFE_MS + 1)));
        assert_eq!(unpoisoned(&ids.0).order.len(), 2);
    }
}

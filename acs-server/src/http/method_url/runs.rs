//! The memory of 3DS Method runs: bounded in every direction, oldest out first.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

use acs_core::UtcMillis;
use acs_core::element::TransId;
use acs_core::flow::consent::DeviceId;

use crate::config::Limits;
use crate::driver::unpoisoned;
use crate::listener::network;

/// Method runs of the last hour [P-MTH-06, P-TMO-10, Req 262].
#[derive(Debug)]
pub struct MethodRuns(Mutex<Runs>);

#[derive(Debug)]
struct Runs {
    max_runs: usize,
    max_per_address: usize,
    life_ms: i64,
    runs: HashMap<TransId, Run>,
    /// Runs in order of arrival.
    order: VecDeque<TransId>,
    per_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Run {
    at: UtcMillis,
    address: IpAddr,
    headers: String,
    script_data: Option<String>,
    device: Option<DeviceId>,
}

impl MethodRuns {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Mutex::new(Runs {
            max_runs: limits.method_runs,
            max_per_address: limits.method_runs_per_address,
            life_ms: i64::from(limits.method_life_seconds) * 1000,
            runs: HashMap::new(),
            order: VecDeque::new(),
            per_address: HashMap::new(),
        }))
    }

    /// Notes that a run began; the first write wins, what is too much is dropped.
    pub(super) fn put_headers(
        &self,
        run: TransId,
        address: IpAddr,
        headers: &str,
        device: Option<DeviceId>,
        now: UtcMillis,
    ) {
        let address = network::of(address);
        let mut runs = unpoisoned(&self.0);
        runs.drop_old(now);
        let from_here = runs.per_address.get(&address).copied().unwrap_or_default();
        if headers.len() > MAX_RUN_BYTES
            || from_here >= runs.max_per_address
            || runs.runs.contains_key(&run)
        {
            return;
        }
        while runs.runs.len() >= runs.max_runs.max(1) {
            runs.drop_oldest();
        }
        let headers = headers.to_owned();
        runs.runs.insert(run, Run { at: now, address, headers, script_data: None, device });
        runs.order.push_back(run);
        *runs.per_address.entry(address).or_default() += 1;
    }

    /// Adds what the run's script found, once.
    pub(super) fn put_script_data(&self, run: TransId, data: &str, now: UtcMillis) {
        let mut runs = unpoisoned(&self.0);
        runs.drop_old(now);
        if let Some(run) = runs.runs.get_mut(&run)
            && run.script_data.is_none()
            && run.headers.len() + data.len() <= MAX_RUN_BYTES
        {
            run.script_data = Some(data.to_owned());
        }
    }

    /// Whether something of this run is kept that is at most so many seconds old.
    pub(crate) fn contains(&self, run: TransId, now: UtcMillis, most_seconds: u32) -> bool {
        unpoisoned(&self.0).kept(run, now, most_seconds).is_some()
    }

    /// The device whose cookie came with this run, and from where.
    pub(crate) fn device(
        &self,
        run: TransId,
        now: UtcMillis,
        most_seconds: u32,
    ) -> Option<(IpAddr, DeviceId)> {
        let runs = unpoisoned(&self.0);
        let run = runs.kept(run, now, most_seconds)?;
        Some((run.address, run.device.clone()?))
    }
}

impl Runs {
    fn kept(&self, run: TransId, now: UtcMillis, most_seconds: u32) -> Option<&Run> {
        let run = self.runs.get(&run)?;
        let age_ms = now.0 - run.at.0;
        (age_ms < self.life_ms && age_ms <= i64::from(most_seconds) * 1000).then_some(run)
    }

    fn drop_old(&mut self, now: UtcMillis) {
        while self
            .order
            .front()
            .and_then(|id| self.runs.get(id))
            .is_some_and(|run| now.0 - run.at.0 >= self.life_ms)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(run) = self.order.pop_front().and_then(|id| self.runs.remove(&id)) else { return };
        if let Some(count) = self.per_address.get_mut(&run.address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&run.address);
            }
        }
    }
}

const MAX_RUN_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMillis = UtcMillis(1_000_000_000_000);

    fn id(n: u128) -> TransId {
        TransId(uuid::Uuid::from_u128(n))
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn the_first_write_wins_and_dies_after_an_hour() {
        let runs = MethodRuns::new(&Limits { method_runs_per_address: 3, ..Limits::default() });
        runs.put_headers(id(1), address(1), "a", None, NOW);
        runs.put_headers(id(1), address(2), "b", None, NOW);
        runs.put_script_data(id(1), "c", NOW);
        runs.put_script_data(id(1), "d", NOW);
        let kept = unpoisoned(&runs.0);
        assert_eq!(kept.runs[&id(1)].headers, "a");
        assert_eq!(kept.runs[&id(1)].script_data.as_deref(), Some("c"));
        drop(kept);
        assert!(runs.contains(id(1), NOW, u32::MAX));
        assert!(!runs.contains(id(1), NOW.plus_seconds(3600), u32::MAX));
    }

    #[test]
    fn runs_are_capped_per_address_in_total_and_in_size() {
        let runs = MethodRuns::new(&Limits { method_runs_per_address: 3, ..Limits::default() });
        runs.put_headers(id(1), address(1), &"x".repeat(MAX_RUN_BYTES + 1), None, NOW);
        assert!(!runs.contains(id(1), NOW, u32::MAX));
        for n in 2..=5 {
            runs.put_headers(id(n), address(1), "a", None, NOW);
        }
        assert!(runs.contains(id(4), NOW, u32::MAX));
        assert!(!runs.contains(id(5), NOW, u32::MAX));
        runs.put_headers(id(9_999_999), address(2), "a", None, NOW);
        assert!(runs.contains(id(9_999_999), NOW, u32::MAX));
        for n in 10..=14_u16 {
            let of_one_customer = IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, n]);
            runs.put_headers(id(n.into()), of_one_customer, "a", None, NOW);
        }
        assert!(runs.contains(id(12), NOW, u32::MAX) && !runs.contains(id(13), NOW, u32::MAX));
    }
}

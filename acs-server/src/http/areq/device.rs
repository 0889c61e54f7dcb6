//! What the 3DS Method tells about the browser of an AReq.

use std::net::IpAddr;

use acs_core::element::{DeviceChannel, TransId};
use acs_core::flow::consent::{DeviceId, device_of_app};
use acs_core::message::AReq;

use crate::app::{App, IssuerRuntime};

/// The method run is that of this transaction, or in 2.3.1 an earlier one [P-MTH-08]
/// [P-MTH-07, Req 410].
pub(super) fn method_data_found(areq: &AReq, app: &App) -> bool {
    if areq.channel != DeviceChannel::Browser {
        return false;
    }
    let now = app.clock.now();
    method_runs(areq, app).any(|(run, seconds)| app.desk.methods.contains(run, now, seconds))
}

/// Where the issuer binds devices: the app that sent this AReq, or the device whose cookie was seen in a
/// method run of it. Anybody can let another's browser make a run for a payment of his own, so unless
/// the issuer wants otherwise the run has to come from where the AReq says the browser is: a device
/// seen elsewhere counts as not seen.
pub(super) fn seen(areq: &AReq, issuer: &IssuerRuntime, app: &App) -> Option<DeviceId> {
    if !issuer.profile.consents.device_binding {
        return None;
    }
    if let Some(sdk) = &areq.app {
        return device_of_app(&sdk.sdk_app_id, app.vault.challenge_keys());
    }
    if areq.channel != DeviceChannel::Browser {
        return None;
    }
    let now = app.clock.now();
    let (address, device) = method_runs(areq, app)
        .find_map(|(run, seconds)| app.desk.methods.device(run, now, seconds))?;
    let paying = areq.browser.as_ref().and_then(|browser| browser.ip.as_deref()?.parse().ok());
    if issuer.config.consent.same_address && !same_place(address, paying) {
        tracing::warn!(ds_trans_id = %areq.ds_trans_id, issuer = issuer.profile.id,
            "a bound device was seen at another address than browserIP: it counts as not seen");
        metrics::counter!("acs_device_elsewhere_total", "issuer" => issuer.profile.id.clone())
            .increment(1);
        return None;
    }
    Some(device)
}

/// The runs that may have seen this browser, each with the most seconds it may be old [P-MTH-08].
fn method_runs(areq: &AReq, app: &App) -> impl Iterator<Item = (TransId, u32)> {
    let named = areq.browser.as_ref().and_then(|browser| browser.method_id);
    let reused = named.map(|run| (run, app.config.protocol.method_reuse_seconds));
    [Some((areq.three_ds_server_trans_id, u32::MAX)), reused].into_iter().flatten()
}

/// Whether both addresses are one, or in one network of a household where they are of version 6: a
/// device changes the rest of such an address by itself.
fn same_place(seen: IpAddr, paying: Option<IpAddr>) -> bool {
    match (seen.to_canonical(), paying.map(|address| address.to_canonical())) {
        (IpAddr::V6(seen), Some(IpAddr::V6(paying))) => {
            seen.segments()[..HOUSEHOLD] == paying.segments()[..HOUSEHOLD]
        }
        (seen, paying) => Some(seen) == paying,
    }
}

/// Groups of 16 bits that a network's addresses have in common.
const HOUSEHOLD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_a_network_of_version_6() {
        let same =
            |seen: &str, paying: &str| same_place(seen.parse().unwrap(), paying.parse().ok());
        assert!(same("192.0.2.1", "192.0.2.1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same("192.0.2.1", "2001:db8::1"));
        assert!(!same("192.0.2.1", ""), "an AReq without browserIP");
    }
}

//! Whom an address belongs to, for limits per address.

use std::net::{IpAddr, Ipv6Addr};

/// The part of an address that its holder cannot choose: an IPv4 address whole, also when it comes
/// in IPv6 clothes, and of an IPv6 address the first 64 bits, for every customer has all the others.
#[must_use]
pub(crate) fn of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST_BITS)),
        short => short,
    }
}

const HOST_BITS: u128 = u64::MAX as u128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_of_ipv6_is_one_and_an_ipv4_address_too() {
        let network = |text: &str| of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("::ffff:192.0.2.1"), network("::ffff:192.0.2.2"));
    }
}

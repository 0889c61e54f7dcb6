//! What journeys through the real binaries need: an `acs` process on free ports with a development
//! PKI and test cards, the simulator's parties around it, a browser tab moved page by page, and a
//! raw directory server for messages that no honest one would send.

pub mod acs;
pub mod binaries;
pub mod cards;
pub mod durability;
pub mod memory;
pub mod ports;
pub mod raw_ds;
pub mod rng;
pub mod scan;
pub mod stage;
pub mod tab;
pub mod template;
pub mod torture;

pub use acs::{Acs, Killer};
pub use cards::{Card, Issuer};
pub use raw_ds::RawDs;
pub use stage::Stage;
pub use tab::{Page, Tab};

/// The versions every journey is made in.
pub const VERSIONS: [&str; 3] = ["2.1.0", "2.2.0", "2.3.1"];

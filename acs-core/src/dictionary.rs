//! The EMV 3DS data dictionary as compiled tables.

//! Dictionary-driven validation.

//! Journeys through the real binaries; one module per subject.

mod harness;

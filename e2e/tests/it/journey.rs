//! The whole way in a real browser; see `journeys/journey.mjs`.

//! Proof values (invariant 2): each is made in one module only, and an authentication value takes
//! one as an argument.

//! Authentication values: pluggable per DS profile [P-AV-06]; made only from a proof (invariant 2).

/// Makes authentication values. Implementations see a proof, so a value without one cannot exist.
pub trait AuthenticationValueGenerator: Send + Sync + std::fmt::Debug {
    // fn generate(&self, proof: &Proof, facts: &ValueFacts<'_>) -> AuthenticationValue;
}

//! The two pure functions that a controller lives by. Tests put mutants in their place.

use std::sync::Arc;

use jiff::Timestamp;
use verdigris_core::{
    decision::{Decision, Outcome},
    guard::Refused,
    observed::Observed,
};

/// `decide` of the core, or a mutant of it.
pub type Decide = dyn Fn(&Observed, Timestamp) -> Outcome + Send + Sync;
/// `guard` of the core, or a mutant of it.
pub type Guard = dyn Fn(&Observed, &Decision, Timestamp) -> Result<(), Refused> + Send + Sync;

/// What to do, and whether it may be done.
#[derive(Clone)]
pub struct Rules {
    /// Decides.
    pub decide: Arc<Decide>,
    /// The safety kernel: refuses what would hurt traffic.
    pub guard: Arc<Guard>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { decide: Arc::new(verdigris_core::decide), guard: Arc::new(verdigris_core::guard::guard) }
    }
}

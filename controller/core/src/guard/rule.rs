//! The rules by name, and what says that one is broken.

use std::fmt;

/// Why a decision must not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct Refused {
    /// The rule that it breaks.
    pub rule: Rule,
    /// The write, and what is wrong with it.
    pub message: String,
}

/// The rules, by the numbers of the table in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Traffic goes only where all pods are.
    R1,
    /// Pods stay as long as traffic may come.
    R2,
    /// Manual gates.
    R3,
    /// Nothing else grows.
    R4,
    /// One ReplicaSet for one template.
    R5,
    /// Only our own objects.
    R6,
    /// The referenced Deployment.
    R7,
    /// Analyses.
    R8,
    /// Services that change hands.
    R9,
    /// Dangerous writes need live reads.
    Fresh,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::Fresh,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

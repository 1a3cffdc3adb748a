//! One character that says how something is. The peer's set, so that people find what they know.

use serde::Serialize;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Icon {
    /// As it should be.
    Ok,
    /// Failed.
    Bad,
    /// Something is wrong that may mend itself.
    Warning,
    /// On its way.
    Progressing,
    /// Not yet begun.
    Waiting,
    /// Nobody knows.
    Unknown,
    /// Waits for a person.
    Paused,
    /// Neither good nor bad.
    Neutral,
    /// Nothing to say.
    Blank,
}

impl Icon {
    /// The character, one column wide.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "✔",
            Self::Bad => "✖",
            Self::Warning => "⚠",
            Self::Progressing => "◌",
            Self::Waiting => "◷",
            Self::Unknown => "?",
            Self::Paused => "॥",
            Self::Neutral => "•",
            Self::Blank => " ",
        }
    }
}

//! Regular expressions of a schema, compiled when they are first needed.

use std::sync::OnceLock;

use regex::Regex;

/// A regular expression in RE2 syntax, which the `regex` crate shares.
///
/// Compiled on first use: most schemas that are loaded never see a value, and a compiled expression is large.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that is not compiled yet.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Pattern { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression can be compiled at all.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.compiled().is_some()
    }

    /// Whether some part of `candidate` matches. A pattern that does not compile matches everything:
    /// it is refused when the schema is accepted, not when an object is written.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        self.compiled().is_none_or(|regex| regex.is_match(candidate))
    }

    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }
}

//! One request of a sequence, written before anybody knows which versions and uids the servers will give.

use std::fmt;

use serde_json::Value;

/// Stands for the namespace of the sequence, in paths and bodies.
pub const NAMESPACE: &str = "{ns}";

/// A request whose made-up parts are still to come: `{version PATH}`, `{old PATH}`, `{uid PATH}` and `{continue}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The HTTP method.
    pub method: &'static str,
    /// Path without query.
    pub path: String,
    /// Parameters of the query, not yet encoded.
    pub query: Vec<(String, String)>,
    /// `Content-Type`; empty for none.
    pub media: &'static str,
    /// `Accept`; empty for none.
    pub accept: &'static str,
    /// The body.
    pub body: Body,
}

/// A body that is still to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// This text, whose placeholders are filled in.
    Text(String),
    /// The object that the server last showed under the path, with these changes; `otherwise` if it showed none.
    Changed {
        /// Path of the object.
        of: String,
        /// Pointers and what to set there.
        changes: Vec<(String, Value)>,
        /// The body if there is no such object.
        otherwise: String,
    },
}

impl fmt::Display for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path)?;
        for (index, (key, value)) in self.query.iter().enumerate() {
            write!(out, "{}{key}={value}", if index == 0 { '?' } else { '&' })?;
        }
        if !self.accept.is_empty() {
            write!(out, "\n    accept: {}", self.accept)?;
        }
        if !self.media.is_empty() {
            write!(out, "\n    content-type: {}", self.media)?;
        }
        match &self.body {
            Body::Empty => Ok(()),
            Body::Text(text) => write!(out, "\n    {text}"),
            Body::Changed { of, changes, .. } => {
                write!(out, "\n    what was last seen at {of}")?;
                changes.iter().try_for_each(|(pointer, value)| write!(out, "\n    but {pointer}: {value}"))
            }
        }
    }
}

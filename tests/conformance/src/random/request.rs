//! One request of a sequence, written before anybody knows which versions and uids the servers will give.

use std::fmt;

use serde_json::Value;

use super::{memory::Memory, render::set};

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

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The HTTP method.
    pub method: &'static str,
    /// Path without query.
    pub path: String,
    /// The query, encoded; empty for none.
    pub query: String,
    /// `Content-Type`; empty for none.
    pub media: &'static str,
    /// `Accept`; empty for none.
    pub accept: &'static str,
    /// The body; empty for none.
    pub body: String,
}

impl Asked {
    /// The request in this namespace, to a server of which this is known.
    pub fn ready(&self, namespace: &str, memory: &Memory) -> Ready {
        let here = |text: &str| memory.fill(&text.replace(NAMESPACE, namespace));
        let query: Vec<String> =
            self.query.iter().map(|(key, value)| format!("{key}={}", encoded(&here(value)))).collect();
        let body = match &self.body {
            Body::Empty => String::new(),
            Body::Text(text) => here(text),
            Body::Changed { of, changes, otherwise } => match memory.last(&here(of)) {
                Some(last) => {
                    let mut object = last.clone();
                    for (pointer, value) in changes {
                        set(&mut object, pointer, value);
                    }
                    here(&object.to_string())
                }
                None => here(otherwise),
            },
        };
        Ready {
            method: self.method,
            path: here(&self.path),
            query: query.join("&"),
            media: self.media,
            accept: self.accept,
            body,
        }
    }

    /// Remembers what the answer to it has shown.
    pub fn answered(&self, path: &str, code: u16, body: &Value, memory: &mut Memory) {
        if let Some(token) = body["metadata"]["continue"].as_str() {
            memory.saw_continue(token);
        }
        let one = code < 300 && self.accept.is_empty() && !body["items"].is_array();
        let stays = !self.query.iter().any(|(key, _)| key == "dryRun");
        if one && stays && body["kind"] != "Status" {
            memory.saw(&object_path(path, self.method, body), body);
        }
    }
}

/// Where the object of an answer is to be found again.
fn object_path(path: &str, method: &str, body: &Value) -> String {
    if body["kind"] == "Scale" {
        return path.to_owned();
    }
    let path = path.strip_suffix("/status").unwrap_or(path);
    match body["metadata"]["name"].as_str() {
        Some(name) if method == "POST" => format!("{path}/{name}"),
        _ => path.to_owned(),
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
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

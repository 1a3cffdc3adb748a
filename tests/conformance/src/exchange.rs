//! Files of exchanges: requests, and how they are answered.
//!
//! ```text
//! # What this file is about.
//!
//! ### a title that no other step of the file has
//! @keep version /metadata/resourceVersion
//! POST /api/v1/namespaces/${ns}/configmaps
//! x-some-header: value
//!
//! {"metadata": {"name": "a"}}
//!
//! => 201
//! content-type: application/json
//!
//! {"apiVersion": "v1", "kind": "ConfigMap", ...}
//! ```
//! A request stands there as it is sent. Bodies are sent as `application/json` where no `content-type` says otherwise. What
//! stands behind `=>` was recorded; the example `record` writes it.
//!
//! | in a request | becomes |
//! | --- | --- |
//! | `${id}`, `${ns}` | letters that belong to this play of the file, and a namespace of its own that was created before |
//! | `${NAME}` | what an earlier step kept under this name |
//! | `${repeat N TEXT}` | the text, N times |
//! | `${base64 LETTERS}` | what the letters stand for (in a body; spaces and line ends between them do not count) |
//!
//! | directive | meaning |
//! | --- | --- |
//! | `@keep NAME POINTER` | keeps a value of the answer's body for later steps |
//! | `@only POINTER ...` | records and compares these parts of the body only; `[key=value]` picks an item of a list |
//! | `@while CODE` | asks again as long as this status code comes |
//! | `@until POINTER VALUE` | asks again until the body says so |
//! | `@differs ROW` | the embedded server knowingly answers something else: a row of the table in `docs/playground.md` |
//!
//! Two methods are not HTTP's: `WATCH NAME PATH` opens a watch, and `EVENTS NAME N` waits until it has told N events (`end` for
//! N: until the server ends it).

use serde_json::Value;

mod parse;
mod print;

pub use parse::ParseError;
pub use print::pretty;

/// A file of exchanges.
#[derive(Clone, Debug)]
pub struct Story {
    /// What stands above the first step.
    pub head: String,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// One request, and the answer that was recorded.
#[derive(Clone, Debug)]
pub struct Step {
    /// The step as it stands in the file, up to its answer.
    pub text: String,
    /// Names it; no other step of the file has the same title.
    pub title: String,
    /// What is asked.
    pub action: Action,
    /// Values of the answer that later steps use: name and pointer.
    pub keep: Vec<(String, String)>,
    /// The parts of the body that count; all of it if empty.
    pub only: Vec<String>,
    /// When to ask again.
    pub again: Again,
    /// The row of the table of known differences under which the embedded server's answer falls.
    pub differs: Option<String>,
    /// The answer that was recorded, normalised.
    pub answer: Option<Answer>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends a request and takes the whole answer.
    Send(Outgoing),
    /// Opens a watch under a name.
    Watch(String, Outgoing),
    /// Takes events of a watch: so many, or (`None`) all until it ends.
    Events(String, Option<usize>),
}

/// A request, with its variables still in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
}

/// When a step asks again.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// Never.
    Never,
    /// As long as this status code comes.
    While(u16),
    /// Until the body has this value there.
    Until(String, Value),
}

/// An answer, as far as it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status code; `events` or `events end` for those of a watch.
    pub status: String,
    /// The headers that clients read, in the order of their names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// There is none.
    Empty,
    /// JSON (or YAML), or the events of a watch as a list.
    Json(Value),
    /// Any other text.
    Text(String),
}

//! What the store answers: a whole body, or the beginning of a watch.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    list_body::{ListBody, PIECE_BYTES},
    negotiation::{Form, Shape},
    resource::Resource,
    shape,
    status::{ApiError, Details},
    stored::Stored,
    watch::Watch,
};

/// An answer to one request.
#[derive(Debug)]
pub enum Answer {
    /// All there is to say.
    Whole(Whole),
    /// A list that is too long to be said at once.
    List(Box<ListAnswer>),
    /// A stream of events.
    Watch(Box<WatchAnswer>),
    /// What only a pod's kubelet knows.
    Kubelet(Box<KubeletCall>),
}

/// What a kubelet is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletCall {
    /// Where it listens: host and port.
    pub address: (String, u16),
    /// The path with its query.
    pub path_and_query: String,
    /// What comes of it.
    pub asks: Asks,
}

/// What comes of asking a kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The log of a container of this pod.
    Log {
        /// The pod's name.
        pod: String,
    },
    /// A connection on which something else than HTTP is spoken.
    Upgrade,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The HTTP status code.
    pub code: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Warnings for the user, without their header's decoration.
    pub warnings: Vec<String>,
    /// Value of the `Retry-After` header; 0 for none.
    pub retry_after_secs: u32,
}

/// A long list, in JSON.
#[derive(Debug)]
pub struct ListAnswer {
    /// The body.
    pub body: ListBody,
    /// Warnings for the user, without their header's decoration.
    pub warnings: Vec<String>,
}

/// A watch that was granted.
#[derive(Debug)]
pub struct WatchAnswer {
    /// The watch.
    pub watch: Watch,
    /// Tells that there may be something new to read.
    pub changed: Arc<Notify>,
    /// After how many seconds the server ends it.
    pub timeout_secs: u64,
    /// Whether the client asked to be told of versions in quiet times.
    pub bookmarks: bool,
}

/// What a request for an object has led to, before it is written down in the form that was asked for.
#[derive(Debug)]
pub(crate) enum Shown {
    /// An object as it is kept.
    Kept(Arc<Stored>),
    /// An object that is not kept (a dry run, a Scale).
    Made(Value),
    /// A `Status`, or another object that has one form only.
    Plain(Value),
}

impl Answer {
    /// A whole answer in JSON.
    pub fn json(code: u16, body: &Value) -> Self {
        Self::bytes(code, "application/json", body.to_string().into_bytes())
    }

    /// A whole answer in any form.
    pub fn bytes(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::Whole(Whole {
            code,
            content_type,
            body: body.into(),
            warnings: Vec::new(),
            retry_after_secs: 0,
        })
    }

    /// An error in Kubernetes' own words.
    pub fn error(error: &ApiError) -> Self {
        let mut answer = Self::json(error.code, &error.body());
        if let Self::Whole(whole) = &mut answer {
            whole.retry_after_secs = error.details.as_ref().map_or(0, |details| details.retry_after_secs);
        }
        answer
    }

    /// The answer for a path that nothing is served under.
    pub fn no_such_path() -> Self {
        Self::bytes(404, "text/plain; charset=utf-8", "404 page not found\n")
    }

    /// An object in the form that was asked for; ages in a table are as of `now`.
    pub(crate) fn object(code: u16, shown: &Shown, resource: &Resource, form: Form, now: Timestamp) -> Self {
        let body = match (shown, form.shape) {
            (Shown::Kept(object), Shape::Whole) => {
                let mut out = Vec::with_capacity(object.size_bytes() + 128);
                object.write_to(resource, &mut out);
                out
            }
            (Shown::Kept(object), shape) => {
                let object = object.value(resource);
                shape::shown(object, shape, resource, true, now).to_string().into_bytes()
            }
            (Shown::Made(value), Shape::Whole) if value["kind"].is_null() => {
                // What a dry run has made need not say what it is; what it would have led to does.
                let mut value = value.clone();
                value["kind"] = resource.kind.as_str().into();
                value["apiVersion"] = resource.api_version().into();
                value.to_string().into_bytes()
            }
            (Shown::Made(value), Shape::Whole) | (Shown::Plain(value), _) => value.to_string().into_bytes(),
            (Shown::Made(value), shape) => {
                shape::shown(value.clone(), shape, resource, true, now).to_string().into_bytes()
            }
        };
        Self::encoded(code, body, form)
    }

    /// A list in the form that was asked for: in pieces if it is a long one.
    pub(crate) fn list(list: ListBody, form: Form) -> Self {
        if form.yaml || list.size_bytes() <= PIECE_BYTES {
            return Self::encoded(200, list.whole(), form);
        }
        Self::List(Box::new(ListAnswer { body: list, warnings: Vec::new() }))
    }

    /// A JSON body as it is, or turned into YAML if that was asked for.
    pub(crate) fn encoded(code: u16, json: Vec<u8>, form: Form) -> Self {
        if form.yaml
            && let Ok(value) = serde_json::from_slice::<Value>(&json)
            && let Ok(text) = serde_saphyr::to_string(&value)
        {
            return Self::bytes(code, "application/yaml", text);
        }
        Self::bytes(code, "application/json", json)
    }

    /// The same answer with these warnings.
    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        match &mut self {
            Self::Whole(whole) => whole.warnings = warnings,
            Self::List(list) => list.warnings = warnings,
            Self::Watch(_) | Self::Kubelet(_) => {}
        }
        self
    }
}

/// The `Status` that says a deletion has succeeded.
pub(crate) fn deleted_status(resource: &Resource, name: &str, uid: &str) -> Value {
    let details = Details {
        group: resource.group.clone(),
        kind: resource.plural.clone(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        ..Details::default()
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details.value()})
}

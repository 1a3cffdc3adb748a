//! Kubernetes Events, written in the background so that no controller waits for them.

use std::collections::{BTreeMap, VecDeque};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Client, Resource,
    api::{Patch, PatchParams, PostParams},
    core::Request,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::debug;

use crate::{
    object::{ObjectKey, stamp},
    sync::Clock,
};

/// Events waiting to be written; more are dropped, as they are a courtesy.
const WAITING_MAX: usize = 2048;
/// How many written events are remembered, to count a repeated one up instead of writing it anew.
const REMEMBERED_MAX: usize = 1024;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    api_version: String,
    kind: String,
    key: ObjectKey,
    uid: String,
    field_path: String,
}

impl Subject {
    /// The object itself.
    #[must_use]
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            key: ObjectKey::of(object.meta()),
            uid: object.meta().uid.clone().unwrap_or_default(),
            field_path: String::new(),
        }
    }

    /// One container of a pod.
    #[must_use]
    pub fn container(meta: &ObjectMeta, container: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            key: ObjectKey::of(meta),
            uid: meta.uid.clone().unwrap_or_default(),
            field_path: format!("spec.containers{{{container}}}"),
        }
    }
}

/// Something worth telling the people who look after an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Whether it is a warning; else it is normal.
    pub warning: bool,
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

impl Note {
    /// A note about the normal course of things.
    #[must_use]
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into() }
    }

    /// A note about something that went wrong.
    #[must_use]
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, reason, message: message.into() }
    }
}

/// Takes events in without waiting.
#[derive(Debug, Clone)]
pub struct Events {
    waiting: mpsc::Sender<(Subject, &'static str, Note)>,
}

impl Events {
    /// The sink, and the task that empties it through `client`.
    pub(crate) fn start(client: Client, clock: Clock) -> (Self, impl Future<Output = ()> + Send) {
        let (waiting, arriving) = mpsc::channel(WAITING_MAX);
        (Self { waiting }, write(client, clock, arriving))
    }

    /// Tells `note` about `subject`, as `component`.
    pub fn tell(&self, subject: Subject, component: &'static str, note: Note) {
        if self.waiting.try_send((subject, component, note)).is_err() {
            debug!("too many events waiting, one dropped");
        }
    }
}

#[derive(Default)]
struct Remembered {
    /// The event's name and how often it was told.
    written: BTreeMap<(Subject, Note), (String, u32)>,
    order: VecDeque<(Subject, Note)>,
}

async fn write(client: Client, clock: Clock, mut arriving: mpsc::Receiver<(Subject, &'static str, Note)>) {
    let mut remembered = Remembered::default();
    let mut sequence: u32 = 0;
    while let Some((subject, component, note)) = arriving.recv().await {
        let now = clock();
        let namespace =
            if subject.key.namespace.is_empty() { "default" } else { &subject.key.namespace }.to_owned();
        let request = Request::new(format!("/api/v1/namespaces/{namespace}/events"));
        let known = (subject, note);
        let built = if let Some((name, count)) = remembered.written.get_mut(&known) {
            *count += 1;
            let patch = Patch::Merge(json!({"count": count, "lastTimestamp": stamp(now)}));
            request.patch(name, &PatchParams::default(), &patch)
        } else {
            sequence = sequence.wrapping_add(1);
            let name = format!("{}.{:x}{sequence:04x}", known.0.key.name, now.as_microsecond());
            let event = event(&known.0, component, &known.1, &namespace, &name, &stamp(now));
            remembered.remember(known, name);
            request.create(&PostParams::default(), event.to_string().into_bytes())
        };
        // An event that cannot be written is lost: nothing depends on it.
        match built {
            Ok(request) => {
                if let Err(error) = client.request::<Value>(request).await {
                    debug!(%error, "event not written");
                }
            }
            Err(error) => debug!(%error, "event not written"),
        }
    }
}

impl Remembered {
    fn remember(&mut self, known: (Subject, Note), name: String) {
        self.written.insert(known.clone(), (name, 1));
        self.order.push_back(known);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.written.remove(&oldest);
        }
    }
}

fn event(subject: &Subject, component: &str, note: &Note, namespace: &str, name: &str, now: &str) -> Value {
    let mut involved = json!({
        "apiVersion": subject.api_version, "kind": subject.kind, "name": subject.key.name, "uid": subject.uid,
    });
    if !subject.key.namespace.is_empty() {
        involved["namespace"] = json!(subject.key.namespace);
    }
    if !subject.field_path.is_empty() {
        involved["fieldPath"] = json!(subject.field_path);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved,
        "type": if note.warning { "Warning" } else { "Normal" },
        "reason": note.reason,
        "message": note.message,
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

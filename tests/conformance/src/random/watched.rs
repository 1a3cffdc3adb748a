//! A watch that runs throughout, folded into what a list should say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

use super::kinds::Kind;

/// How long a watch may take to say what a list says already.
const PATIENCE: Duration = Duration::from_secs(5);

/// A watch of all objects of one kind.
pub struct Watched {
    seen: Arc<Mutex<Seen>>,
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

/// By namespace (that of the sequence, also for cluster-wide objects): the events in their order.
#[derive(Default)]
struct Seen {
    events: BTreeMap<String, Vec<Value>>,
    ended: Option<String>,
}

impl Watched {
    /// Begins to watch.
    ///
    /// # Errors
    /// If the server does not grant the watch.
    pub async fn begin(client: &kube::Client, kind: &Kind) -> anyhow::Result<Self> {
        let list: Value = client.request(get(&kind.everywhere())?).await?;
        let version = list["metadata"]["resourceVersion"].as_str().context("a list without a version")?;
        let path = format!("{}?watch=true&timeoutSeconds=86400&resourceVersion={version}", kind.everywhere());
        let stream = client.request_stream(get(&path)?).await?;
        let (seen, changed) = (Arc::<Mutex<Seen>>::default(), Arc::<Notify>::default());
        let (entered, told) = (Arc::clone(&seen), Arc::clone(&changed));
        let task = tokio::spawn(async move {
            let mut lines = std::pin::pin!(stream.lines());
            while let Some(line) = lines.next().await {
                let event = line.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok());
                let mut seen = entered.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Some(event) if event["type"] != "ERROR" => {
                        let place = place(&event["object"]).to_owned();
                        seen.events.entry(place).or_default().push(event);
                    }
                    other => seen.ended = Some(format!("{other:?}")),
                }
                drop(seen);
                told.notify_waiters();
            }
        });
        Ok(Self { seen, changed, task })
    }

    /// The events in a namespace so far.
    pub fn events(&self, namespace: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.events.get(namespace).cloned().unwrap_or_default()
    }

    /// Waits until the events in a namespace, folded, give what `list` says; else tells what they give.
    pub async fn agrees(&self, namespace: &str, list: &Value) -> Result<(), String> {
        let mut wanted = listed(list);
        // Of cluster-wide objects, those of this sequence.
        wanted.retain(|_, object| place(object) == namespace);
        let wait = async {
            loop {
                let mut change = std::pin::pin!(self.changed.notified());
                change.as_mut().enable();
                if fold(&self.events(namespace))? == wanted {
                    return Ok(());
                }
                if let Some(why) = &self.seen.lock().unwrap_or_else(PoisonError::into_inner).ended {
                    return Err(format!("the watch ended: {why}"));
                }
                change.await;
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!(
                "in {} s the watch did not come to what the list says.\nwatch: {:?}\nlist: {wanted:?}",
                PATIENCE.as_secs(),
                fold(&self.events(namespace)),
            )),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn get(path: &str) -> anyhow::Result<http::Request<Vec<u8>>> {
    http::Request::get(path).body(Vec::new()).with_context(|| format!("asking for {path}"))
}

/// The namespace of an object; of a cluster-wide one that of the sequence, which its name begins with.
fn place(object: &Value) -> &str {
    let metadata = &object["metadata"];
    match metadata["namespace"].as_str() {
        Some(namespace) => namespace,
        None => {
            metadata["name"].as_str().and_then(|name| name.rsplit_once('-')).map_or("", |(place, _)| place)
        }
    }
}

/// The objects of a list by name, each without what lists of built-in kinds leave out.
pub fn listed(list: &Value) -> BTreeMap<String, Value> {
    let items = list["items"].as_array().into_iter().flatten();
    items.map(|item| (name(item), bare(item))).collect()
}

/// The objects that events lead to.
///
/// # Errors
/// If an event does not fit those before it: an object added twice, changed or deleted without being there.
pub fn fold(events: &[Value]) -> Result<BTreeMap<String, Value>, String> {
    let mut objects = BTreeMap::new();
    for event in events {
        let object = &event["object"];
        let known = objects.contains_key(&name(object));
        match (event["type"].as_str(), known) {
            (Some("ADDED"), false) | (Some("MODIFIED"), true) => {
                objects.insert(name(object), bare(object));
            }
            (Some("DELETED"), true) => {
                objects.remove(&name(object));
            }
            (Some("BOOKMARK"), _) => {}
            _ => return Err(format!("an event that does not fit those before it: {event}")),
        }
    }
    Ok(objects)
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}

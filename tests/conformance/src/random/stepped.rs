//! The embedded server alone, step by step: after each request every watch must agree with a list.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;
use verdigris_playground_apiserver::{
    answer::Answer,
    builtin,
    collection::Limits,
    request::{Query, Request},
    store::Store,
    watch::{Reading, Watch},
};

use super::{
    memory::Memory,
    request::{Asked, NAMESPACE},
    telling::sequence,
    watched::fold,
};

/// A store and the watches of one sequence.
pub struct Stepped {
    store: Store,
    now: Timestamp,
    followed: Vec<Followed>,
}

/// A watch, and what it has told so far.
struct Followed {
    list: String,
    watch: Watch,
    /// What was there when it began, as if it had been told.
    events: Vec<Value>,
}

/// Selections that watches are made with besides that of everything.
const SELECTIONS: [&str; 3] = ["", "labelSelector=a%3D1", "fieldSelector=metadata.name%21%3Da"];

impl Stepped {
    /// A store with these definitions, and a namespace called `ns`.
    ///
    /// # Panics
    /// If it does not take the definitions.
    pub fn new(definitions: &[&str], limits: Limits) -> Self {
        let store = Store::new(builtin::registry(), 1, limits);
        let mut stepped = Self { store, now: Timestamp::UNIX_EPOCH, followed: Vec::new() };
        for yaml in definitions {
            let definition: Value = serde_saphyr::from_str(yaml).unwrap_or_default();
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            let (code, body) = stepped.ask("POST", path, "", "application/json", "", &definition.to_string());
            assert_eq!(code, 201, "a definition was refused: {body}");
        }
        stepped.ask(
            "POST",
            "/api/v1/namespaces",
            "",
            "application/json",
            "",
            r#"{"metadata":{"name":"ns"}}"#,
        );
        stepped
    }

    /// One request; gives code and body.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        media: &str,
        accept: &str,
        body: &str,
    ) -> (u16, Value) {
        match self.step(method, path, query, media, accept, body) {
            Answer::Whole(whole) => (whole.code, serde_json::from_slice(&whole.body).unwrap_or_default()),
            Answer::List(list) => (200, serde_json::from_slice(&list.body.whole()).unwrap_or_default()),
            Answer::Watch(_) | Answer::Kubelet(_) => (200, Value::Null),
        }
    }

    fn step(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        media: &str,
        accept: &str,
        body: &str,
    ) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", media), ("accept", accept)] {
            if let Ok(value) = HeaderValue::from_str(value)
                && !value.is_empty()
            {
                headers.insert(name, value);
            }
        }
        let request = Request {
            method: method.parse::<Method>().unwrap_or_default(),
            path: path.to_owned(),
            query: Query::parse(query),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        self.now += jiff::SignedDuration::from_millis(300);
        self.store.step(&request, self.now)
    }

    /// Plays a sequence; tells the first disagreement.
    ///
    /// # Errors
    /// If a watch says something else than a list.
    pub fn play(&mut self, asked: &[Asked]) -> Result<(), String> {
        let mut memory = Memory::default();
        for (index, one) in asked.iter().enumerate() {
            let ready = one.ready("ns", &memory);
            // Watches that begin anywhere in a sequence must agree as those from its beginning do.
            self.follow(&collection_of(&one.path), SELECTIONS[index % SELECTIONS.len()]);
            let (code, body) =
                self.ask(ready.method, &ready.path, &ready.query, ready.media, ready.accept, &ready.body);
            one.answered(&ready.path, code, &body, &mut memory);
            self.check().map_err(|why| format!("{}   {why}", sequence(asked, index)))?;
        }
        Ok(())
    }

    fn follow(&mut self, collection: &str, selection: &str) {
        let list = format!("{collection}?{selection}");
        let (code, now) = self.ask("GET", collection, selection, "", "", "");
        if code != 200 {
            return;
        }
        let version = now["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let query = format!("watch=true&resourceVersion={version}&{selection}");
        let Answer::Watch(answer) = self.step("GET", collection, &query, "", "", "") else { return };
        let items = now["items"].as_array().cloned().unwrap_or_default();
        let events =
            items.into_iter().map(|item| serde_json::json!({"type": "ADDED", "object": item})).collect();
        self.followed.push(Followed { list, watch: answer.watch, events });
    }

    fn check(&mut self) -> Result<(), String> {
        let mut lists: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for index in 0..self.followed.len() {
            let list = self.followed[index].list.clone();
            let followed = &mut self.followed[index];
            while let Reading::Lines(lines) = self.store.read_watch(&mut followed.watch, self.now) {
                let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let read = lines
                    .map(|line| serde_json::from_slice::<Value>(line).map_err(|error| error.to_string()));
                followed.events.extend(read.collect::<Result<Vec<_>, _>>()?);
            }
            let told = fold(&followed.events).map_err(|why| format!("the watch of {list}: {why}"))?;
            if !lists.contains_key(&list) {
                let (path, selection) = list.split_once('?').unwrap_or((&list, ""));
                let (_, now) = self.ask("GET", path, selection, "", "", "");
                lists.insert(list.clone(), super::watched::listed(&now));
            }
            if lists.get(&list) != Some(&told) {
                return Err(format!("{list}\n   watch: {told:?}\n   list: {:?}", lists.get(&list)));
            }
        }
        Ok(())
    }
}

/// The path of the collection that a request's path is in.
fn collection_of(path: &str) -> String {
    let path = path.replace(NAMESPACE, "ns");
    let parts: Vec<&str> = path.split('/').collect();
    // "", "api", version, ["namespaces", name,] plural, ... or one more for "apis".
    let head = if parts.get(1) == Some(&"apis") { 4 } else { 3 };
    let length =
        if parts.get(head) == Some(&"namespaces") && parts.len() > head + 2 { head + 3 } else { head + 1 };
    parts.into_iter().take(length).collect::<Vec<_>>().join("/")
}

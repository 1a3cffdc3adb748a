//! What differs between two runs of the same story, whatever the server: times, uids, versions, drawn names and numbers.
//!
//! Equal values get equal names (`<uid 1>`, `<version 3>`, numbered in the order of their appearance), so that it still counts
//! which write has made a new version, and which object a refusal is about.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use crate::exchange::{Answer, Body};

/// The headers that clients read. (They also keep an `ETag`, which only saves them a transfer, and ours has none.)
const HEADERS: [&str; 5] = ["allow", "content-type", "location", "retry-after", "warning"];

/// 2026-11-01: nothing was recorded before. Times before that were written by a request, not by a clock; those after it may
/// be a recorded clock's, on whatever day they are played.
const RECORDED_SINCE: Timestamp = Timestamp::constant(1_793_491_200, 0);
/// Times further ahead than this were written by a request too.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(12);

/// kube-apiserver's own loop that repairs addresses tells an event of a Service whose address it has not heard of yet: by
/// chance, and of no request.
const BY_CHANCE: &str = "ipallocator-repair-controller";

/// The letters at the end of a generated name.
const SUFFIX_CHARS: usize = 5;

static UID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"));
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(resource ?version[^0-9]{1,40}?|, current: )(\d+)"));
/// Addresses that servers hand out to Services; each has a range of its own.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b10\.(0|96)\.\d{1,3}\.\d{1,3}\b"));
static CURRENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"<version> \(\d+\)"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#""\{(?:[^"\\]|\\.)*\}""#));
static AGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\d+[smh])+$"));

/// Names what differs, through one play of one story.
pub struct Normaliser {
    id: String,
    now: Timestamp,
    uids: Names,
    versions: Names,
    generated: BTreeMap<String, String>,
}

impl Normaliser {
    /// For a play whose own letters are `id`.
    pub fn new(id: &str, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            now,
            uids: Names::new("uid"),
            versions: Names::new("version"),
            generated: BTreeMap::new(),
        }
    }

    /// The answer as any run gives it.
    pub fn normal(&mut self, answer: Answer) -> Answer {
        let mut headers: Vec<(String, String)> = answer
            .headers
            .into_iter()
            .filter(|(name, _)| HEADERS.contains(&name.as_str()))
            .map(|(name, value)| (name, self.text(&value)))
            .collect();
        headers.sort();
        let body = match answer.body {
            Body::Empty => Body::Empty,
            Body::Text(text) => Body::Text(self.text(&text).trim_end().to_owned()),
            Body::Json(mut value) => {
                self.value(&mut value);
                Body::Json(value)
            }
        };
        Answer { status: answer.status, headers, body }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => self.object(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&mut self, fields: &mut Map<String, Value>) {
        let of_list = fields.contains_key("items")
            || fields.contains_key("rows")
            || fields.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        if fields.get("type") == Some(&json!("BOOKMARK"))
            && let Some(metadata) = fields.get_mut("object").and_then(|object| object.get_mut("metadata"))
        {
            name_version(metadata, || "<version>".to_owned());
        }
        if let Some(metadata) = fields.get_mut("metadata") {
            let versions = &mut self.versions;
            // A list's version is that of the whole server, which others move as well.
            let found = name_version(metadata, || "<version>".to_owned());
            if let Some(found) = found.filter(|_| !of_list) {
                metadata["resourceVersion"] = json!(versions.name(&found));
            }
            self.metadata(metadata);
        }
        for list in ["items", "rows"] {
            if let Some(Value::Array(members)) = fields.get_mut(list) {
                members.retain(|member| !is_by_chance(member));
            }
        }
        if let Some(Value::Array(rows)) = fields.get_mut("rows") {
            let cells = rows
                .iter_mut()
                .filter_map(|row| row.get_mut("cells"))
                .filter_map(Value::as_array_mut)
                .flatten();
            for cell in cells.filter(|cell| cell.as_str().is_some_and(|text| AGE.is_match(text))) {
                *cell = json!("<age>");
            }
        }
        // No client prints what columns mean, and we do not say it of those of built-in kinds.
        if let Some(Value::Array(columns)) = fields.get_mut("columnDefinitions") {
            columns
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|column| drop(column.remove("description")));
        }
        // The real server names conflicting managers and faults of custom objects in no order, and a fault as often as it has
        // looked.
        if let Some(Value::Array(causes)) = fields.get_mut("causes") {
            let mut seen = Vec::new();
            causes.retain(|cause| {
                let new = !seen.contains(cause);
                seen.push(cause.clone());
                new
            });
            causes.sort_by_key(|cause| (cause["field"].to_string(), cause["message"].to_string()));
        }
        for (key, value) in fields.iter_mut() {
            match (key.as_str(), &*value) {
                ("nodePort" | "healthCheckNodePort", Value::Number(_)) => *value = json!("<port>"),
                ("clusterIP", Value::String(text)) if text.contains('.') => *value = json!("<address>"),
                ("clusterIPs", Value::Array(_)) => {
                    for address in value.as_array_mut().into_iter().flatten() {
                        if address.as_str().is_some_and(|text| text.contains('.')) {
                            *address = json!("<address>");
                        }
                    }
                }
                _ => self.value(value),
            }
        }
        // Keys hold names and uids as well, as in `k:{"uid":"..."}`.
        if fields.keys().any(|key| key.contains(&self.id) || UID.is_match(key)) {
            let renamed = std::mem::take(fields).into_iter();
            *fields = renamed.map(|(key, value)| (self.text(&key), value)).collect();
        }
    }

    fn metadata(&mut self, metadata: &mut Value) {
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let (name, prefix) = (text("name"), text("generateName"));
        if !prefix.is_empty() && !self.generated.contains_key(&name) {
            let at = name.len().saturating_sub(SUFFIX_CHARS);
            if let Some(stem) = name.get(..at).filter(|stem| !stem.is_empty() && prefix.starts_with(*stem)) {
                let named = format!("{stem}<suffix {}>", self.generated.len() + 1);
                self.generated.insert(name, named);
            }
        }
        if metadata["continue"].as_str().is_some_and(|token| !token.is_empty()) {
            metadata["continue"] = json!("<continue>");
        }
        // Their order depends on the second in which they were written.
        if let Some(Value::Array(entries)) = metadata.get_mut("managedFields") {
            entries.sort_by_key(|entry| {
                ["operation", "manager", "subresource", "apiVersion", "fieldsV1"]
                    .map(|field| entry[field].to_string())
            });
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, named) in &self.generated {
            text = text.replace(name, named);
        }
        let text = text.replace(&self.id, "${id}");
        // The order of keys in JSON that a message shows or quotes says nothing.
        let text = if text.contains(": {") || text.contains(": [{") { shown_sorted(&text) } else { text };
        let text = QUOTED.replace_all(&text, |found: &Captures<'_>| {
            sorted(&found[0]).unwrap_or_else(|| found[0].to_owned())
        });
        let uids = &mut self.uids;
        let text = UID.replace_all(&text, |found: &Captures<'_>| uids.name(&found[0]));
        let now = self.now;
        let text = TIME.replace_all(&text, |found: &Captures<'_>| {
            let of_a_clock = found[0]
                .parse::<Timestamp>()
                .is_ok_and(|time| time >= RECORDED_SINCE && time.duration_since(now) < AHEAD_MAX);
            match (of_a_clock, found.get(1)) {
                (false, _) => found[0].to_owned(),
                (true, None) => "<time>".to_owned(),
                (true, Some(_)) => "<precise time>".to_owned(),
            }
        });
        let text = ADDRESS.replace_all(&text, "<address>");
        let text = VERSION.replace_all(&text, "${1}<version>");
        CURRENT.replace_all(&text, "<version> (<version>)").into_owned()
    }
}

/// Whether it is an event told by chance, or the row of one.
fn is_by_chance(member: &Value) -> bool {
    let cells = member["cells"].as_array().into_iter().flatten();
    cells.chain([&member["source"]["component"]]).any(|said| said == BY_CHANCE)
}

/// A text in which each JSON object has its keys in order.
fn shown_sorted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{\"") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let end = match values.next() {
            Some(Ok(value)) => {
                out.push_str(&value.to_string());
                values.byte_offset()
            }
            _ => {
                out.push('{');
                1
            }
        };
        rest = &rest[end..];
    }
    out + rest
}

/// A quoted JSON object with its keys in order.
fn sorted(quoted: &str) -> Option<String> {
    let text: String = serde_json::from_str(quoted).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    Some(Value::from(value.to_string()).to_string())
}

/// Puts a name in place of a version; gives the version that stood there.
fn name_version(metadata: &mut Value, name: impl FnOnce() -> String) -> Option<String> {
    let found = metadata.get("resourceVersion")?.as_str()?.to_owned();
    if !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit()) && found != "0" {
        metadata["resourceVersion"] = json!(name());
        return Some(found);
    }
    None
}

/// Numbers values in the order of their appearance.
struct Names {
    what: &'static str,
    known: BTreeMap<String, usize>,
}

impl Names {
    fn new(what: &'static str) -> Self {
        Self { what, known: BTreeMap::new() }
    }

    fn name(&mut self, value: &str) -> String {
        let next = self.known.len() + 1;
        let number = *self.known.entry(value.to_owned()).or_insert(next);
        format!("<{} {number}>", self.what)
    }
}

fn pattern(text: &str) -> Regex {
    #[expect(
        clippy::unwrap_used,
        reason = "the patterns are constants, and the test below compiles them all"
    )]
    Regex::new(text).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_times_are_times_on_any_later_day_and_made_up_ones_never() {
        let mut normaliser = Normaliser::new("qwrtzp", "2027-03-01T11:00:00Z".parse().unwrap());
        let text = "2026-11-21T12:43:40Z 2027-03-01T11:00:00Z 2020-01-01T00:00:00Z 2099-01-01T00:00:00Z";
        let normal = normaliser.text(text);
        assert_eq!(normal, "<time> <time> 2020-01-01T00:00:00Z 2099-01-01T00:00:00Z");
        assert_eq!(RECORDED_SINCE, "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn what_differs_from_run_to_run_gets_a_name() {
        let now = "2026-11-21T11:00:00Z".parse().unwrap();
        let mut normaliser = Normaliser::new("qwrtzp", now);
        let object = json!({"metadata": {
            "name": "a-x7k2p", "generateName": "a-", "namespace": "ns-qwrtzp", "resourceVersion": "17",
            "uid": "0f0f0f0f-1111-4222-8333-444444444444", "creationTimestamp": "2026-11-21T11:00:01Z"},
            "spec": {"clusterIP": "10.0.0.7", "time": "2020-01-01T00:00:00Z"}});
        let answer = Answer { status: "200".into(), headers: Vec::new(), body: Body::Json(object) };
        let Body::Json(normal) = normaliser.normal(answer).body else { panic!("no JSON") };
        assert_eq!(
            normal,
            json!({"metadata": {
                "name": "a-<suffix 1>", "generateName": "a-", "namespace": "ns-${id}", "resourceVersion": "<version 1>",
                "uid": "<uid 1>", "creationTimestamp": "<time>"},
                "spec": {"clusterIP": "<address>", "time": "2020-01-01T00:00:00Z"}})
        );
        assert_eq!(normaliser.text(r#"value: "{\"b\":1,\"a\":2}" "#), r#"value: "{\"a\":2,\"b\":1}" "#);
        assert_eq!(
            normaliser.text("Too large resource version: 99, current: 12"),
            "Too large resource version: <version>, current: <version>"
        );
    }

    #[test]
    fn an_event_told_by_chance_is_not_in_a_list_and_names_no_version() {
        let now = "2026-11-21T11:00:00Z".parse().unwrap();
        let mut normaliser = Normaliser::new("qwrtzp", now);
        let row = |source: &str, version: &str| json!({"cells": ["<unknown>", source, "a message"], "object": {"metadata": {"resourceVersion": version}}});
        let item = |source: &str, version: &str| json!({"source": {"component": source}, "metadata": {"resourceVersion": version}});
        let mut list = json!({
            "rows": [row("ipallocator-repair-controller", "7"), row("kubelet", "8")],
            "items": [item("ipallocator-repair-controller", "7"), item("kubelet", "8")]});
        normaliser.value(&mut list);
        assert_eq!(
            list,
            json!({"rows": [row("kubelet", "<version 1>")], "items": [item("kubelet", "<version 1>")]})
        );
    }
}

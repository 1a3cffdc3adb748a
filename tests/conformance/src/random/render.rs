//! From a step's choices to the request that they mean for a kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    kinds::{KINDS, Kind},
    request::{Asked, Body, NAMESPACE},
    steps::{Deed, Part, Step, Version},
};

/// Set there, a value takes the field away.
const GONE: &str = "(gone)";

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

const WRITE_OPTIONS: [(&str, &str); 10] = [
    ("dryRun", "All"),
    ("dryRun", "All"),
    ("dryRun", "Some"),
    ("fieldManager", "one"),
    ("fieldManager", "two"),
    ("fieldManager", "kubectl-client-side-apply"),
    ("fieldValidation", "Strict"),
    ("fieldValidation", "Ignore"),
    ("fieldValidation", "Warn"),
    ("fieldValidation", "Odd"),
];

const DELETE_OPTIONS: [(&str, &str); 10] = [
    ("dryRun", "All"),
    ("dryRun", "Some"),
    ("gracePeriodSeconds", "0"),
    ("gracePeriodSeconds", "7"),
    ("gracePeriodSeconds", "-1"),
    ("propagationPolicy", "Orphan"),
    ("propagationPolicy", "Foreground"),
    ("propagationPolicy", "Background"),
    ("propagationPolicy", "Odd"),
    ("orphanDependents", "true"),
];

const LIST_OPTIONS: [(&str, &str); 14] = [
    ("limit", "1"),
    ("limit", "2"),
    ("labelSelector", "a=1"),
    ("labelSelector", "a in (1,2),b"),
    ("labelSelector", "!a"),
    ("labelSelector", "a notin (1)"),
    ("labelSelector", "a=="),
    ("labelSelector", "a=(b"),
    ("fieldSelector", "metadata.name=a"),
    ("fieldSelector", "metadata.name!=a"),
    ("fieldSelector", "metadata.namespace={ns}"),
    ("fieldSelector", "spec.nothing=x"),
    ("resourceVersionMatch", "Exact"),
    ("continue", "{continue}"),
];

const MANAGERS: [&str; 3] = ["one", "two", "three"];

/// Objects of cluster-wide kinds carry it, so that lists of them are about this sequence only.
const LABEL: &str = "random";

/// The request that a step means for a kind.
pub fn rendered(kind: &Kind, step: &Step) -> Asked {
    let step = fitted(kind, step);
    let mut asked = Asked {
        method: method(step.deed),
        path: path(kind, &step),
        query: Vec::new(),
        media: media(step.deed),
        accept: "",
        body: Body::Empty,
    };
    match step.deed {
        Deed::Get => asked.accept = accept(&step),
        Deed::List => {
            asked.accept = accept(&step);
            list_options(kind, &step, &mut asked);
        }
        Deed::Delete | Deed::DeleteAll => delete_options(kind, &step, &mut asked),
        _ => {
            write_options(&step, &mut asked);
            asked.body = body(kind, &step);
        }
    }
    asked
}

/// The step with what this kind has none of taken out.
fn fitted(kind: &Kind, step: &Step) -> Step {
    let mut step = step.clone();
    let partless =
        [Deed::Create, Deed::Delete, Deed::DeleteAll, Deed::List, Deed::Nonsense].contains(&step.deed);
    let has = match step.part {
        Part::Whole => true,
        Part::Status => !kind.status.is_empty(),
        Part::Scale => kind.scale && [Deed::Get, Deed::Change, Deed::Merge].contains(&step.deed),
    };
    if partless || !has {
        step.part = Part::Whole;
    }
    if kind.finer {
        step.deed = match step.deed {
            Deed::ApplyPart => Deed::ApplyWhole,
            Deed::Json => Deed::Merge,
            deed => deed,
        };
    }
    step
}

fn method(deed: Deed) -> &'static str {
    match deed {
        Deed::Create | Deed::Nonsense => "POST",
        Deed::Get | Deed::List => "GET",
        Deed::Replace | Deed::Change => "PUT",
        Deed::Merge | Deed::Strategic | Deed::Json | Deed::ApplyPart | Deed::ApplyWhole => "PATCH",
        Deed::Delete | Deed::DeleteAll => "DELETE",
    }
}

fn media(deed: Deed) -> &'static str {
    match deed {
        Deed::Create | Deed::Nonsense | Deed::Replace | Deed::Change | Deed::Delete | Deed::DeleteAll => JSON,
        Deed::Get | Deed::List => "",
        Deed::Merge => MERGE,
        Deed::Strategic => STRATEGIC,
        Deed::Json => JSON_PATCH,
        Deed::ApplyPart | Deed::ApplyWhole => APPLY,
    }
}

fn accept(step: &Step) -> &'static str {
    match (step.choice % 8, step.deed) {
        (0, _) => "application/json;as=Table;v=v1;g=meta.k8s.io",
        (1, Deed::List) => "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        (1, _) => "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
        _ => "",
    }
}

fn name(kind: &Kind, step: &Step) -> String {
    let short = ["a", "b"][step.name % 2];
    if kind.cluster { format!("{NAMESPACE}-{short}") } else { short.to_owned() }
}

fn path(kind: &Kind, step: &Step) -> String {
    let collection = kind.collection(NAMESPACE);
    match (step.deed, step.part) {
        (Deed::Create | Deed::Nonsense | Deed::DeleteAll | Deed::List, _) => collection,
        (_, Part::Whole) => format!("{collection}/{}", name(kind, step)),
        (_, Part::Status) => format!("{collection}/{}/status", name(kind, step)),
        (_, Part::Scale) => format!("{collection}/{}/scale", name(kind, step)),
    }
}

fn chosen(options: &[u16], from: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    for option in options {
        let (key, value) = from[usize::from(*option) % from.len()];
        query.insert(key.to_owned(), value.to_owned());
    }
    query.into_iter().collect()
}

fn list_options(kind: &Kind, step: &Step, asked: &mut Asked) {
    asked.query = chosen(&step.options, &LIST_OPTIONS);
    if let Some(selector) =
        kind.selectors.get(usize::from(step.choice / 8) % (kind.selectors.len() * 2).max(1))
    {
        asked.query.retain(|(key, _)| key != "fieldSelector");
        asked.query.push(("fieldSelector".to_owned(), selector.clone()));
    }
    // Without a token, `continue` asks for the beginning; with one, the limit must be said again.
    let continues = asked.query.iter().any(|(key, _)| key == "continue");
    if continues && !asked.query.iter().any(|(key, _)| key == "limit") {
        asked.query.push(("limit".to_owned(), "1".to_owned()));
    }
    only_own(kind, asked);
}

/// Cluster-wide lists and deletions are about this sequence's objects only.
fn only_own(kind: &Kind, asked: &mut Asked) {
    if kind.cluster {
        asked.query.retain(|(key, _)| key != "labelSelector");
        asked.query.push(("labelSelector".to_owned(), format!("{LABEL}={NAMESPACE}")));
    }
}

fn delete_options(kind: &Kind, step: &Step, asked: &mut Asked) {
    let options = chosen(&step.options, &DELETE_OPTIONS);
    let path = format!("{}/{}", kind.collection(NAMESPACE), name(kind, step));
    let version = match step.version {
        Version::None => Value::Null,
        Version::Newest => json!(format!("{{version {path}}}")),
        Version::Old => json!(format!("{{old {path}}}")),
        Version::Wrong => json!("1"),
    };
    let uid = match step.choice % 6 {
        0 => json!(format!("{{uid {path}}}")),
        1 => json!("6d5f0a0c-0000-4000-8000-000000000000"),
        _ => Value::Null,
    };
    let conditional = step.deed == Deed::Delete && !(version.is_null() && uid.is_null());
    if !conditional {
        asked.media = "";
        asked.query = options;
        if step.deed == Deed::DeleteAll {
            only_own(kind, asked);
        }
        return;
    }
    let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {}});
    for (field, value) in [("uid", uid), ("resourceVersion", version)] {
        if !value.is_null() {
            body["preconditions"][field] = value;
        }
    }
    for (key, value) in options {
        let number = value.parse::<i64>().map(|number| json!(number));
        body[&key] = match key.as_str() {
            "dryRun" => json!([value]),
            "orphanDependents" => json!(true),
            _ => number.unwrap_or_else(|_| json!(value)),
        };
    }
    asked.body = Body::Text(body.to_string());
}

fn write_options(step: &Step, asked: &mut Asked) {
    asked.query = chosen(&step.options, &WRITE_OPTIONS);
    if [Deed::ApplyPart, Deed::ApplyWhole].contains(&step.deed) {
        asked.query.retain(|(key, _)| key != "fieldManager");
        let manager = MANAGERS[usize::from(step.choice) % MANAGERS.len()];
        asked.query.push(("fieldManager".to_owned(), manager.to_owned()));
        if (step.choice / 3).is_multiple_of(2) {
            asked.query.push(("force".to_owned(), "true".to_owned()));
        }
    }
}

fn body(kind: &Kind, step: &Step) -> Body {
    if step.deed == Deed::Nonsense {
        let nonsense = ["", "[]", "5", "\"text\"", "{}", "{\"kind\":\"Odd\"}", "{\"apiVersion\":\"odd/v9\"}"];
        return Body::Text(nonsense[usize::from(step.choice) % nonsense.len()].to_owned());
    }
    if step.part == Part::Scale {
        return scale_body(kind, step);
    }
    let changes = changes(kind, step);
    match step.deed {
        Deed::Create | Deed::Replace | Deed::ApplyWhole => {
            Body::Text(object(kind, step, &changes).to_string())
        }
        Deed::Change => {
            let of = format!("{}/{}", kind.collection(NAMESPACE), name(kind, step));
            let otherwise = object(kind, step, &changes).to_string();
            let mut changes = changes;
            match step.version {
                Version::None | Version::Newest => {}
                Version::Old => {
                    changes.push(("/metadata/resourceVersion".to_owned(), json!(format!("{{old {of}}}"))));
                }
                Version::Wrong => changes.push(("/metadata/resourceVersion".to_owned(), json!("1"))),
            }
            Body::Changed { of, changes, otherwise }
        }
        Deed::Json => Body::Text(json_patch(step, &changes).to_string()),
        Deed::ApplyPart => {
            let mut part = partial(&object(kind, step, &changes), &changes);
            part["apiVersion"] = json!(kind.api_version());
            part["kind"] = json!(kind.kind);
            if part["metadata"].get("name").is_none()
                && part["metadata"].is_object() | part["metadata"].is_null()
            {
                part["metadata"]["name"] = json!(name(kind, step));
            }
            Body::Text(part.to_string())
        }
        _ => {
            let mut patch = partial(&object(kind, step, &changes), &changes);
            if step.version != Version::None && patch["metadata"].is_object() | patch["metadata"].is_null() {
                patch["metadata"]["resourceVersion"] = version(kind, step);
            }
            if !patch.is_object() {
                patch = json!({});
            }
            Body::Text(patch.to_string())
        }
    }
}

fn version(kind: &Kind, step: &Step) -> Value {
    let path = format!("{}/{}", kind.collection(NAMESPACE), name(kind, step));
    match step.version {
        Version::None => Value::Null,
        Version::Newest => json!(format!("{{version {path}}}")),
        Version::Old => json!(format!("{{old {path}}}")),
        Version::Wrong => json!("1"),
    }
}

fn scale_body(kind: &Kind, step: &Step) -> Body {
    let replicas =
        [json!(2), json!(0), json!(-1), json!("x"), Value::Null][usize::from(step.choice) % 5].clone();
    let of = path(kind, step);
    match step.deed {
        Deed::Change => Body::Changed {
            of,
            changes: vec![("/spec/replicas".to_owned(), replicas.clone())],
            otherwise: json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": name(kind, step), "namespace": NAMESPACE}, "spec": {"replicas": replicas}})
            .to_string(),
        },
        Deed::Merge => Body::Text(json!({"spec": {"replicas": replicas}}).to_string()),
        _ => Body::Empty,
    }
}

/// The changes that a step's numbers mean. A third of them are about metadata.
fn changes(kind: &Kind, step: &Step) -> Vec<(String, Value)> {
    let own = if step.part == Part::Status { &kind.status } else { &kind.tweaks };
    let change = |(place, value): &(u16, u16)| {
        let table = if place.is_multiple_of(3) || own.is_empty() { &KINDS.metadata } else { own };
        let (pointer, values) = table.iter().nth(usize::from(place / 3) % table.len())?;
        let value = values.get(usize::from(*value) % values.len())?;
        Some((pointer.clone(), value.clone()))
    };
    // An applied null is a wish that the real server's merging of types does not grant in a way of its own.
    let applies = [Deed::ApplyPart, Deed::ApplyWhole].contains(&step.deed);
    // Empty lists, maps and texts of a custom object's applied metadata are stored, but never shown: a write that makes no difference
    // to be seen takes them out again, or puts them in, and counts as a change.
    let unseen = |pointer: &str, value: &Value| {
        kind.custom && pointer.starts_with("/metadata/") && [json!([]), json!({}), json!("")].contains(value)
    };
    let asked =
        |(pointer, value): &(String, Value)| !(applies && (value.is_null() || unseen(pointer, value)));
    step.tweaks.iter().filter_map(change).filter(asked).collect()
}

/// A whole object.
fn object(kind: &Kind, step: &Step, changes: &[(String, Value)]) -> Value {
    let mut object = kind.base.clone();
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    object["metadata"] = json!({"name": name(kind, step)});
    if kind.cluster {
        object["metadata"]["labels"] = json!({LABEL: NAMESPACE});
    }
    if step.version != Version::None && step.deed == Deed::Replace {
        object["metadata"]["resourceVersion"] = version(kind, step);
    }
    for (pointer, value) in changes {
        set(&mut object, pointer, value);
    }
    let made_up = object["metadata"]["generateName"].as_str().is_some_and(|prefix| !prefix.is_empty());
    if made_up && step.deed == Deed::Create && object["metadata"]["name"] == name(kind, step).as_str() {
        // A name would win over the prefix.
        set(&mut object, "/metadata/name", &json!(GONE));
    }
    object
}

/// Sets the value at a pointer, making objects on the way; items of lists must be there.
pub fn set(object: &mut Value, pointer: &str, value: &Value) {
    let (way, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let mut place = object;
    for step in way.split('/').skip(1) {
        place = match place {
            Value::Array(items) => match step.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = json!({});
                }
                &mut other[step]
            }
        };
    }
    if !place.is_object() && !place.is_array() {
        *place = json!({});
    }
    if let Value::Object(fields) = place {
        if value == GONE {
            fields.remove(last);
        } else {
            fields.insert(last.to_owned(), value.clone());
        }
    }
}

/// Only those parts of an object that the changes are about; lists whole.
fn partial(object: &Value, changes: &[(String, Value)]) -> Value {
    let mut part = json!({});
    for (pointer, _) in changes {
        let listless: Vec<&str> =
            pointer.split('/').skip(1).take_while(|step| step.parse::<usize>().is_err()).collect();
        let pointer = format!("/{}", listless.join("/"));
        if let Some(value) = object.pointer(&pointer) {
            set(&mut part, &pointer, value);
        }
    }
    part
}

fn json_patch(step: &Step, changes: &[(String, Value)]) -> Value {
    let mut operations: Vec<Value> = Vec::new();
    for (index, (path, value)) in changes.iter().enumerate() {
        let drawn = step.tweaks.get(index).map_or(0, |(_, value)| value / 16 % 8);
        operations.push(match drawn {
            0..=2 => json!({"op": "add", "path": path, "value": value}),
            3 | 4 => json!({"op": "replace", "path": path, "value": value}),
            5 => json!({"op": "remove", "path": path}),
            6 => json!({"op": "test", "path": path, "value": value}),
            _ => json!({"op": "copy", "from": "/metadata/name", "path": path}),
        });
    }
    if step.choice % 32 == 31 {
        return Value::Object(Map::from_iter([("op".to_owned(), json!("add"))]));
    }
    Value::Array(operations)
}

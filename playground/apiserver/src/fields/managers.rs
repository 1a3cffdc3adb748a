//! Who owns which fields: `metadata.managedFields`, read and written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::set::FieldSet;

/// One owner as `managedFields` tells owners apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// Its name.
    pub name: String,
    /// Whether it owns by server-side apply (else by creating, updating or patching).
    pub applies: bool,
    /// The version of the kind its fields are written in; an applier is the same one in every version.
    pub api_version: String,
    /// The subresource it wrote through; empty for the object itself.
    pub subresource: String,
}

/// What one owner owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// The fields.
    pub fields: FieldSet,
    /// When it last came to own a field; empty if nobody said.
    pub time: String,
    /// The version of the kind that the fields are written in.
    pub api_version: String,
}

/// All owners of one object.
pub type Managers = BTreeMap<Manager, Owned>;

/// The most owners by update; the oldest beyond are taken together under one name.
const UPDATERS_MAX: usize = 10;

/// The name under which the oldest are taken together.
const OLDEST: &str = "ancient-changes";

impl Manager {
    /// The owner that a write makes.
    pub fn new(name: &str, applies: bool, api_version: &str, subresource: &str) -> Self {
        Self {
            name: name.to_owned(),
            applies,
            api_version: if applies { String::new() } else { api_version.to_owned() },
            subresource: subresource.to_owned(),
        }
    }

    /// How a conflict names it.
    pub fn shown(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if !self.applies {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}

/// Reads `managedFields`. Entries that are not complete are passed over.
pub fn decode(entries: &Value) -> Managers {
    let mut managers = Managers::new();
    for entry in entries.as_array().into_iter().flatten() {
        let text = |field: &str| entry[field].as_str().unwrap_or_default();
        let applies = match text("operation") {
            "Apply" => true,
            "Update" => false,
            _ => continue,
        };
        if text("fieldsType") != "FieldsV1" || text("apiVersion").is_empty() {
            continue;
        }
        let manager = Manager::new(text("manager"), applies, text("apiVersion"), text("subresource"));
        let owned = Owned {
            fields: FieldSet::decode(&entry["fieldsV1"]),
            time: text("time").to_owned(),
            api_version: text("apiVersion").to_owned(),
        };
        managers.insert(manager, owned);
    }
    managers
}

/// Writes `managedFields`, in the order in which the real server does. `None` if nobody owns anything.
pub fn encode(managers: &Managers) -> Option<Value> {
    let mut entries: Vec<(&Manager, &Owned)> =
        managers.iter().filter(|(_, owned)| !owned.fields.is_empty()).collect();
    entries.sort_by(|(one, owned), (other, theirs)| {
        (!one.applies, &owned.time, &one.name, &owned.api_version, &one.subresource).cmp(&(
            !other.applies,
            &theirs.time,
            &other.name,
            &theirs.api_version,
            &other.subresource,
        ))
    });
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(manager, owned)| {
            let mut entry = Map::from_iter([
                ("manager".to_owned(), json!(manager.name)),
                ("operation".to_owned(), json!(if manager.applies { "Apply" } else { "Update" })),
                ("apiVersion".to_owned(), json!(owned.api_version)),
                ("fieldsType".to_owned(), json!("FieldsV1")),
                ("fieldsV1".to_owned(), owned.fields.encode()),
            ]);
            if !owned.time.is_empty() {
                entry.insert("time".to_owned(), json!(owned.time));
            }
            if !manager.subresource.is_empty() {
                entry.insert("subresource".to_owned(), json!(manager.subresource));
            }
            Value::Object(entry)
        })
        .collect();
    (!entries.is_empty()).then_some(Value::Array(entries))
}

/// Takes the oldest updaters together when there are too many.
pub fn cap(managers: &mut Managers) {
    loop {
        let mut updaters: Vec<(String, Manager)> = managers
            .iter()
            .filter(|(manager, _)| !manager.applies && manager.subresource.is_empty())
            .map(|(manager, owned)| (owned.time.clone(), manager.clone()))
            .collect();
        if updaters.len() <= UPDATERS_MAX {
            return;
        }
        updaters.sort();
        let oldest: Vec<Manager> = updaters.into_iter().take(2).map(|(_, manager)| manager).collect();
        let mut together = Owned::default();
        for manager in oldest {
            if let Some(owned) = managers.remove(&manager) {
                together.fields = together.fields.union(&owned.fields);
                together.time = owned.time;
                together.api_version = owned.api_version;
            }
        }
        let name = Manager::new(OLDEST, false, &together.api_version, "");
        managers.insert(name, together);
    }
}

/// A time as `managedFields` writes it.
pub fn time_text(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

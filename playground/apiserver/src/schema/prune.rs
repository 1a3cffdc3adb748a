//! Dropping the fields a schema does not know, and naming them for `fieldValidation=Strict` and `Warn`.

use serde_json::Value;

use super::Schema;

/// At most this many unknown fields are named; a client that sends more has a different problem.
const UNKNOWN_MAX: usize = 100;

impl Schema {
    /// Drops every field that the schema does not know, as the API server does before it stores an object.
    ///
    /// `apiVersion`, `kind` and `metadata` stay at the root and in embedded resources.
    pub fn prune(&self, object: &mut Value) {
        walk(self, object, true, &mut Unknown { path: String::new(), found: None });
    }

    /// The paths of all fields that [`Schema::prune`] would drop, in order.
    #[must_use]
    pub fn unknown_fields(&self, object: &Value) -> Vec<String> {
        let mut unknown = Unknown { path: String::new(), found: Some(Vec::new()) };
        walk(self, &mut object.clone(), true, &mut unknown);
        unknown.found.unwrap_or_default()
    }
}

/// Where the walk is, and what it has dropped if anybody asked.
struct Unknown {
    path: String,
    found: Option<Vec<String>>,
}

impl Unknown {
    fn note(&mut self, name: &str) {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{name}", self.path);
        if let Some(found) = &mut self.found
            && found.len() < UNKNOWN_MAX
        {
            found.push(path);
        }
    }

    fn inside(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        visit(self);
        self.path.truncate(length);
    }
}

fn walk(schema: &Schema, value: &mut Value, is_resource: bool, unknown: &mut Unknown) {
    match value {
        Value::Object(fields) => {
            let keep_all = schema.preserve_unknown || schema.is_free_form();
            fields.retain(|name, _| {
                let known = keep_all
                    || schema.field(name).is_some()
                    || (is_resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
                if !known {
                    unknown.note(name);
                }
                known
            });
            for (name, child) in fields {
                if let Some(node) = schema.field(name) {
                    unknown.inside(name, |unknown| walk(node, child, node.embedded_resource, unknown));
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = &schema.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                let step = format!("[{index}]");
                unknown.inside(&step, |unknown| walk(node, item, node.embedded_resource, unknown));
            }
        }
        _ => {}
    }
}

impl Schema {
    /// A node without any type takes whatever comes (it stands for "not described").
    fn is_free_form(&self) -> bool {
        self.kind.is_none()
            && self.properties.is_empty()
            && self.additional_properties.is_none()
            && self.preserve_unknown
    }
}

//! Filling in what the user left out.

use serde_json::Value;

use super::{Schema, canonical};

impl Schema {
    /// Fills in defaults, top down, so that a default object gets its own fields' defaults too.
    ///
    /// A `null` counts as missing unless the node is nullable: with a default it becomes the default, without
    /// one it is dropped. Values of built-in types are first brought into the one form in which they are stored.
    pub fn apply_defaults(&self, value: &mut Value) {
        canonical::rewrite(self, value);
        self.fill_in(value);
    }

    fn fill_in(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, node) in &self.properties {
                    let missing = fields.get(name).is_none_or(|value| value.is_null() && !node.nullable);
                    if missing && let Some(default) = &node.default {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                fields.retain(|name, value| {
                    let drop_null =
                        |node: &Schema| !node.nullable && (node.kind.is_some() || node.int_or_string);
                    !(value.is_null() && self.properties.get(name).is_some_and(|node| drop_null(node)))
                });
                for (name, child) in fields {
                    if let Some(node) = self.field(name) {
                        node.fill_in(child);
                    }
                }
            }
            Value::Array(items) => {
                let Some(node) = &self.items else { return };
                items.iter_mut().for_each(|item| node.fill_in(item));
            }
            _ => {}
        }
    }
}

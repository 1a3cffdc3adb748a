//! Filling in what the user left out.

use serde_json::{Map, Value, json};

use super::{Schema, Type, canonical};

impl Schema {
    /// What an object of a built-in type says before anything is set: its structs, and fields that are never left out.
    #[must_use]
    pub fn zero(&self) -> Value {
        let fields = self.properties.iter().filter_map(|(name, node)| {
            let value = match node.kind {
                _ if node.always_there => node.zero(),
                _ if node.default.as_ref().is_some_and(|default| *default == "" || *default == 0) => {
                    node.default.clone()?
                }
                _ if node.default == Some(Value::Null) => Value::Null,
                _ if !self.required.contains(name) => return None,
                Some(Type::String) => json!(""),
                Some(Type::Integer | Type::Number) => json!(0),
                Some(Type::Boolean) => json!(false),
                Some(Type::Array | Type::Object) | None => Value::Null,
            };
            Some((name.clone(), value))
        });
        Value::Object(fields.collect::<Map<String, Value>>())
    }

    /// Fills in defaults, top down, so that a default object gets its own fields' defaults too.
    ///
    /// A `null` counts as missing unless the node is nullable: with a default it becomes the default, without
    /// one it is dropped. Values of built-in types are first brought into the one form in which they are stored.
    pub fn apply_defaults(&self, value: &mut Value) {
        canonical::rewrite(self, value);
        self.fill_in(value, false);
    }

    /// The same for what server-side apply has merged. That is not decoded again, so a `null` without a default stays:
    /// what a manager leaves empty is `null`, and is validated as such.
    pub fn apply_defaults_to_merged(&self, value: &mut Value) {
        canonical::rewrite(self, value);
        self.fill_in(value, true);
    }

    fn fill_in(&self, value: &mut Value, keep_nulls: bool) {
        match value {
            Value::Object(fields) => {
                for (name, node) in &self.properties {
                    let missing = fields.get(name).is_none_or(|value| value.is_null() && !node.nullable);
                    if missing && let Some(default) = &node.default {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                fields.retain(|name, value| {
                    if keep_nulls {
                        return true;
                    }
                    // A time that was not set is written as `null` where the API's type always writes it.
                    let kept = |node: &Schema| node.nullable || node.default == Some(Value::Null);
                    let drop_null =
                        |node: &Schema| !kept(node) && (node.kind.is_some() || node.int_or_string);
                    !(value.is_null() && self.properties.get(name).is_some_and(|node| drop_null(node)))
                });
                for (name, child) in fields {
                    if let Some(node) = self.field(name) {
                        node.fill_in(child, keep_nulls);
                    }
                }
            }
            Value::Array(items) => {
                let Some(node) = &self.items else { return };
                items.iter_mut().for_each(|item| node.fill_in(item, keep_nulls));
            }
            _ => {}
        }
    }
}

//! Reading a schema from OpenAPI v3 JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ListType, MapType, PatchStrategy, Pattern, Rules, Schema, Type};

/// Deepest nesting that is read; a schema that is deeper is refused instead of exhausting the stack.
const DEPTH_MAX: u32 = 100;

/// Why a schema could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A node is not an object.
    #[error("{path}: a schema must be an object, found {found}")]
    NotAnObject {
        /// Where in the schema.
        path: String,
        /// The JSON type that is there.
        found: &'static str,
    },
    /// A `type` that OpenAPI v3 does not have.
    #[error("{path}.type: must be one of object, array, string, integer, number, boolean, found {found}")]
    UnknownType {
        /// Where in the schema.
        path: String,
        /// What is there.
        found: String,
    },
    /// A `$ref` to a definition that does not exist.
    #[error("{path}.$ref: no definition named {name}")]
    UnknownDefinition {
        /// Where in the schema.
        path: String,
        /// The missing definition.
        name: String,
    },
    /// The tree is deeper than we read.
    #[error("{path}: nested deeper than {DEPTH_MAX} levels")]
    TooDeep {
        /// Where in the schema.
        path: String,
    },
}

/// Shared definitions by name, and the nodes already made from them.
#[derive(Debug, Default)]
pub struct Definitions {
    sources: BTreeMap<String, Value>,
    nodes: BTreeMap<String, Arc<Schema>>,
    open: Vec<String>,
}

impl Definitions {
    /// Definitions as JSON, by name.
    #[must_use]
    pub fn new(sources: BTreeMap<String, Value>) -> Self {
        Definitions { sources, ..Definitions::default() }
    }

    /// The shared node of a definition.
    ///
    /// A definition that contains itself (the schema of a CustomResourceDefinition does) takes anything at
    /// the place where it would repeat.
    ///
    /// # Errors
    /// If the definition does not exist or is no valid schema.
    pub fn node(&mut self, name: &str) -> Result<Arc<Schema>, SchemaError> {
        if let Some(node) = self.nodes.get(name) {
            return Ok(Arc::clone(node));
        }
        if self.open.iter().any(|open| open == name) {
            return Ok(Arc::new(Schema::anything()));
        }
        let Some(source) = self.sources.remove(name) else {
            return Err(SchemaError::UnknownDefinition { path: name.to_owned(), name: name.to_owned() });
        };
        self.open.push(name.to_owned());
        let parsed = self.parse(&source, name, 0);
        self.open.pop();
        let mut node = parsed?;
        node.definition = Some(name.into());
        let node = Arc::new(node);
        self.nodes.insert(name.to_owned(), Arc::clone(&node));
        Ok(node)
    }

    fn parse(&mut self, source: &Value, path: &str, depth: u32) -> Result<Schema, SchemaError> {
        let source = match source {
            Value::Object(source) => source,
            Value::Bool(_) => return Ok(Schema::anything()),
            other => {
                return Err(SchemaError::NotAnObject {
                    path: path.to_owned(),
                    found: super::type_name(other),
                });
            }
        };
        if depth > DEPTH_MAX {
            return Err(SchemaError::TooDeep { path: path.to_owned() });
        }
        let mut node = match text(source, "$ref") {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap_or(reference);
                self.node(name)?.as_ref().clone()
            }
            None => Schema::default(),
        };
        self.read_children(&mut node, source, path, depth)?;
        read_type(&mut node, source, path)?;
        read_limits(&mut node, source);
        read_extensions(&mut node, source);
        Ok(node)
    }

    fn read_children(
        &mut self,
        node: &mut Schema,
        source: &Map<String, Value>,
        path: &str,
        depth: u32,
    ) -> Result<(), SchemaError> {
        if let Some(Value::Object(properties)) = source.get("properties") {
            for (name, property) in properties {
                let child = self.child(property, &format!("{path}.properties[{name}]"), depth)?;
                node.properties.insert(name.clone(), child);
            }
        }
        if let Some(items) = source.get("items") {
            node.items = Some(self.child(items, &format!("{path}.items"), depth)?);
        }
        match source.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            // `true` and `{}` alike: any value under any name.
            Some(values) => {
                let child = self.child(values, &format!("{path}.additionalProperties"), depth)?;
                node.additional_properties = Some(child);
            }
        }
        for (keyword, list) in
            [("allOf", &mut node.all_of), ("anyOf", &mut node.any_of), ("oneOf", &mut node.one_of)]
        {
            for part in source.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                list.push(self.child(part, &format!("{path}.{keyword}"), depth)?);
            }
        }
        if let Some(not) = source.get("not") {
            node.not = Some(self.child(not, &format!("{path}.not"), depth)?);
        }
        Ok(())
    }

    /// A child node; one that only refers to a definition is that definition's node, not a copy.
    fn child(&mut self, source: &Value, path: &str, depth: u32) -> Result<Arc<Schema>, SchemaError> {
        if let Value::Object(fields) = source
            && let Some(reference) = text(fields, "$ref")
            && fields.keys().all(|key| key == "$ref" || key == "description")
        {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            return self.node(name);
        }
        Ok(Arc::new(self.parse(source, path, depth + 1)?))
    }
}

impl Schema {
    /// Reads a schema that stands alone, as the `openAPIV3Schema` of a CustomResourceDefinition does.
    ///
    /// # Errors
    /// If a node is not an object, has a type that does not exist, or refers to a definition.
    pub fn parse(source: &Value) -> Result<Schema, SchemaError> {
        Definitions::default().parse(source, "openAPIV3Schema", 0)
    }
}

fn read_type(node: &mut Schema, source: &Map<String, Value>, path: &str) -> Result<(), SchemaError> {
    let names: Vec<&str> = match source.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    for name in names {
        node.kind = Some(match name {
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "null" => {
                node.nullable = true;
                continue;
            }
            other => {
                return Err(SchemaError::UnknownType { path: path.to_owned(), found: other.to_owned() });
            }
        });
    }
    Ok(())
}

fn read_limits(node: &mut Schema, source: &Map<String, Value>) {
    let number = |key: &str| source.get(key).and_then(Value::as_f64);
    let count = |key: &str| source.get(key).and_then(Value::as_u64);
    node.minimum = number("minimum").or(node.minimum);
    node.maximum = number("maximum").or(node.maximum);
    node.exclusive_minimum |= flag(source, "exclusiveMinimum");
    node.exclusive_maximum |= flag(source, "exclusiveMaximum");
    node.multiple_of = number("multipleOf").or(node.multiple_of);
    node.min_length = count("minLength").or(node.min_length);
    node.max_length = count("maxLength").or(node.max_length);
    node.min_items = count("minItems").or(node.min_items);
    node.max_items = count("maxItems").or(node.max_items);
    node.min_properties = count("minProperties").or(node.min_properties);
    node.max_properties = count("maxProperties").or(node.max_properties);
    node.nullable |= flag(source, "nullable");
    if let Some(pattern) = text(source, "pattern").filter(|pattern| !pattern.is_empty()) {
        node.pattern = Some(Arc::new(Pattern::new(pattern)));
    }
    if let Some(format) = text(source, "format") {
        node.format = Some(format.into());
    }
    if let Some(values) = source.get("enum").and_then(Value::as_array) {
        node.enumeration.clone_from(values);
    }
    node.required.extend(texts(source, "required"));
    if let Some(default) = source.get("default") {
        node.default = Some(default.clone());
    }
}

fn read_extensions(node: &mut Schema, source: &Map<String, Value>) {
    node.preserve_unknown |= flag(source, "x-kubernetes-preserve-unknown-fields");
    node.omit_zero |= flag(source, "x-omit-zero");
    node.always_there |= flag(source, "x-always-there");
    if flag(source, "x-null-time") {
        node.nullable = true;
        node.default = Some(Value::Null);
    }
    node.embedded_resource |= flag(source, "x-kubernetes-embedded-resource");
    node.int_or_string |=
        flag(source, "x-kubernetes-int-or-string") || text(source, "format") == Some("int-or-string");
    if let Some(list_type) = text(source, "x-kubernetes-list-type") {
        node.list_type = Some(match list_type {
            "map" => ListType::Map,
            "set" => ListType::Set,
            _ => ListType::Atomic,
        });
    }
    node.list_map_keys.extend(texts(source, "x-kubernetes-list-map-keys"));
    if let Some(map_type) = text(source, "x-kubernetes-map-type") {
        node.map_type = Some(if map_type == "atomic" { MapType::Atomic } else { MapType::Granular });
    }
    if let Some(strategy) = text(source, "x-kubernetes-patch-strategy") {
        node.patch_strategy = PatchStrategy {
            merge: strategy.split(',').any(|part| part == "merge"),
            replace: strategy.split(',').any(|part| part == "replace"),
            retain_keys: strategy.split(',').any(|part| part == "retainKeys"),
        };
    }
    if let Some(key) = text(source, "x-kubernetes-patch-merge-key") {
        node.patch_merge_key = Some(key.to_owned());
    }
    if let Some(rules) = source.get("x-kubernetes-validations") {
        node.rules = Some(Arc::new(Rules::new(rules)));
    }
}

fn text<'a>(source: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    source.get(key).and_then(Value::as_str)
}

fn texts<'a>(source: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = String> + 'a {
    let list = source.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

fn flag(source: &Map<String, Value>, key: &str) -> bool {
    source.get(key).and_then(Value::as_bool).unwrap_or(false)
}

//! Rules in the Common Expression Language (`x-kubernetes-validations`).

use std::sync::OnceLock;

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Map, Value, json};

use super::Schema;
use crate::field_error::{FieldError, FieldErrorKind};

/// What a reader is told where rules could not be asked because the object has other faults.
const NOT_CHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/// The rules of one node, compiled when they are first needed.
#[derive(Debug)]
pub struct Rules {
    source: Value,
    compiled: OnceLock<CompiledSchema>,
}

impl Rules {
    /// Rules as a CustomResourceDefinition lists them.
    #[must_use]
    pub fn new(source: &Value) -> Self {
        Rules { source: source.clone(), compiled: OnceLock::new() }
    }

    /// The rules that cannot be compiled, by their position, with what is wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<(usize, String)> {
        let results = self.compiled().validations.iter().enumerate();
        results.filter_map(|(index, result)| Some((index, result.as_ref().err()?.to_string()))).collect()
    }

    fn compiled(&self) -> &CompiledSchema {
        // Only the rules: values below are looked at as plain JSON, so their schemas are not needed twice.
        self.compiled.get_or_init(|| compile_schema(&json!({"x-kubernetes-validations": self.source})))
    }

    fn check(&self, value: &Value, old: Option<&Value>, path: &str, faults: &mut Vec<FieldError>) {
        let Err(errors) = Validator::new().validate_compiled(self.compiled(), value, old) else { return };
        for error in errors.into_vec() {
            let inner = error.field_path.trim_start_matches('.');
            let path = match (path, inner) {
                (path, "") => path.to_owned(),
                ("", inner) => inner.to_owned(),
                (path, inner) => format!("{path}.{inner}"),
            };
            // Objects and lists are not shown: they would hide what is said about them.
            let shown = Some(value).filter(|value| !value.is_object() && !value.is_array()).cloned();
            let (kind, shown) = match error.reason.as_deref() {
                Some("FieldValueForbidden") => (FieldErrorKind::Forbidden, None),
                Some("FieldValueRequired") => (FieldErrorKind::Required, None),
                Some("FieldValueDuplicate") => (FieldErrorKind::Duplicate, shown),
                _ => (FieldErrorKind::Invalid, shown),
            };
            faults.push(FieldError::new(kind, path, shown, error.message.trim()));
        }
    }
}

/// Asks the rules of a whole tree, unless `faults` already has some that make asking pointless.
pub(super) fn check(schema: &Schema, value: &Value, old: Option<&Value>, faults: &mut Vec<FieldError>) {
    if !has_rules(schema) {
        return;
    }
    let blocking = faults.iter().any(|fault| {
        matches!(
            fault.kind,
            FieldErrorKind::NotSupported
                | FieldErrorKind::Required
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
                | FieldErrorKind::TypeInvalid
        )
    });
    if blocking {
        faults.push(FieldError::invalid("<nil>", Value::Null, NOT_CHECKED));
    } else {
        walk(schema, value, old, "", faults);
    }
}

/// Whether there are rules anywhere; built-in types have none.
fn has_rules(schema: &Schema) -> bool {
    let below = schema.properties.values().chain(&schema.items).chain(&schema.additional_properties);
    schema.definition.is_none() && (schema.rules.is_some() || below.into_iter().any(|child| has_rules(child)))
}

fn walk(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, faults: &mut Vec<FieldError>) {
    if schema.definition.is_some() || value.is_null() || old == Some(value) {
        return;
    }
    if let Some(rules) = &schema.rules {
        rules.check(value, old, path, faults);
    }
    match value {
        Value::Object(fields) => walk_fields(schema, fields, old, path, faults),
        Value::Array(items) => {
            let Some(node) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                let old = old.and_then(|old| super::validate::old_item(schema, item, index, old));
                walk(node, item, old, &format!("{path}[{index}]"), faults);
            }
        }
        _ => {}
    }
}

fn walk_fields(
    schema: &Schema,
    fields: &Map<String, Value>,
    old: Option<&Value>,
    path: &str,
    faults: &mut Vec<FieldError>,
) {
    for (name, child) in fields {
        if let Some(node) = schema.field(name) {
            let path = super::validate::join(path, name);
            walk(node, child, old.and_then(|old| old.get(name)), &path, faults);
        }
    }
}

//! What tolerations of a pod must be like.

use serde_json::Value;

use super::rules::{items, one_of, text};
use crate::field_error::FieldError;
use crate::names;

/// Faults of the tolerations of the spec at `path`.
pub(super) fn faults(spec: &Value, path: &str) -> Vec<FieldError> {
    items(spec, "tolerations", path).flat_map(|(path, toleration)| of_one(toleration, &path)).collect()
}

fn of_one(toleration: &Value, path: &str) -> Vec<FieldError> {
    let (key, operator, value) =
        (text(toleration, "key"), text(toleration, "operator"), text(toleration, "value"));
    let operator_path = format!("{path}.operator");
    let mut faults = Vec::new();
    if !key.is_empty() {
        let key_faults = names::qualified_name_faults(key).into_iter();
        faults.extend(key_faults.map(|fault| FieldError::invalid(format!("{path}.key"), key, fault)));
    } else if operator != "Exists" {
        let detail =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        faults.push(FieldError::invalid(&*operator_path, operator, detail));
    }
    let effect = text(toleration, "effect");
    if !toleration["tolerationSeconds"].is_null() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        faults.push(FieldError::invalid(format!("{path}.effect"), effect, detail));
    }
    match operator {
        "Equal" | "" => {
            let value_faults = names::label_value_faults(value);
            if !value_faults.is_empty() {
                faults.push(FieldError::invalid(operator_path, value, value_faults.join(";")));
            }
        }
        "Exists" if !value.is_empty() => {
            let detail = "value must be empty when `operator` is 'Exists'";
            faults.push(FieldError::invalid(operator_path, value, detail));
        }
        "Exists" => {}
        other => faults.push(FieldError::not_supported(operator_path, other, &["Equal", "Exists"])),
    }
    if !effect.is_empty() {
        faults.extend(one_of(toleration, "effect", path, &["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    }
    faults
}

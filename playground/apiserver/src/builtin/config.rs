//! The rules of ConfigMaps and Secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::rules::{object_at, text};
use crate::field_error::FieldError;
use crate::json_syntax;
use crate::resource::{SelectableField, Strategy};

/// Keys and values together may not be larger than this.
const BYTES_MAX: usize = 1024 * 1024;

pub(super) fn config_map() -> Strategy {
    Strategy {
        validate_create: |map| key_faults(map, &["data", "binaryData"]),
        validate_update: |new, old| {
            let mut faults = immutable_faults(new, old, &["data", "binaryData"]);
            faults.extend(key_faults(new, &["data", "binaryData"]));
            faults
        },
        ..Strategy::default()
    }
}

pub(super) fn secret() -> Strategy {
    const TYPE: [SelectableField; 1] = [SelectableField { label: "type", pointer: "/type", absent: "" }];
    Strategy {
        default: write_texts,
        validate_create: secret_faults,
        validate_update: |new, old| {
            let mut faults = Vec::new();
            if new["type"] != old["type"] {
                faults.push(FieldError::invalid("type", new["type"].clone(), "field is immutable"));
            }
            faults.extend(immutable_faults(new, old, &["data"]));
            faults.extend(secret_faults(new));
            faults
        },
        selectable_fields: &TYPE,
        ..Strategy::default()
    }
}

/// `stringData` is for writing only: it goes into `data`, over what is there.
fn write_texts(secret: &mut Value) {
    let Some(fields) = secret.as_object_mut() else { return };
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let Some(data) = object_at(secret, "data") else { return };
    for (key, text) in texts {
        if let Value::String(text) = text {
            data.insert(key, Value::String(STANDARD.encode(text)));
        }
    }
}

fn secret_faults(secret: &Value) -> Vec<FieldError> {
    let mut faults = key_faults(secret, &["data"]);
    let has = |key: &str| !secret["data"][key].is_null();
    let missing = |key: &&str| FieldError::required(format!("data[{key}]"), "");
    let kind = text(secret, "type");
    match kind {
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            if text(&secret["metadata"]["annotations"], account).is_empty() {
                faults.push(FieldError::required(format!("metadata.annotations[{account}]"), ""));
            }
        }
        "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson" => {
            let key = if kind.ends_with("json") { ".dockerconfigjson" } else { ".dockercfg" };
            match secret["data"][key].as_str() {
                None => faults.push(missing(&key)),
                Some(encoded) => faults.extend(unreadable(encoded).map(|why| {
                    FieldError::invalid(format!("data[{key}]"), "<secret contents redacted>", why)
                })),
            }
        }
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            faults.extend(["username", "password"].iter().map(missing));
        }
        "kubernetes.io/ssh-auth" if text(&secret["data"], "ssh-privatekey").is_empty() => {
            faults.push(missing(&"ssh-privatekey"));
        }
        "kubernetes.io/tls" => {
            faults.extend(["tls.crt", "tls.key"].iter().filter(|key| !has(key)).map(missing));
        }
        _ => {}
    }
    faults
}

/// Why something encoded is no JSON object.
fn unreadable(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded).ok()?;
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Object(_) | Value::Null) => None,
        Ok(other) => {
            let kind = match other {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                _ => "array",
            };
            Some(format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"))
        }
        Err(error) => Some(json_syntax::fault(&bytes).unwrap_or_else(|| error.to_string())),
    }
}

fn key_faults(object: &Value, fields: &[&str]) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut bytes = 0;
    let empty = Map::new();
    for field in fields {
        let entries = object[field].as_object().unwrap_or(&empty);
        for (key, value) in entries {
            let path = format!("{field}[{key}]");
            faults.extend(key_fault(key).map(|fault| FieldError::invalid(&*path, key.as_str(), fault)));
            if *field == "data" && !object["binaryData"][key].is_null() {
                let detail = "duplicate of key present in binaryData";
                faults.push(FieldError::invalid(path, key.as_str(), detail));
            }
            bytes += value.as_str().map_or(0, str::len);
        }
    }
    if bytes > BYTES_MAX {
        faults.push(FieldError::too_long("[]", BYTES_MAX));
    }
    faults
}

/// What is wrong with the key of a ConfigMap or Secret.
pub(super) fn key_faults_of(key: &str) -> Vec<String> {
    key_fault(key).into_iter().collect()
}

fn key_fault(key: &str) -> Option<String> {
    if key.len() > 253 {
        return Some("must be no more than 253 characters".to_owned());
    }
    if key == "." || key == ".." || key.starts_with("..") {
        return Some(match key {
            "." => "must not be '.'".to_owned(),
            ".." => "must not be '..'".to_owned(),
            _ => "must not start with '..'".to_owned(),
        });
    }
    let fits =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (!fits).then(|| {
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')".to_owned()
    })
}

fn immutable_faults(new: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if old["immutable"] != true {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if new["immutable"] != true {
        faults.push(FieldError::forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    for field in fields.iter().filter(|field| new[**field] != old[**field]) {
        faults.push(FieldError::forbidden(*field, "field is immutable when `immutable` is set"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_a_secret_are_stored_encoded() {
        let mut secret = json!({"stringData": {"a": "any carnal pleas", "b": ""}, "data": {"c": "eA=="}});
        write_texts(&mut secret);
        assert_eq!(secret, json!({"data": {"a": "YW55IGNhcm5hbCBwbGVhcw==", "b": "", "c": "eA=="}}));
    }

    #[test]
    fn an_immutable_config_map_stays_as_it_is() {
        let old = json!({"immutable": true, "data": {"a": "1"}});
        let new = json!({"immutable": true, "data": {"a": "2"}});
        let faults = (config_map().validate_update)(&new, &old);
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["data: Forbidden: field is immutable when `immutable` is set"]);
    }
}

//! In what two answers differ, for people.

use serde_json::Value;

use crate::exchange::{Answer, Body};

/// Values longer than this are cut in messages.
const CHARS_MAX: usize = 400;

/// Each way in which `got` is not what was `recorded`; empty if they are equal.
pub fn between(recorded: &Answer, got: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if recorded.status != got.status {
        found.push(format!("status: recorded {}, got {}", recorded.status, got.status));
    }
    if recorded.headers != got.headers {
        let text = |headers: &[(String, String)]| {
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(" | ")
        };
        found.push(format!(
            "headers: recorded {}\n{:9}got      {}",
            text(&recorded.headers),
            "",
            text(&got.headers)
        ));
    }
    match (&recorded.body, &got.body) {
        (Body::Json(recorded), Body::Json(got)) => compare("", recorded, got, &mut found),
        (recorded, got) if recorded == got => {}
        (recorded, got) => found.push(format!(
            "body: recorded {}\n{:6}got      {}",
            cut(&recorded.text()),
            "",
            cut(&got.text())
        )),
    }
    found
}

impl Body {
    fn text(&self) -> String {
        match self {
            Self::Empty => "(nothing)".to_owned(),
            Self::Json(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

fn compare(path: &str, recorded: &Value, got: &Value, found: &mut Vec<String>) {
    match (recorded, got) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => compare(&format!("{path}/{key}"), value, other, found),
                    None => {
                        found.push(format!("{path}/{key}: recorded {}, got nothing", cut(&value.to_string())))
                    }
                }
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                found.push(format!("{path}/{key}: recorded nothing, got {}", cut(&value.to_string())));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (value, other)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{index}"), value, other, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            let indent = path.len() + 2;
            found.push(format!(
                "{path}: recorded {}\n{:indent$}got      {}",
                cut(&a.to_string()),
                "",
                cut(&b.to_string())
            ));
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

//! Writing a file of exchanges.

use std::fmt;

use serde_json::Value;

use super::{Answer, Body, Story};

/// What fits within these columns stands on one line.
const COLUMNS: usize = 118;

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.head.trim_end().to_owned();
        for step in &self.steps {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&step.text);
            if let Some(answer) = &step.answer {
                text.push_str(&format!("\n\n{answer}"));
            }
        }
        writeln!(f, "{}", text.trim_end())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "=> {}", self.status)?;
        for (name, value) in &self.headers {
            write!(f, "\n{name}: {value}")?;
        }
        match &self.body {
            Body::Empty => Ok(()),
            Body::Json(value) => write!(f, "\n\n{}", pretty(value)),
            Body::Text(text) => write!(f, "\n\n{}", text.trim_end()),
        }
    }
}

/// JSON that is broken over lines only where it is too long for one.
pub fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out
}

fn write(value: &Value, indent: usize, before: usize, out: &mut String) {
    let line = on_one_line(value);
    let nested =
        value.as_object().is_some_and(|fields| fields.values().any(|field| field.is_object() && indent == 0));
    let short = indent + before + line.chars().count() <= COLUMNS && !(nested && line.len() > 60);
    match value {
        Value::Object(fields) if !short && !fields.is_empty() => {
            out.push_str("{\n");
            for (index, (key, field)) in fields.iter().enumerate() {
                let comma = if index + 1 < fields.len() { "," } else { "" };
                let key = Value::from(key.as_str()).to_string();
                out.push_str(&format!("{:1$}{key}: ", "", indent + 2));
                write(field, indent + 2, key.chars().count() + 3, out);
                out.push_str(comma);
                out.push('\n');
            }
            out.push_str(&format!("{:1$}}}", "", indent));
        }
        Value::Array(items) if !short && !items.is_empty() => {
            out.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                let comma = if index + 1 < items.len() { "," } else { "" };
                out.push_str(&format!("{:1$}", "", indent + 2));
                write(item, indent + 2, 1, out);
                out.push_str(comma);
                out.push('\n');
            }
            out.push_str(&format!("{:1$}]", "", indent));
        }
        _ => out.push_str(&line),
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, field)| format!("{}: {}", Value::from(key.as_str()), on_one_line(field)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

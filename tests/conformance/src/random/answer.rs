//! An answer, and what of it must be equal on both servers.

use serde_json::{Map, Value, json};

use super::memory::Memory;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The HTTP status code.
    pub code: u16,
    /// The `Warning` headers.
    pub warnings: Vec<String>,
    /// `Retry-After`; empty if there is none.
    pub retry_after: String,
    /// The body; text that is not JSON as a string.
    pub body: Value,
}

/// An answer in which whatever a server makes up is named by when it was seen first.
pub fn comparable(answered: &Answered, memory: &mut Memory) -> Answered {
    let mut body = answered.body.clone();
    if is_list(&body) {
        body["metadata"]["resourceVersion"] = json!("now");
    }
    compare_causes(&mut body);
    sort_listed_faults(&mut body);
    tidy(&mut body, memory);
    // What stood before its uid was seen is named now.
    tidy(&mut body, memory);
    sort_items(&mut body);
    // They come in any order.
    let mut warnings: Vec<String> = answered.warnings.iter().map(|text| memory.told(text)).collect();
    warnings.sort();
    Answered { body, warnings, ..answered.clone() }
}

/// The message of an `Invalid` answer is made of its causes; the real server names some of them twice or three times,
/// depending on how many layers look, and shows a patched object with its fields in the order of its type.
fn compare_causes(body: &mut Value) {
    let Some(Value::Array(causes)) = body.pointer_mut("/details/causes") else { return };
    for cause in causes.iter_mut() {
        if cause["field"] == "patch" {
            cause["message"] = json!("the patched object, and what is wrong with it");
        }
        // Objects and lists in messages are written as the real server has them in memory, and so are differences.
        if let Some(message) = cause["message"].as_str() {
            let first = message.lines().next().unwrap_or_default();
            let shown = ["Invalid value: {", "Invalid value: [", "Unsupported value: {"];
            let shown = shown.iter().any(|start| first.starts_with(start));
            let told = if shown { first.rsplit(['}', ']']).next().unwrap_or(first) } else { first };
            cause["message"] = json!(told);
        }
    }
    let mut seen = Vec::new();
    causes.retain(|cause| {
        let fresh = !seen.contains(cause);
        seen.push(cause.clone());
        fresh
    });
    causes.sort_by_key(ToString::to_string);
    if body["reason"] == "Invalid" || body["reason"] == "Conflict" {
        body["message"] = json!("made of the causes");
    }
}

/// What is wrong with the types of an applied object is told in no order; and where a field is not known, what else is told
/// hangs on which fields the real server happened to look at before.
fn sort_listed_faults(body: &mut Value) {
    const START: &str = ": errors:\n";
    const UNKNOWN: &str = "field not declared in schema";
    let Some(message) = body["message"].as_str() else { return };
    if let Some((start, _)) = message.split_once("): ").filter(|_| message.contains(UNKNOWN)) {
        body["message"] = json!(format!("{start}): {UNKNOWN}"));
        return;
    }
    let Some((start, listed)) = message.split_once(START) else { return };
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    body["message"] = json!(format!("{start}{START}{}", lines.join("\n")));
}

fn is_list(body: &Value) -> bool {
    body["kind"].as_str().is_some_and(|kind| kind.ends_with("List") || kind == "Table")
}

/// Names what is made up in place.
pub fn tidy(value: &mut Value, memory: &mut Memory) {
    match value {
        Value::Object(fields) => tidy_fields(fields, memory),
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, memory)),
        Value::String(text) => *text = tidy_text(text, memory),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn tidy_fields(fields: &mut Map<String, Value>, memory: &mut Memory) {
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), &mut *value) {
            ("resourceVersion", Value::String(text)) if text.parse::<u64>().is_ok() => {
                *value = json!(format!("version-{}", memory.version(text)));
            }
            ("uid", Value::String(text)) if text.len() == 36 => {
                *value = json!(format!("uid-{}", memory.uid(text)));
            }
            ("clusterIP", Value::String(text)) if text.starts_with("10.") => *value = json!("address"),
            ("clusterIPs", Value::Array(addresses)) => {
                let given = |address: &Value| address.as_str().is_some_and(|text| text.starts_with("10."));
                addresses
                    .iter_mut()
                    .filter(|address| given(address))
                    .for_each(|address| *address = json!("address"));
            }
            ("continue", Value::String(text)) if !text.is_empty() => *value = json!("more"),
            ("managedFields", Value::Array(entries)) => {
                entries.iter_mut().for_each(|entry| tidy(entry, memory));
                // Their order depends on the second in which each was written.
                entries.sort_by_key(|entry| {
                    ["manager", "operation", "subresource", "apiVersion"]
                        .map(|field| entry[field].to_string())
                });
            }
            // Descriptions of built-in fields are not the embedded server's to carry.
            ("columnDefinitions", Value::Array(columns)) => {
                columns.iter_mut().filter_map(Value::as_object_mut).for_each(|column| {
                    column.remove("description");
                })
            }
            ("cells", Value::Array(cells)) => cells.iter_mut().for_each(|cell| {
                if cell.as_str().is_some_and(is_age) {
                    *cell = json!("age");
                }
            }),
            _ => tidy(value, memory),
        }
    }
}

fn tidy_text(text: &str, memory: &Memory) -> String {
    let text = replace_times(text);
    let text = memory.told(&text);
    let text = replace_unseen_version(&text);
    let text = replace_address(&text);
    replace_suffixes(&text)
}

/// Which address a Service would have got is the server's choice.
fn replace_address(text: &str) -> String {
    const BEFORE: &str = "IPAddress.networking.k8s.io \"";
    let Some((start, rest)) = text.split_once(BEFORE) else { return text.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{start}{BEFORE}address{rest}")
}

/// A precondition's refusal may tell a version that no answer has shown, as that of a pod that was deleted among others.
fn replace_unseen_version(text: &str) -> String {
    const BEFORE: &str = "does not match the ResourceVersion in record (";
    let Some((start, rest)) = text.split_once(BEFORE) else { return text.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{start}{BEFORE}{}{rest}", if rest.starts_with(')') { "unseen" } else { "" })
}

/// Times of this century's later years are the servers' own; those in requests are older.
fn replace_times(text: &str) -> String {
    const SHAPE: &[u8] = b"20dd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = |at: usize| {
        bytes.get(at..at + SHAPE.len()).is_some_and(|found| {
            let digits = found.iter().zip(SHAPE).all(|(found, wanted)| match wanted {
                b'd' => found.is_ascii_digit(),
                other => found == other,
            });
            digits && found[2..4] >= b"25"[..]
        })
    };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        if text.is_char_boundary(at) && fits(at) {
            out.push_str("time");
            at += SHAPE.len();
            while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
                at += 1;
            }
            continue;
        }
        let next = (at + 1..=bytes.len()).find(|next| text.is_char_boundary(*next)).unwrap_or(bytes.len());
        out.push_str(&text[at..next]);
        at = next;
    }
    out
}

/// Names that a server has made up begin with this.
pub const GENERATED: &str = "made-";

fn replace_suffixes(text: &str) -> String {
    const CHARS: usize = 5;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(GENERATED) {
        let (before, from) = rest.split_at(found + GENERATED.len());
        out.push_str(before);
        let suffix = from.chars().take_while(char::is_ascii_alphanumeric).count();
        if suffix == CHARS {
            out.push_str("up");
            rest = &from[CHARS..];
        } else {
            rest = from;
        }
    }
    out.push_str(rest);
    out
}

/// Items whose names were made up stand in any order.
fn sort_items(body: &mut Value) {
    if let Some(Value::Array(items)) = body.get_mut("items") {
        let made_up = items.iter().filter(|item| item["metadata"]["generateName"] == GENERATED).count();
        if made_up > 1 {
            items.sort_by_key(ToString::to_string);
        }
    }
}

fn is_age(cell: &str) -> bool {
    cell.strip_suffix(['s', 'm', 'h', 'd'])
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        || cell == "<invalid>"
}

/// Where two answers differ, in words; at most `lines_max` of them.
pub fn differences(one: &Answered, other: &Answered, lines_max: usize) -> Vec<String> {
    let mut found = Vec::new();
    for (name, left, right) in [
        ("code", json!(one.code), json!(other.code)),
        ("warnings", json!(one.warnings), json!(other.warnings)),
        ("retry-after", json!(one.retry_after), json!(other.retry_after)),
    ] {
        if left != right {
            found.push(format!("{name}: {left} / {right}"));
        }
    }
    value_differences(&one.body, &other.body, "", &mut found);
    found.truncate(lines_max);
    found
}

/// Where two values differ.
pub fn value_differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let of = |fields: &Map<String, Value>| {
                    fields.get(name).cloned().unwrap_or_else(|| json!("(absent)"))
                };
                value_differences(&of(left), &of(right), &format!("{path}/{name}"), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                value_differences(left, right, &format!("{path}/{index}"), found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{path}: {one} / {other}")),
    }
}

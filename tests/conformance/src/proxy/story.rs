//! From what a client has asked to a story.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use serde_json::Value;
use verdigris_playground_apiserver::protobuf;

use super::Noted;

/// Letters of an encoded body on one line.
const COLUMNS: usize = 100;

/// The namespace that clients work in while they are recorded.
pub const NAMESPACE: &str = "recorded";

/// Documents of many thousand lines, of which stories of their own compare the parts that matter.
const LARGE: [&str; 3] = ["/openapi/", "/apis?", "/api?"];

/// A story of what was noted: each shape of request once, in the order of their first appearance.
pub fn written(about: &str, noted: &[Noted]) -> String {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<&Noted> = Vec::new();
    for one in noted {
        let large =
            LARGE.iter().any(|part| one.path.starts_with(part)) || one.path == "/api" || one.path == "/apis";
        if !large && !of_everybody(one) && !one.path.contains("follow=") && seen.insert(shape(one)) {
            kept.push(one);
        }
    }
    let mut told: Vec<(&Noted, String)> = Vec::new();
    for one in kept {
        let before: Vec<&Noted> = told.iter().map(|(earlier, _)| *earlier).collect();
        told.extend(request(one, &before, before.len()).map(|request| (one, request)));
    }
    let mut out = format!("# {about}\n");
    for (index, (one, request)) in told.iter().enumerate() {
        let after: Vec<&Noted> = told.iter().skip(index + 1).map(|(later, _)| *later).collect();
        let only = if one.path.starts_with("/version") { "@only /major /minor /gitVersion\n" } else { "" };
        let read =
            protobuf::decode(&one.body).map(|body| format!("# The body, read: {body}\n")).unwrap_or_default();
        let keeps = keeps(one, &after, index);
        out.push_str(&format!("\n### {}\n{read}{only}{keeps}{request}", title(one, index)));
    }
    out
}

/// What all namespaces hold, or a document about the server: others than the client change it.
fn of_everybody(one: &Noted) -> bool {
    let path = one.path.split('?').next().unwrap_or_default();
    let place: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let collection = match place.first() {
        Some(&"api") => place.len() <= 3,
        Some(&"apis") => place.len() <= 4,
        _ => false,
    };
    (collection && one.method == "GET") || path.contains("/selfsubject")
}

fn title(one: &Noted, index: usize) -> String {
    let path = one.path.split('?').next().unwrap_or_default();
    let place: Vec<&str> = path.rsplit('/').take(2).collect();
    let verb = if one.path.contains("watch=") { "watch" } else { one.method.as_str() };
    format!("{} {} {}", index + 1, verb.to_lowercase(), place.into_iter().rev().collect::<Vec<_>>().join("/"))
}

/// Values of the answer that later requests send back.
fn keeps(one: &Noted, after: &[&Noted], index: usize) -> String {
    let mut out = String::new();
    for field in ["resourceVersion", "uid"] {
        let value = one.answer["metadata"][field].as_str().unwrap_or_default();
        let used = |later: &&Noted| {
            let body = String::from_utf8_lossy(&later.body);
            later.path.contains(&format!("={value}")) || body.contains(&format!("\"{value}\""))
        };
        if !value.is_empty() && value != "0" && after.iter().any(used) {
            out.push_str(&format!("@keep {field}{index} /metadata/{field}\n"));
        }
    }
    out
}

/// A request with variables for what was answered before; none if it sends back what nobody has answered in this story.
fn request(one: &Noted, before: &[&Noted], index: usize) -> Option<String> {
    let mut path = one.path.clone();
    let mut body = String::from_utf8_lossy(&one.body).trim_end().to_owned();
    for (at, earlier) in before.iter().enumerate().rev() {
        for field in ["resourceVersion", "uid"] {
            let value = earlier.answer["metadata"][field].as_str().unwrap_or_default();
            if !value.is_empty() && value != "0" {
                let named = format!("${{{field}{at}}}");
                body = body.replace(&format!("\"{value}\""), &format!("\"{named}\""));
                path = path.replace(&format!("resourceVersion={value}"), &format!("resourceVersion={named}"));
            }
        }
    }
    let told =
        |text: &str| text.contains("\"resourceVersion\":\"") && !text.contains("\"resourceVersion\":\"${");
    if told(&body) || body.contains("\n\n") || path.contains("continue=") {
        return None;
    }
    let rename = |text: &str| {
        let text = text.replace(&format!("namespaces/{NAMESPACE}"), "namespaces/${ns}");
        text.replace(&format!("\"namespace\":\"{NAMESPACE}\""), "\"namespace\":\"${ns}\"")
    };
    let mut headers = String::new();
    for (name, value) in one.headers.iter().filter(|(_, value)| value != "*/*") {
        headers.push_str(&format!("{name}: {value}\n"));
    }
    let watch = path.contains("watch=");
    if watch {
        path = short_watch(&path);
    }
    let verb = if watch { format!("WATCH watch{index}") } else { one.method.clone() };
    let binary = std::str::from_utf8(&one.body).is_err() || one.body.contains(&0);
    let body = match body.is_empty() {
        true => body,
        false if binary => format!("\n{}\n", encoded(&one.body)),
        false => format!("\n{}\n", rename(&body)),
    };
    Some(format!("{verb} {}\n{headers}{body}", rename(&path)))
}

/// A body that is no text, in lines that a person can pass over.
fn encoded(body: &[u8]) -> String {
    let letters = STANDARD.encode(body);
    let lines: Vec<&str> = (0..letters.len())
        .step_by(COLUMNS)
        .filter_map(|start| letters.get(start..letters.len().min(start + COLUMNS)))
        .collect();
    format!("${{base64 {}}}", lines.join("\n"))
}

/// A watch that ends soon, from a version that both servers know.
fn short_watch(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parameters: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some(("timeoutSeconds", _)) => "timeoutSeconds=1".to_owned(),
            Some(("resourceVersion", version)) if !version.starts_with("${") => {
                "resourceVersion=0".to_owned()
            }
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{path}?{}", parameters.join("&"))
}

/// What requests have in common that differ in values only.
fn shape(one: &Noted) -> String {
    let (path, query) = one.path.split_once('?').unwrap_or((&one.path, ""));
    // Names differ from object to object; what kind of place it is does not.
    let place: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let names = place.iter().position(|part| *part == "namespaces").map_or(place.len(), |at| at + 2);
    let place: Vec<&str> =
        place.iter().enumerate().map(|(at, part)| if at == names + 1 { "NAME" } else { part }).collect();
    let keys: BTreeSet<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    let mut fields = BTreeSet::new();
    paths(&serde_json::from_slice(&one.body).unwrap_or_default(), String::new(), &mut fields);
    let outcome = one.answer["code"].as_u64();
    format!("{} {} {keys:?} {:?} {fields:?} {outcome:?}", one.method, place.join("/"), one.headers)
}

fn paths(value: &Value, path: String, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            // Labels, annotations and data are maps: which keys they have says nothing of the shape.
            let named =
                !["labels", "annotations", "data", "matchLabels"].iter().any(|map| path.ends_with(map));
            for (key, field) in fields {
                let step = if named { key.as_str() } else { "*" };
                paths(field, format!("{path}.{step}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, format!("{path}[]"), found)),
        _ => drop(found.insert(path)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_shape_stands_once_and_what_was_answered_becomes_a_variable() {
        let noted = |method: &str, path: &str, body: &str, answer: Value| Noted {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            answer,
        };
        let maps = "/api/v1/namespaces/recorded/configmaps";
        let made = json!({"metadata": {"resourceVersion": "17", "uid": "u"}});
        let story = written(
            "Test.",
            &[
                noted("POST", maps, r#"{"metadata":{"name":"a"}}"#, made.clone()),
                noted("POST", maps, r#"{"metadata":{"name":"b"}}"#, made),
                noted(
                    "PUT",
                    &format!("{maps}/a"),
                    r#"{"metadata":{"name":"a","resourceVersion":"17"}}"#,
                    Value::Null,
                ),
            ],
        );
        assert_eq!(
            story,
            "# Test.\n\n### 1 post recorded/configmaps\n@keep resourceVersion0 /metadata/resourceVersion\n\
             POST /api/v1/namespaces/${ns}/configmaps\n\n{\"metadata\":{\"name\":\"a\"}}\n\n\
             ### 2 put configmaps/a\nPUT /api/v1/namespaces/${ns}/configmaps/a\n\n\
             {\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"${resourceVersion0}\"}}\n"
        );
        assert!(crate::exchange::Story::parse(&story).is_ok());
    }
}

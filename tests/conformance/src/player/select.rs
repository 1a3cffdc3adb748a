//! Parts of a JSON document.

use serde_json::{Map, Value};

/// The value at a pointer. Unlike in a JSON pointer, a segment `[key=value]` picks the first item of a list that has it, where
/// the key may be a path with dots.
pub fn select<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    segments(pointer).into_iter().try_fold(value, |at, segment| {
        let condition = segment.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match condition.and_then(|condition| condition.split_once('=')) {
            None => at.pointer(&format!("/{segment}")),
            Some((key, wanted)) => at.as_array()?.iter().find(|item| {
                let found = item.pointer(&format!("/{}", key.replace('.', "/")));
                let text = |found: &Value| found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                found.is_some_and(|found| text(found) == wanted)
            }),
        }
    })
}

/// These parts of a value, each under its pointer; `null` for those that are not there.
pub fn only(value: &Value, pointers: &[String]) -> Value {
    let part = |pointer: &String| (pointer.clone(), select(value, pointer).cloned().unwrap_or_default());
    Value::Object(pointers.iter().map(part).collect::<Map<_, _>>())
}

/// The segments of a pointer; slashes within brackets do not separate.
fn segments(pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for c in pointer.chars() {
        match c {
            '/' if !inside => found.push(String::new()),
            _ => {
                inside = (inside || c == '[') && c != ']';
                if let Some(segment) = found.last_mut() {
                    segment.push(c);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_segment_may_pick_an_item() {
        let value = json!({"items": [{"a": {"n": "x"}}, {"a": {"n": "y/z"}, "b": 2}], "a/b": 3});
        assert_eq!(select(&value, "/items/[a.n=y/z]/b"), Some(&json!(2)));
        assert_eq!(select(&value, "/items/0/a/n"), Some(&json!("x")));
        assert_eq!(select(&value, "/a~1b"), Some(&json!(3)));
        assert_eq!(only(&value, &["/items/9".to_owned()]), json!({"/items/9": null}));
    }
}

//! The simple JSONPath of printer columns: `.spec.a`, `.items[0]`, `['a.b']`, `[*]`, `[?(@.type=="Ready")]`.

use serde_json::Value;

/// A path that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Where { path: JsonPath, equal: bool, value: Value },
}

impl JsonPath {
    /// Reads a path, with or without `{}` and `$` around it; none if it is of another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(bracket) = rest.strip_prefix('[') {
                let end = closing_bracket(bracket)?;
                steps.push(read_bracket(bracket[..end].trim())?);
                rest = &bracket[end + 1..];
                continue;
            }
            let (name, tail) = read_name(rest.strip_prefix('.')?);
            if !name.is_empty() {
                steps.push(if name == "*" { Step::All } else { Step::Field(name) });
            }
            rest = tail;
        }
        Some(JsonPath(steps))
    }

    /// Everything that the path leads to.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Index(index) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let length = i64::try_from(items.len()).unwrap_or(0);
                let index = if *index < 0 { length + index } else { *index };
                usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
            }
            Step::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Step::Where { path, equal, value: wanted } => {
                let items = value.as_array().into_iter().flatten();
                items.filter(|item| path.find(item).contains(&wanted) == *equal).collect()
            }
        }
    }
}

/// A name up to the next dot or bracket; a backslash makes the next character part of it.
fn read_name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            other => name.push(other),
        }
    }
    (name, "")
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn read_bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquoted(text) {
        return Some(Step::Field(name));
    }
    if let Some(condition) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let (equal, (path, value)) = match condition.split_once("==") {
            Some(parts) => (true, parts),
            None => (false, condition.split_once("!=")?),
        };
        let value = value.trim();
        let value = match unquoted(value) {
            Some(text) => Value::String(text),
            None => serde_json::from_str(value).ok()?,
        };
        let path = JsonPath::parse(path.trim().strip_prefix('@')?)?;
        return Some(Step::Where { path, equal, value });
    }
    text.parse().ok().map(Step::Index)
}

fn unquoted(text: &str) -> Option<String> {
    let inner = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))?;
    Some(inner.replace('\\', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::JsonPath;

    #[test]
    fn paths_of_printer_columns_lead_to_their_values() {
        let object = json!({
            "spec": {"replicas": 3, "list": ["a", "b"]},
            "metadata": {"annotations": {"example.com/colour": "red"}},
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]}
        });
        for (path, expected) in [
            (".spec.replicas", vec![json!(3)]),
            ("{.spec.replicas}", vec![json!(3)]),
            ("$.spec.list[1]", vec![json!("b")]),
            (".spec.list[-1]", vec![json!("b")]),
            (".spec.list[*]", vec![json!("a"), json!("b")]),
            (r".metadata.annotations.example\.com/colour", vec![json!("red")]),
            (r".metadata.annotations['example\.com/colour']", vec![json!("red")]),
            (r#".status.conditions[?(@.type=="Ready")].status"#, vec![json!("True")]),
            (r".status.conditions[?(@.type=='Ready')].status", vec![json!("True")]),
            (".spec.none.of.this", vec![]),
        ] {
            let found: Vec<Value> =
                JsonPath::parse(path).unwrap().find(&object).into_iter().cloned().collect();
            assert_eq!(found, expected, "{path}");
        }
        assert_eq!(JsonPath::parse("spec"), None);
        assert_eq!(JsonPath::parse(".spec[?(x)]"), None);
    }
}

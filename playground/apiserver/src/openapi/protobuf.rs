//! The OpenAPI v2 document as a protocol buffer, the only form in which kubectl reads it: the definitions with what clients
//! look at (types, references, required fields, extensions), without paths.

use serde_json::{Map, Value};

/// What the document is called when it is asked for, and when it is sent.
pub(crate) const ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
pub(crate) const SENT: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Writes the document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut definitions = Message::default();
    each(&document["definitions"], |name, schema| {
        definitions.message(1, Message::default().text(1, name).message(2, &mut encode_schema(schema)));
    });
    let info = &document["info"];
    let mut info = std::mem::take(Message::default().text_of(1, &info["title"]).text_of(2, &info["version"]));
    let mut message = Message::default();
    message.text_of(1, &document["swagger"]).message(2, &mut info);
    message.message(8, &mut Message::default()).message(9, &mut definitions);
    message.0
}

fn encode_schema(schema: &Value) -> Message {
    let mut message = Message::default();
    let texts = [(1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern")];
    for (number, field) in texts {
        message.text_of(number, &schema[field]);
    }
    if !schema["default"].is_null() {
        message.message(5, &mut any(&schema["default"]));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        message.text_of(19, required);
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        message.message(20, &mut any(value));
    }
    match &schema["additionalProperties"] {
        Value::Bool(allowed) => {
            message.message(21, Message::default().number(2, u64::from(*allowed)));
        }
        Value::Object(_) => {
            let mut values = encode_schema(&schema["additionalProperties"]);
            message.message(21, Message::default().message(1, &mut values));
        }
        _ => {}
    }
    if schema["type"].is_string() {
        message.message(22, Message::default().text_of(1, &schema["type"]));
    }
    if schema["items"].is_object() {
        message.message(23, Message::default().message(1, &mut encode_schema(&schema["items"])));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        message.message(24, &mut encode_schema(part));
    }
    let mut properties = Message::default();
    each(&schema["properties"], |name, property| {
        properties.message(1, Message::default().text(1, name).message(2, &mut encode_schema(property)));
    });
    if !properties.0.is_empty() {
        message.message(25, &mut properties);
    }
    each(schema, |name, value| {
        if name.starts_with("x-") {
            message.message(31, Message::default().text(1, name).message(2, &mut any(value)));
        }
    });
    message
}

/// Any value, as the YAML text that clients parse; JSON is YAML.
fn any(value: &Value) -> Message {
    std::mem::take(Message::default().text(2, &value.to_string()))
}

fn each(object: &Value, visit: impl FnMut(&str, &Value)) {
    let mut visit = visit;
    object.as_object().unwrap_or(&Map::new()).iter().for_each(|(name, value)| visit(name, value));
}

/// A message as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn text(&mut self, number: u64, text: &str) -> &mut Self {
        self.bytes(number, text.as_bytes())
    }

    /// Nothing, if the value is no text.
    fn text_of(&mut self, number: u64, value: &Value) -> &mut Self {
        match value.as_str() {
            Some(text) => self.text(number, text),
            None => self,
        }
    }

    fn message(&mut self, number: u64, inner: &mut Message) -> &mut Self {
        self.bytes(number, &inner.0)
    }

    fn number(&mut self, number: u64, value: u64) -> &mut Self {
        self.varint(number << 3);
        self.varint(value);
        self
    }

    fn bytes(&mut self, number: u64, bytes: &[u8]) -> &mut Self {
        self.varint(number << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_numbered_as_the_format_says() {
        let mut schema = encode_schema(&json!({"type": "string", "x-a": 1}));
        let mut expected = Message::default();
        expected.message(22, Message::default().text(1, "string"));
        expected.message(31, Message::default().text(1, "x-a").message(2, Message::default().text(2, "1")));
        assert_eq!(schema.0, expected.0);
        schema.number(1, 300);
        assert_eq!(schema.0[schema.0.len() - 3..], [0x08, 0xac, 0x02]);
    }
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MAGIC, MESSAGES, ProtobufError, decode};

/// Appends field `number` with these bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    out.extend_from_slice(bytes);
    out
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &type_meta), field(2, raw)].concat()
}

#[test]
fn a_config_map_reads_as_the_same_json() {
    let metadata =
        [field(1, b"a"), field(8, b""), field(11, &[field(1, b"k"), field(2, b"v")].concat())].concat();
    let entry = [field(1, b"key"), field(2, b"value")].concat();
    let raw =
        [field(1, &metadata), field(2, &entry), field(3, &[field(1, b"b"), field(2, b"\x01\x02")].concat())];
    assert_eq!(
        decode(&body("v1", "ConfigMap", &raw.concat())),
        Ok(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "labels": {"k": "v"}},
            "data": {"key": "value"}, "binaryData": {"b": "AQI="}
        }))
    );
}

#[test]
fn types_of_their_own_read_as_their_json() {
    let text_port = [number(1, 1), field(3, b"http")].concat();
    let number_port = [number(1, 0), number(2, 80)].concat();
    let port = |target: &[u8]| [field(2, b"TCP"), number(3, 80), field(4, target)].concat();
    let spec = [field(1, &port(&text_port)), field(1, &port(&number_port))].concat();
    let object = decode(&body("v1", "Service", &field(2, &spec))).unwrap();
    assert_eq!(
        object["spec"]["ports"],
        json!([{"protocol": "TCP", "port": 80, "targetPort": "http"}, {"protocol": "TCP", "port": 80, "targetPort": 80}])
    );
}

#[test]
fn inlined_messages_give_their_fields_to_the_one_around_them() {
    let volume = [field(1, b"v"), field(2, &field(2, b""))].concat();
    let object = decode(&body("v1", "Pod", &field(2, &field(1, &volume)))).unwrap();
    assert_eq!(object["spec"]["volumes"], json!([{"name": "v", "emptyDir": {}}]));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::NoMagic));
    let unknown = decode(&body("example.com/v1", "Widget", &[]));
    assert!(matches!(unknown, Err(ProtobufError::UnknownKind { .. })));
    assert_eq!(decode(&[MAGIC, &[0x0a, 9]].concat()), Err(ProtobufError::Short));
}

#[test]
fn every_message_that_is_spoken_of_is_in_the_table() {
    for (name, fields) in MESSAGES.iter() {
        for field in fields {
            let known = matches!(field.kind, "s" | "i" | "b" | "y" | "&s") || field.kind.starts_with('!');
            assert!(known || MESSAGES.contains_key(field.kind), "{name}.{}: {}", field.name, field.kind);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _: Result<Value, _> = decode(&body("v1", "Pod", &bytes));
    }
}

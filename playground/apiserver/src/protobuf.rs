//! Bodies that clients send as protocol buffers: kubectl's `create` commands do, whatever we say we take.
//!
//! Only reading: answers are JSON, which every client takes too. The table of messages has the kinds that clients
//! write; custom resources have no protocol buffers at all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use serde_json::{Map, Value};

use crate::request::Request;

mod special;
mod wire;

#[cfg(test)]
mod tests;

use wire::{Part, Reader};

/// What such a body starts with.
const MAGIC: &[u8] = b"k8s\0";

/// The media type of such a body.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// The deepest nesting that is read.
const DEPTH_MAX: u32 = 64;

static MESSAGES: LazyLock<BTreeMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    include_str!("protobuf/messages.txt").lines().filter(|line| !line.starts_with('#')).map(message).collect()
});

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// The envelope is missing.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoMagic,
    /// It ends in the middle of something.
    #[error("unexpected EOF")]
    Short,
    /// It contains what protocol buffers do not have.
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    /// Text that is no UTF-8, or nesting without end.
    #[error("proto: {0}")]
    Malformed(&'static str),
    /// A kind that is not in the table.
    #[error("no kind {kind:?} is registered for version {api_version:?} in protocol buffers")]
    UnknownKind {
        /// The version that the body names.
        api_version: String,
        /// The kind that it names.
        kind: String,
    },
}

/// One field of a message.
struct Field {
    name: &'static str,
    number: u64,
    mark: Mark,
    kind: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Single,
    Repeated,
    Map,
    Inline,
}

/// Turns the body of a request into JSON, if it is a protocol buffer that can be read. (What cannot is refused by those who know
/// what it should have been.)
pub(crate) fn to_json(request: &mut Request) {
    let media = request.header("content-type").split(';').next().unwrap_or_default().trim();
    if media != MEDIA_TYPE {
        return;
    }
    if !request.body.is_empty() {
        let Ok(object) = decode(&request.body) else { return };
        request.body = object.to_string().into();
    }
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// Reads a body as the JSON that the same client would have sent.
///
/// # Errors
/// If the bytes are no such body, or of a kind that has none.
pub fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = body.strip_prefix(MAGIC).ok_or(ProtobufError::NoMagic)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for part in Reader::new(envelope) {
        match part? {
            (1, Part::Bytes(type_meta)) => {
                for part in Reader::new(type_meta) {
                    match part? {
                        (1, Part::Bytes(bytes)) => api_version = wire::text(bytes)?,
                        (2, Part::Bytes(bytes)) => kind = wire::text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Part::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let fields = MESSAGES
        .get(message_name(&api_version, &kind).as_str())
        .ok_or_else(|| ProtobufError::UnknownKind { api_version: api_version.clone(), kind: kind.clone() })?;
    let mut object = Map::new();
    read_message(fields, raw, 0, &mut object)?;
    object.insert("apiVersion".to_owned(), Value::String(api_version));
    object.insert("kind".to_owned(), Value::String(kind));
    Ok(Value::Object(object))
}

/// `apps.v1.Deployment` for a Deployment in `apps/v1`. Options of a deletion come in any group.
fn message_name(api_version: &str, kind: &str) -> String {
    if kind == "DeleteOptions" {
        return "meta.v1.DeleteOptions".to_owned();
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let family = group.split('.').next().unwrap_or(group);
    format!("{family}.{version}.{kind}")
}

fn read_message(
    fields: &[Field],
    bytes: &[u8],
    depth: u32,
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    if depth > DEPTH_MAX {
        return Err(ProtobufError::Malformed("nested too deep"));
    }
    for part in Reader::new(bytes) {
        let (number, part) = part?;
        // Fields that are newer than the table are dropped, as the API drops fields that it does not know.
        let Some(field) = fields.iter().find(|field| field.number == number) else { continue };
        match (field.mark, part) {
            (Mark::Inline, Part::Bytes(inner)) => {
                if let Some(fields) = MESSAGES.get(field.kind) {
                    read_message(fields, inner, depth + 1, object)?;
                }
            }
            (Mark::Map, Part::Bytes(entry)) => {
                let (key, value) = read_entry(field, entry, depth)?;
                let map = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(map) = map {
                    map.insert(key, value);
                }
            }
            (Mark::Repeated, part) => {
                let value = read_value(field.kind, &part, depth)?;
                let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value);
                }
            }
            (Mark::Single, part) => {
                let value = read_value(field.kind, &part, depth)?;
                // A time that was never set is sent as an empty message: it is absent.
                if !value.is_null() {
                    object.insert(field.name.to_owned(), value);
                }
            }
            (Mark::Inline | Mark::Map, Part::Number(_)) => {
                return Err(ProtobufError::Malformed("a number where a message should be"));
            }
        }
    }
    Ok(())
}

fn read_entry(field: &Field, entry: &[u8], depth: u32) -> Result<(String, Value), ProtobufError> {
    let mut key = String::new();
    let mut value = read_value(field.kind, &Part::Bytes(&[]), depth)?;
    for part in Reader::new(entry) {
        match part? {
            (1, Part::Bytes(bytes)) => key = wire::text(bytes)?,
            (2, part) => value = read_value(field.kind, &part, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn read_value(kind: &str, part: &Part<'_>, depth: u32) -> Result<Value, ProtobufError> {
    match (kind, part) {
        ("i", Part::Number(number)) => Ok(Value::from(number.cast_signed())),
        ("b", Part::Number(number)) => Ok(Value::Bool(*number != 0)),
        ("s", Part::Bytes(bytes)) => Ok(Value::String(wire::text(bytes)?)),
        ("y", Part::Bytes(bytes)) => Ok(Value::String(STANDARD.encode(bytes))),
        ("&s", Part::Bytes(bytes)) => special::texts(bytes),
        (kind, Part::Bytes(bytes)) => {
            if let Some(special) = kind.strip_prefix('!') {
                return special::read(special, bytes);
            }
            let mut object = Map::new();
            if let Some(fields) = MESSAGES.get(kind) {
                read_message(fields, bytes, depth + 1, &mut object)?;
            }
            Ok(Value::Object(object))
        }
        (_, Part::Number(_)) => Err(ProtobufError::Malformed("a number where a message should be")),
    }
}

/// Reads one line of the table. A line that is not as it should be is an empty message; a test reads them all.
fn message(line: &'static str) -> (&'static str, Vec<Field>) {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let fields = words.filter_map(|word| {
        let (name, rest) = word.split_once('=')?;
        let (number, kind) = rest.split_once(':')?;
        let mark = match number.chars().last()? {
            '*' => Mark::Repeated,
            '%' => Mark::Map,
            '~' => Mark::Inline,
            _ => Mark::Single,
        };
        let number = number.trim_end_matches(['*', '%', '~']).parse().ok()?;
        Some(Field { name, number, mark, kind })
    });
    (name, fields.collect())
}

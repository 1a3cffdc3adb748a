//! One version of one object as it is kept.
//!
//! Objects are kept as the bytes that are sent: a list is their concatenation, a watch event costs no
//! serialisation, and a small object takes a third of the memory that a tree of values would. What
//! selectors look at stands beside the bytes.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::resource::Resource;

/// One version of one object. Never changed: a write makes a new one.
#[derive(Debug)]
pub struct Stored {
    /// The object's JSON without `apiVersion` and `kind`, which depend on the version it is read in.
    json: Bytes,
    /// The namespace; empty for cluster-wide objects.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
    /// `metadata.resourceVersion`.
    pub version: u64,
    labels: Box<[(Box<str>, Box<str>)]>,
    fields: Box<[Box<str>]>,
}

impl Stored {
    /// Keeps `object`, whose `metadata.resourceVersion` must already say `version`.
    pub fn new(resource: &Resource, object: &Value, version: u64) -> Self {
        let mut object = Cow::Borrowed(object);
        if let Some(view) = &resource.view {
            view.to_kept(object.to_mut());
        }
        let object = &*object;
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        let fields = resource.kept_fields().iter().map(|field| {
            let found = object.pointer(field.pointer).map(plain_text).unwrap_or_default();
            if found.is_empty() { field.absent.into() } else { found.into_boxed_str() }
        });
        Self {
            json: bytes_of(object),
            namespace: text("/metadata/namespace").into(),
            name: text("/metadata/name").into(),
            version,
            labels: labels
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or_default().into()))
                .collect(),
            fields: fields.collect(),
        }
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(found, _)| (**found).cmp(key)).ok()?;
        self.labels.get(at).map(|(_, value)| &**value)
    }

    /// The values of the resource's selectable fields, in their order.
    pub fn fields(&self) -> &[Box<str>] {
        &self.fields
    }

    /// How many bytes its JSON has, for bounds.
    pub fn size_bytes(&self) -> usize {
        self.json.len()
    }

    /// Appends the object's JSON as `resource` (one of its versions) shows it.
    pub fn write_to(&self, resource: &Resource, out: &mut Vec<u8>) {
        if resource.view.is_some() {
            // Writing a value to memory cannot fail: its keys are strings and its numbers finite.
            let _ = serde_json::to_writer(out, &self.value(resource));
            return;
        }
        out.extend_from_slice(b"{\"kind\":\"");
        out.extend_from_slice(resource.kind.as_bytes());
        out.extend_from_slice(b"\",\"apiVersion\":\"");
        if !resource.group.is_empty() {
            out.extend_from_slice(resource.group.as_bytes());
            out.push(b'/');
        }
        out.extend_from_slice(resource.version.as_bytes());
        out.push(b'"');
        // The object's own JSON is never empty: it has metadata.
        out.push(b',');
        out.extend_from_slice(&self.json[1..]);
    }

    /// Appends the object's JSON without `apiVersion` and `kind`, as lists of built-in kinds show it.
    pub fn write_bare_to(&self, resource: &Resource, out: &mut Vec<u8>) {
        if resource.view.is_some() {
            out.extend_from_slice(&bytes_of(&self.value(resource)));
        } else {
            out.extend_from_slice(&self.json);
        }
    }

    /// The object as a value, as `resource` (one of its versions) shows it.
    pub fn value(&self, resource: &Resource) -> Value {
        let mut object: Value = serde_json::from_slice(&self.json).unwrap_or_default();
        if let Some(view) = &resource.view {
            view.to_shown(&mut object);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), resource.api_version().into());
            fields.insert("kind".to_owned(), resource.kind.as_str().into());
        }
        object
    }
}

fn bytes_of(object: &Value) -> Bytes {
    let mut out = Vec::new();
    // Written field by field so that the object need not be cloned to leave two fields out.
    out.push(b'{');
    for (key, value) in object.as_object().into_iter().flatten() {
        if key == "apiVersion" || key == "kind" {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        // Writing a value to memory cannot fail: its keys are strings and its numbers finite.
        let _ = serde_json::to_writer(&mut out, key);
        out.push(b':');
        let _ = serde_json::to_writer(&mut out, value);
    }
    out.push(b'}');
    out.shrink_to_fit();
    Bytes::from(out)
}

/// A scalar as selectors write it.
fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

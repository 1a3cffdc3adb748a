//! What is wrong with one field of an object, worded as a Kubernetes API server words it.

use std::fmt;

use serde_json::{Value, json};

/// One fault of one field. A list of them makes a `422 Invalid` answer, where each is a cause.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Path of the field, such as `spec.template.spec.containers[0].name`.
    pub path: String,
    /// What sort of fault it is.
    pub kind: FieldErrorKind,
    /// The value that was found, shown in the message for the kinds that show one.
    pub found: Option<Value>,
    /// What is wrong, or what to write instead; may be empty.
    pub detail: String,
}

/// The sorts of faults that the API knows, with the names it uses for causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// A value that must be there is not.
    Required,
    /// The value is malformed or out of bounds.
    Invalid,
    /// The value has another type than the schema says.
    TypeInvalid,
    /// The value is none of the values of an enumeration.
    NotSupported,
    /// The value may not be set (or changed) here.
    Forbidden,
    /// The value occurs twice where it must be unique.
    Duplicate,
    /// The value refers to something that does not exist.
    NotFound,
    /// The string or object is too long.
    TooLong,
    /// The list has too many items.
    TooMany,
    /// The list has too few items.
    TooFew,
    /// The string is too short.
    TooShort,
    /// The server failed while it looked at the field.
    Internal,
}

impl FieldErrorKind {
    /// The cause type that clients read, such as `FieldValueRequired`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::TooShort => "FieldValueTooShort",
            Self::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::TooShort => "Too short",
            Self::Internal => "Internal error",
        }
    }

    fn shows_value(self) -> bool {
        matches!(
            self,
            Self::Invalid
                | Self::TypeInvalid
                | Self::NotSupported
                | Self::NotFound
                | Self::Duplicate
                | Self::TooMany
                | Self::TooFew
        )
    }
}

impl FieldError {
    /// A fault of any kind; the other constructors are for the common ones.
    pub fn new(
        kind: FieldErrorKind,
        path: impl Into<String>,
        found: Option<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), kind, found, detail: detail.into() }
    }

    /// A value that must be there is not. `detail` may be empty.
    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Required, path, None, detail)
    }

    /// The value is malformed or out of bounds.
    pub fn invalid(path: impl Into<String>, found: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Invalid, path, Some(found.into()), detail)
    }

    /// The value has another type than the schema says.
    pub fn type_invalid(path: impl Into<String>, found: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::TypeInvalid, path, Some(found.into()), detail)
    }

    /// The value is none of `supported`, which the message lists in the order given.
    pub fn not_supported(path: impl Into<String>, found: impl Into<Value>, supported: &[&str]) -> Self {
        let listed: Vec<String> = supported.iter().map(|value| quoted(value)).collect();
        let detail = if listed.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", listed.join(", "))
        };
        Self::new(FieldErrorKind::NotSupported, path, Some(found.into()), detail)
    }

    /// The value may not be set, or changed, here.
    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Forbidden, path, None, detail)
    }

    /// The value occurs twice where it must be unique.
    pub fn duplicate(path: impl Into<String>, found: impl Into<Value>) -> Self {
        Self::new(FieldErrorKind::Duplicate, path, Some(found.into()), "")
    }

    /// The string (or annotations as a whole) is longer than `bytes_max`.
    pub fn too_long(path: impl Into<String>, bytes_max: usize) -> Self {
        let plural = if bytes_max == 1 { "" } else { "s" };
        Self::new(
            FieldErrorKind::TooLong,
            path,
            None,
            format!("may not be more than {bytes_max} byte{plural}"),
        )
    }

    /// The list has `found` items, more than `items_max`.
    pub fn too_many(path: impl Into<String>, found: usize, items_max: usize) -> Self {
        let plural = if items_max == 1 { "" } else { "s" };
        Self::new(
            FieldErrorKind::TooMany,
            path,
            Some(json!(found)),
            format!("must have at most {items_max} item{plural}"),
        )
    }

    /// The message without the field's path, as it stands in a cause.
    pub fn body(&self) -> String {
        let mut text = self.kind.words().to_owned();
        if self.kind.shows_value() {
            match &self.found {
                Some(Value::String(found)) => text += &format!(": {}", quoted(found)),
                Some(found) => text += &format!(": {found}"),
                None => {}
            }
        }
        if !self.detail.is_empty() {
            text += &format!(": {}", self.detail);
        }
        text
    }

    /// The same fault under another path, for a part that was checked on its own.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.path = match (prefix, self.path.as_str()) {
            ("", _) => self.path,
            (_, "") => prefix.to_owned(),
            (_, path) if path.starts_with('[') => format!("{prefix}{path}"),
            (_, path) => format!("{prefix}.{path}"),
        };
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

/// Text in double quotes with the escapes that the real server's `%q` writes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_the_real_server_words_it() {
        let cases = [
            (FieldError::required("spec.x", ""), "spec.x: Required value"),
            (
                FieldError::invalid("spec.replicas", -1, "must be greater than or equal to 0"),
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                FieldError::not_supported("spec.type", "x", &["A", "B"]),
                "spec.type: Unsupported value: \"x\": supported values: \"A\", \"B\"",
            ),
            (
                FieldError::too_long("metadata.annotations", 262_144),
                "metadata.annotations: Too long: may not be more than 262144 bytes",
            ),
            (
                FieldError::duplicate("spec.ports[1].name", "http"),
                "spec.ports[1].name: Duplicate value: \"http\"",
            ),
            (
                FieldError::invalid("spec.selector", json!({"a": "b"}), "field is immutable"),
                "spec.selector: Invalid value: {\"a\":\"b\"}: field is immutable",
            ),
        ];
        for (fault, text) in cases {
            assert_eq!(fault.to_string(), text);
        }
    }
}

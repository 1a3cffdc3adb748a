//! A place in an object: its path, its value, and the faults that may be found there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::quantity::{self, Quantity};
use super::rules::{port_fault, port_or_name_faults};
use crate::field_error::{FieldError, FieldErrorKind};

static ABSENT: Value = Value::Null;

/// A place in an object. Fields that are not there have places too, whose value is `null`.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> Place<'a> {
    pub(super) fn new(path: impl Into<String>, value: &'a Value) -> Self {
        Self { path: path.into(), value }
    }

    /// The place of a field, or of a field of a field (`a.b`).
    pub(super) fn field(&self, name: &str) -> Place<'a> {
        let value = name.split('.').try_fold(self.value, |value, name| value.get(name)).unwrap_or(&ABSENT);
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Place { path, value }
    }

    /// The places of the items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = Place<'a>> + use<'a> {
        let path = self.path.clone();
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(move |(index, value)| Place { path: format!("{path}[{index}]"), value })
    }

    /// The places of the items of a list field.
    pub(super) fn list(&self, field: &str) -> impl Iterator<Item = Place<'a>> + use<'a> {
        self.field(field).items()
    }

    /// The keys of a map with the places of their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Place<'a>)> + use<'a> {
        let path = self.path.clone();
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(move |(key, value)| (key.as_str(), Place { path: format!("{path}[{key}]"), value }))
    }

    /// The same value under another path, where the API names another one.
    pub(super) fn named(&self, path: impl Into<String>) -> Place<'a> {
        Place { path: path.into(), value: self.value }
    }

    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether nothing is there, or nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            _ => self.is_set() && self.len() == 0 && (self.value.is_array() || self.value.is_object()),
        }
    }

    /// The number of items, or of fields.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub(super) fn number(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(super) fn is_true(&self) -> bool {
        *self.value == true
    }

    pub(super) fn quantity(&self) -> Option<Quantity> {
        match self.value {
            Value::String(text) => quantity::parse(text).ok(),
            Value::Number(number) => quantity::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    pub(super) fn required(&self, detail: &str) -> FieldError {
        FieldError::required(&*self.path, detail)
    }

    pub(super) fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(&*self.path, self.value.clone(), detail)
    }

    pub(super) fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(&*self.path, detail)
    }

    pub(super) fn unsupported(&self, allowed: &[&str]) -> FieldError {
        let found = if self.is_set() { self.value.clone() } else { Value::from("") };
        FieldError::not_supported(&*self.path, found, allowed)
    }

    pub(super) fn duplicate(&self) -> FieldError {
        FieldError::duplicate(&*self.path, self.value.clone())
    }

    pub(super) fn not_found(&self) -> FieldError {
        FieldError::new(FieldErrorKind::NotFound, &*self.path, Some(self.value.clone()), "")
    }

    /// A fault if nothing is there.
    pub(super) fn needed(&self) -> Option<FieldError> {
        self.is_empty().then(|| self.required(""))
    }

    /// A fault if a number is less than zero.
    pub(super) fn not_negative(&self) -> Option<FieldError> {
        self.at_least(0)
    }

    /// A fault if a number is less than that.
    pub(super) fn at_least(&self, least: i64) -> Option<FieldError> {
        let number = self.number()?;
        (number < least).then(|| self.invalid(format!("must be greater than or equal to {least}")))
    }

    /// A fault if a number is not within these.
    pub(super) fn within(&self, least: i64, most: i64) -> Option<FieldError> {
        let number = self.number()?;
        let outside = !(least..=most).contains(&number);
        outside.then(|| self.invalid(format!("must be between {least} and {most}, inclusive")))
    }

    /// A fault if a text is there that is none of these.
    pub(super) fn among(&self, allowed: &[&str]) -> Option<FieldError> {
        let found = self.value.as_str()?;
        (!allowed.contains(&found)).then(|| self.unsupported(allowed))
    }

    /// The faults of a text that is there and not empty.
    pub(super) fn worded(&self, rule: fn(&str) -> Vec<String>) -> Vec<FieldError> {
        if self.text().is_empty() { Vec::new() } else { self.worded_always(rule) }
    }

    /// The faults of a text, also of an empty one.
    pub(super) fn worded_always(&self, rule: fn(&str) -> Vec<String>) -> Vec<FieldError> {
        let found = self.text();
        rule(found).into_iter().map(|fault| FieldError::invalid(&*self.path, found, fault)).collect()
    }

    /// The faults of a text that must be there.
    pub(super) fn needed_worded(&self, rule: fn(&str) -> Vec<String>) -> Vec<FieldError> {
        if self.text().is_empty() { vec![self.required("")] } else { self.worded_always(rule) }
    }

    /// The fault of a text that stands in a list or set for the second time.
    pub(super) fn unique(&self, seen: &mut BTreeSet<&'a str>) -> Option<FieldError> {
        (!seen.insert(self.text())).then(|| self.duplicate())
    }

    /// The fault of the number of a port.
    pub(super) fn port(&self) -> Option<FieldError> {
        port_fault(self.value, &self.path)
    }

    /// The faults of the number or name of a port.
    pub(super) fn port_or_name(&self) -> Vec<FieldError> {
        port_or_name_faults(self.value, &self.path)
    }
}

/// A structure as the real server shows those of its own types: all fields, in capitals; one that is not set has the value that
/// stands beside its name.
pub(super) fn structure(value: &Value, fields: &[(&str, Value)]) -> Value {
    let shown = fields.iter().map(|(name, unset)| {
        let found = value.get(*name).filter(|found| !found.is_null());
        (name[..1].to_uppercase() + &name[1..], found.unwrap_or(unset).clone())
    });
    Value::Object(shown.collect())
}

/// The same fault, which shows another value.
pub(super) fn showing(mut fault: FieldError, shown: Value) -> FieldError {
    fault.found = Some(shown);
    fault
}

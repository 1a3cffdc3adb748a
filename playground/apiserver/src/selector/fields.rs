//! `fieldSelector=metadata.name=web,status.phase!=Running`.

use crate::{field_error::quoted, resource::Resource, status::ApiError};

/// Conditions on fields, all of which must hold. Empty, it selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    value: String,
    equal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
    /// Index into the resource's selectable fields.
    Own(usize),
}

impl FieldSelector {
    /// Parses the text form for objects of `resource`.
    ///
    /// # Errors
    /// 400 if it is no selector, or names a field that the kind does not offer.
    pub fn parse(text: &str, resource: &Resource) -> Result<Self, ApiError> {
        let mut terms = Vec::new();
        for part in split_terms(text).into_iter().filter(|part| !part.is_empty()) {
            let (label, equal, value) = split_term(part).ok_or_else(|| {
                ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            let value = unescaped(value)?;
            let field = match label {
                "metadata.name" => Field::Name,
                "metadata.namespace" if resource.namespaced || !resource.custom => Field::Namespace,
                _ => resource
                    .strategy
                    .selectable_fields
                    .iter()
                    .position(|field| field.label == label)
                    .map(Field::Own)
                    .ok_or_else(|| unknown(label, resource))?,
            };
            terms.push(Term { field, value, equal });
        }
        Ok(Self(terms))
    }

    /// Only the object of this name.
    pub fn name(name: &str) -> Self {
        Self(vec![Term { field: Field::Name, value: name.to_owned(), equal: true }])
    }

    /// Whether an object with these values satisfies it; `own` are those of the resource's selectable
    /// fields, in their order.
    pub fn matches(&self, namespace: &str, name: &str, own: &[Box<str>]) -> bool {
        self.0.iter().all(|term| {
            let found = match term.field {
                Field::Name => name,
                Field::Namespace => namespace,
                Field::Own(index) => own.get(index).map_or("", |value| value),
            };
            (found == term.value) == term.equal
        })
    }

    /// The one name that can satisfy it, if it says so.
    pub fn exact_name(&self) -> Option<&str> {
        self.0.iter().find(|term| term.field == Field::Name && term.equal).map(|term| term.value.as_str())
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn unknown(label: &str, resource: &Resource) -> ApiError {
    ApiError::bad_request(if resource.custom || !resource.strategy.selectable_fields.is_empty() {
        format!("field label not supported: {label}")
    } else {
        let label = quoted(label);
        format!("{label} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    })
}

/// Splits at commas that are not escaped.
fn split_terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find(['=', '!'].as_slice())?;
    let (label, rest) = term.split_at(at);
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((label, false, value));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((label, true, value))
}

fn unescaped(value: &str) -> Result<String, ApiError> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                next => {
                    let sequence: String = ['\\'].into_iter().chain(next).collect();
                    return Err(ApiError::bad_request(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            ',' | '=' => {
                return Err(ApiError::bad_request(format!(
                    "invalid field selector: unescaped character in value: {c}"
                )));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

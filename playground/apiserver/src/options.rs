//! What a write may say besides its body: dry run, field manager, how to treat unknown fields.

use serde_json::{Value, json};

use crate::{
    field_error::{FieldError, quoted},
    request::{Query, Request},
    status::{ApiError, GroupResource},
};

/// The options of a create, an update or a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Nothing is stored.
    pub dry_run: bool,
    /// The name under which the write's fields are owned; empty if the client did not say.
    pub field_manager: String,
    /// What to do about fields that the schema does not know.
    pub unknown_fields: UnknownFields,
    /// Server-side apply takes fields over from other managers.
    pub force: bool,
}

/// What to do about fields that the schema does not know, and about fields that stand twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// Drop them and say nothing.
    Ignore,
    /// Drop them and warn.
    #[default]
    Warn,
    /// Refuse the write.
    Refuse,
}

/// The options of a delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Nothing is deleted.
    pub dry_run: bool,
    /// How many seconds the object may take to end.
    pub grace_period_secs: Option<i64>,
    /// What becomes of dependents.
    pub propagation: Option<Propagation>,
    /// Only the object with this uid.
    pub uid: Option<String>,
    /// Only the object in this version.
    pub resource_version: Option<String>,
}

/// What becomes of an object's dependents when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

const MANAGER_BYTES_MAX: usize = 128;

impl WriteOptions {
    /// Reads them from a query. `kind` is the options' own name, for messages; `apply` whether it is a
    /// server-side apply.
    ///
    /// # Errors
    /// 422 naming what cannot be.
    pub fn parse(query: &Query, kind: &str, apply: bool) -> Result<Self, ApiError> {
        let mut faults = Vec::new();
        let manager = query.text("fieldManager");
        if apply && manager.is_empty() {
            faults.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
        if !apply && kind == "PatchOptions" && query.get("force").is_some() {
            faults.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        if manager.len() > MANAGER_BYTES_MAX {
            faults.push(FieldError::too_long("fieldManager", MANAGER_BYTES_MAX));
        }
        for (index, c) in manager.char_indices().filter(|(_, c)| c.is_control()) {
            faults.push(FieldError::invalid(
                "fieldManager",
                manager,
                format!("invalid character {c:?} (at position {index})"),
            ));
        }
        let dry_run = dry_run(&query.all("dryRun"), &mut faults);
        let unknown_fields = match query.text("fieldValidation") {
            "Ignore" => UnknownFields::Ignore,
            "" | "Warn" => UnknownFields::Warn,
            "Strict" => UnknownFields::Refuse,
            other => {
                faults.push(FieldError::not_supported(
                    "fieldValidation",
                    other,
                    &["", "Ignore", "Strict", "Warn"],
                ));
                UnknownFields::default()
            }
        };
        refuse(kind, &faults)?;
        Ok(Self {
            dry_run,
            field_manager: manager.to_owned(),
            unknown_fields,
            force: query.flag("force").unwrap_or_default(),
        })
    }
}

impl DeleteOptions {
    /// Reads them from the body, or from the query if there is none.
    ///
    /// # Errors
    /// 400 if the body is no DeleteOptions, 422 naming what cannot be.
    pub fn parse(request: &Request) -> Result<Self, ApiError> {
        let from_body: Value = if request.body.is_empty() {
            from_query(&request.query)?
        } else {
            crate::negotiation::content_type(request, &crate::negotiation::SERVED)?;
            serde_json::from_slice(&request.body).map_err(|error| {
                let why = crate::json_syntax::fault(&request.body).unwrap_or_else(|| error.to_string());
                ApiError::bad_request(format!("couldn't get version/kind; json parse error: {why}"))
            })?
        };
        Self::from_value(&from_body)
    }

    /// Reads them from their JSON.
    ///
    /// # Errors
    /// 400 if it is no DeleteOptions, 422 naming what cannot be.
    pub fn from_value(value: &Value) -> Result<Self, ApiError> {
        let wrong = |field: &str, what: &str| {
            ApiError::bad_request(format!(
                "json: cannot unmarshal {what} into Go struct field DeleteOptions.{field}"
            ))
        };
        if !value.is_object() && !value.is_null() {
            return Err(ApiError::bad_request("decoded object cannot be converted to DeleteOptions"));
        }
        match value["kind"].as_str() {
            None | Some("DeleteOptions") => {}
            Some(kind) => {
                let version = quoted(value["apiVersion"].as_str().unwrap_or("v1"));
                let kind = quoted(kind);
                return Err(ApiError::bad_request(format!(
                    "no kind {kind} is registered for version {version} in scheme \"pkg/runtime/scheme.go:111\""
                )));
            }
        }
        let mut faults = Vec::new();
        let dry: Vec<&str> =
            value["dryRun"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let dry_run = dry_run(&dry, &mut faults);
        let mut propagation = match &value["propagationPolicy"] {
            Value::Null => None,
            Value::String(name) => match name.as_str() {
                "Background" => Some(Propagation::Background),
                "Foreground" => Some(Propagation::Foreground),
                "Orphan" => Some(Propagation::Orphan),
                other => {
                    let known = ["Foreground", "Background", "Orphan", "nil"];
                    faults.push(FieldError::not_supported("propagationPolicy", other, &known));
                    None
                }
            },
            other => return Err(wrong("propagationPolicy", crate::schema::type_name(other))),
        };
        // The older way to say it.
        if let Some(orphan) = value["orphanDependents"].as_bool() {
            if let Some(policy) = value["propagationPolicy"].as_str() {
                faults.push(FieldError::invalid(
                    "propagationPolicy",
                    policy,
                    "orphanDependents and deletionPropagation cannot be both set",
                ));
            }
            propagation = Some(if orphan { Propagation::Orphan } else { Propagation::Background });
        }
        refuse("DeleteOptions", &faults)?;
        let grace_period_secs =
            match &value["gracePeriodSeconds"] {
                Value::Null => None,
                found => Some(found.as_i64().ok_or_else(|| {
                    wrong("gracePeriodSeconds of type int64", crate::schema::type_name(found))
                })?),
            };
        let precondition = |name: &str| {
            value["preconditions"][name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Ok(Self {
            dry_run,
            // A negative period counts as one second.
            grace_period_secs: grace_period_secs.map(|secs| if secs < 0 { 1 } else { secs }),
            propagation,
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        })
    }
}

fn from_query(query: &Query) -> Result<Value, ApiError> {
    let mut options = json!({});
    if let Some(grace) = query.number("gracePeriodSeconds")? {
        options["gracePeriodSeconds"] = json!(grace);
    }
    if let Some(policy) = query.get("propagationPolicy") {
        options["propagationPolicy"] = json!(policy);
    }
    if let Some(orphan) = query.flag("orphanDependents") {
        options["orphanDependents"] = json!(orphan);
    }
    options["dryRun"] = json!(query.all("dryRun"));
    Ok(options)
}

fn dry_run(values: &[&str], faults: &mut Vec<FieldError>) -> bool {
    if values.iter().any(|value| *value != "All") {
        faults.push(FieldError::not_supported("dryRun", json!(values), &["All"]));
    }
    !values.is_empty()
}

fn refuse(kind: &str, faults: &[FieldError]) -> Result<(), ApiError> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(GroupResource { group: "meta.k8s.io", resource: kind }, "", faults))
}

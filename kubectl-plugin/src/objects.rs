//! `-o json|yaml|name`: objects as the API server holds them.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::Error;

/// How to print objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// `rollout.argoproj.io/NAME`.
    Name,
}

/// One object.
pub fn one(mut object: Value, format: Format) -> Result<String, Error> {
    hide_managed_fields(&mut object);
    print(&object, std::slice::from_ref(&object), format)
}

/// A list of objects.
pub fn list(mut objects: Vec<Value>, format: Format) -> Result<String, Error> {
    objects.iter_mut().for_each(hide_managed_fields);
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": objects, "metadata": {"resourceVersion": ""}});
    print(&list, &objects, format)
}

fn print(whole: &Value, objects: &[Value], format: Format) -> Result<String, Error> {
    Ok(match format {
        Format::Json => format!("{whole:#}\n"),
        Format::Yaml => {
            let yaml =
                serde_saphyr::to_string(whole).map_err(|error| Error::Usage(format!("as YAML: {error}")))?;
            format!("{}\n", yaml.trim_end())
        }
        Format::Name => objects.iter().map(name).collect(),
    })
}

fn name(object: &Value) -> String {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    format!("rollout.argoproj.io/{name}\n")
}

/// As kubectl: they are for machines, and most of the text.
fn hide_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

//! Events: one sort of object under two names, each with its own words for the same fields.

use serde_json::Value;

use super::rules::{fill, text};
use crate::field_error::FieldError;
use crate::resource::{NameRule, SelectableField, Strategy, View};

const fn selectable(label: &'static str, pointer: &'static str) -> SelectableField {
    SelectableField { label, pointer, absent: "" }
}

const FIELDS: [SelectableField; 11] = [
    selectable("involvedObject.kind", "/involvedObject/kind"),
    selectable("involvedObject.namespace", "/involvedObject/namespace"),
    selectable("involvedObject.name", "/involvedObject/name"),
    selectable("involvedObject.uid", "/involvedObject/uid"),
    selectable("involvedObject.apiVersion", "/involvedObject/apiVersion"),
    selectable("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
    selectable("involvedObject.fieldPath", "/involvedObject/fieldPath"),
    selectable("reason", "/reason"),
    selectable("reportingComponent", "/reportingComponent"),
    selectable("type", "/type"),
    selectable("source", "/source/component"),
];

/// The same fields in the same order under their newer names, as far as these can be selected by.
const NEWER_FIELDS: [SelectableField; 10] = [
    selectable("regarding.kind", "/involvedObject/kind"),
    selectable("regarding.namespace", "/involvedObject/namespace"),
    selectable("regarding.name", "/involvedObject/name"),
    selectable("regarding.uid", "/involvedObject/uid"),
    selectable("regarding.apiVersion", "/involvedObject/apiVersion"),
    selectable("regarding.resourceVersion", "/involvedObject/resourceVersion"),
    selectable("regarding.fieldPath", "/involvedObject/fieldPath"),
    selectable("reason", "/reason"),
    selectable("reportingController", "/reportingComponent"),
    selectable("type", "/type"),
];

/// Events of the core group, the form in which all are kept.
pub(super) fn core() -> Strategy {
    Strategy {
        default: core_times,
        validate_create: faults_of_core,
        validate_update: |event, _| faults_of_core(event),
        create_on_update: true,
        has_dependents: false,
        checks_metadata: false,
        name_rule: NameRule::PathSegment,
        selectable_fields: &FIELDS,
        ..Strategy::default()
    }
}

/// Events of the group `events.k8s.io`, which must say who reports what.
pub(super) fn newer() -> Strategy {
    Strategy {
        default: |event| {
            fill(event, "eventTime", Value::Null);
            for field in ["regarding", "deprecatedSource"] {
                fill(event, field, Value::Object(serde_json::Map::new()));
            }
            for time in ["deprecatedFirstTimestamp", "deprecatedLastTimestamp"] {
                fill(event, time, Value::Null);
            }
        },
        validate_create: faults_of_newer,
        create_on_update: true,
        has_dependents: false,
        checks_metadata: false,
        name_rule: NameRule::PathSegment,
        selectable_fields: &NEWER_FIELDS,
        ..Strategy::default()
    }
}

/// How the one is seen as the other.
pub(super) fn view() -> View {
    View {
        group: "",
        names: &[
            ("involvedObject", "regarding"),
            ("message", "note"),
            ("source", "deprecatedSource"),
            ("firstTimestamp", "deprecatedFirstTimestamp"),
            ("lastTimestamp", "deprecatedLastTimestamp"),
            ("count", "deprecatedCount"),
            ("reportingComponent", "reportingController"),
        ],
        optional: &["reportingController", "reportingInstance"],
        kept: Strategy { default: complete_core, ..core() },
    }
}

fn core_times(event: &mut Value) {
    for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        fill(event, time, Value::Null);
    }
}

/// What is always written of an event of the core group.
fn complete_core(event: &mut Value) {
    core_times(event);
    for field in ["involvedObject", "source"] {
        fill(event, field, Value::Object(serde_json::Map::new()));
    }
    for field in ["reportingComponent", "reportingInstance"] {
        fill(event, field, "");
    }
}

fn faults_of_core(event: &Value) -> Vec<FieldError> {
    let namespace = text(&event["metadata"], "namespace");
    let about = text(&event["involvedObject"], "namespace");
    if event["involvedObject"].is_object()
        && about != namespace
        && !(about.is_empty() && namespace == "default")
    {
        let detail = "does not match event.namespace";
        return vec![FieldError::invalid("involvedObject.namespace", about, detail)];
    }
    Vec::new()
}

fn faults_of_newer(event: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let namespace = text(&event["metadata"], "namespace");
    let about = text(&event["regarding"], "namespace");
    let timed = event["eventTime"].is_string();
    let fits = match (timed, about) {
        (true, "") => ["default", "kube-system"].contains(&namespace),
        (true, _) => true,
        (false, "") => namespace == "default",
        (false, about) => about == namespace,
    };
    if !fits {
        let detail = "does not match event.namespace";
        faults.push(FieldError::invalid("involvedObject.namespace", about, detail));
    }
    if timed {
        for field in ["reportingController", "reportingInstance", "action", "reason"] {
            if text(event, field).is_empty() {
                faults.push(FieldError::required(field, ""));
            }
        }
    } else {
        faults.push(FieldError::required("eventTime", ""));
    }
    let kind = text(event, "type");
    if !["Normal", "Warning"].contains(&kind) {
        faults.push(FieldError::invalid("type", "", format!("has invalid value: {kind}")));
    }
    let unset = [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
    ];
    for (field, named) in unset {
        if !event[field].is_null() && event[field] != 0 {
            faults.push(FieldError::invalid(named, "", "needs to be unset"));
        }
    }
    if event["deprecatedSource"].as_object().is_some_and(|source| !source.is_empty()) {
        faults.push(FieldError::invalid("source", "", "needs to be unset"));
    }
    faults
}

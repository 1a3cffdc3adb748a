//! What the kinds that make pods from a template must be like.

use serde_json::{Value, json};

use super::place::{Place, showing, structure};
use super::rules::{at, label_faults, selector_faults, selects, selects_all};
use super::{pod_rules, storage_rules};
use crate::field_error::FieldError;
use crate::metadata;
use crate::names;

pub(super) fn deployment(object: &Value) -> Vec<FieldError> {
    let spec = spec_of(object);
    let mut faults: Vec<FieldError> = spec.field("replicas").not_negative().into_iter().collect();
    faults.extend(selector_and_template(&spec, "deployment", "ReplicaSet"));
    let strategy = spec.field("strategy");
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "Recreate" if rolling.is_set() => {
            faults.push(rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let [unavailable, surge] = ["maxUnavailable", "maxSurge"].map(|field| rolling.field(field));
            faults.extend(count_or_percent(&unavailable));
            faults.extend(count_or_percent(&surge));
            if value_of(&unavailable) == 0 && value_of(&surge) == 0 {
                faults.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
            }
            faults.extend(not_more_than_all(&unavailable));
        }
        _ => faults.push(strange(&strategy, &["Recreate", "RollingUpdate"])),
    }
    faults.extend(spec.field("minReadySeconds").not_negative());
    faults.extend(spec.field("revisionHistoryLimit").not_negative());
    let deadline = spec.field("progressDeadlineSeconds");
    faults.extend(deadline.not_negative());
    let least = spec.field("minReadySeconds").number().unwrap_or(0);
    if deadline.number().is_some_and(|seconds| seconds <= least) {
        faults.push(deadline.invalid("must be greater than minReadySeconds"));
    }
    faults
}

pub(super) fn replica_set(object: &Value) -> Vec<FieldError> {
    let spec = spec_of(object);
    let mut faults: Vec<FieldError> =
        ["replicas", "minReadySeconds"].iter().filter_map(|field| spec.field(field).not_negative()).collect();
    // The API says deployment of both.
    faults.extend(selector_and_template(&spec, "deployment", "ReplicaSet"));
    faults
}

pub(super) fn replication_controller(object: &Value) -> Vec<FieldError> {
    let spec = spec_of(object);
    let mut faults: Vec<FieldError> = spec.field("minReadySeconds").not_negative().into_iter().collect();
    let selector = spec.field("selector");
    faults.extend(selector.needed());
    faults.extend(spec.field("replicas").not_negative());
    let template = spec.field("template");
    if !template.is_set() {
        faults.push(template.required(""));
        return faults;
    }
    let labels = template.field("metadata.labels");
    let missing = |(key, value): (&str, Place<'_>)| labels.value.get(key) != Some(value.value);
    if selector.entries().any(missing) {
        faults.push(mismatch(&labels));
    }
    faults.extend(pod_rules::template(template.value, &template.path));
    faults.extend(always_restarted(&template, "ReplicationController"));
    faults
}

pub(super) fn daemon_set(object: &Value) -> Vec<FieldError> {
    let spec = spec_of(object);
    let (selector, template) = (spec.field("selector"), spec.field("template"));
    let mut faults = selector_faults(selector.value, &selector.path);
    let labels = template.field("metadata.labels");
    if faults.is_empty() && !selects(selector.value, labels.value) {
        faults.push(mismatch(&labels));
    }
    if selects_all(selector.value) {
        faults.push(selector.invalid("empty selector is invalid for daemonset"));
    }
    faults.extend(pod_rules::template(template.value, &template.path));
    faults.extend(always_restarted(&template, "DaemonSet"));
    faults.extend(spec.field("minReadySeconds").not_negative());
    let strategy = spec.field("updateStrategy");
    match strategy.field("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let parts =
                ["maxUnavailable", "maxSurge"].map(|field| strategy.field("rollingUpdate").field(field));
            faults.extend(parts.iter().flat_map(count_or_percent));
            faults.extend(parts.iter().filter_map(not_more_than_all));
            let [unavailable, surge] = &parts;
            match (value_of(unavailable) != 0, value_of(surge) != 0) {
                (true, true) => faults.push(surge.invalid("may not be set when maxUnavailable is non-zero")),
                (false, false) => faults.push(unavailable.required("cannot be 0 when maxSurge is 0")),
                _ => {}
            }
        }
        _ => faults.push(strange(&strategy, &["RollingUpdate", "OnDelete"])),
    }
    faults.extend(spec.field("revisionHistoryLimit").not_negative());
    faults
}

/// Faults of a StatefulSet; what a change may no longer mend is looked at when it is new.
pub(super) fn stateful_set(object: &Value, is_new: bool) -> Vec<FieldError> {
    let spec = spec_of(object);
    let mut faults = Vec::new();
    let policy = spec.field("podManagementPolicy");
    if policy.among(&["OrderedReady", "Parallel"]).is_some() {
        faults.push(policy.invalid("must be 'OrderedReady' or 'Parallel'"));
    }
    faults.extend(stateful_strategy(&spec.field("updateStrategy")));
    for field in ["whenDeleted", "whenScaled"] {
        let retention = spec.field("persistentVolumeClaimRetentionPolicy").field(field);
        faults.extend(retention.among(&["Retain", "Delete"]));
    }
    let claims = spec.field("volumeClaimTemplates");
    if is_new {
        faults.extend(claims.items().flat_map(|claim| storage_rules::claim_spec(&claim.field("spec"))));
    }
    for field in ["replicas", "minReadySeconds", "ordinals.start"] {
        faults.extend(spec.field(field).not_negative());
    }
    if is_new {
        faults.extend(spec.field("serviceName").worded(names::dns_label_faults));
    }
    let (selector, template) = (spec.field("selector"), spec.field("template"));
    let (wrong, readable) = own_selector(&selector, "statefulset");
    faults.extend(wrong);
    if readable {
        faults.extend(unselected(&selector, &template));
        let made = with_volumes_of_claims(&template, &claims);
        faults.extend(pod_rules::template(&made, &template.path));
        let labels = template.field("metadata.labels");
        faults.extend(label_faults(labels.value, &format!("{}.labels", template.path)));
        let annotations = template.field("metadata.annotations");
        let path = format!("{}.annotations", template.path);
        faults.extend(metadata::annotation_faults(annotations.value, &path));
    } else {
        faults.push(selector.invalid(""));
    }
    faults.extend(always_restarted(&template, "StatefulSet"));
    faults
}

fn stateful_strategy(strategy: &Place<'_>) -> Vec<FieldError> {
    let rolling = strategy.field("rollingUpdate");
    let mut faults = Vec::new();
    match strategy.field("type").text() {
        "" => faults.push(strategy.required("")),
        "OnDelete" if rolling.is_set() => {
            let fields = [("maxUnavailable", Value::Null), ("partition", Value::from(0))];
            let fault = rolling.invalid("only allowed for updateStrategy 'RollingUpdate'");
            faults.push(showing(fault, structure(rolling.value, &fields)));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            faults.extend(rolling.field("partition").not_negative());
        }
        _ => {
            let fault = strategy.invalid("must be 'RollingUpdate' or 'OnDelete'");
            faults.push(showing(fault, strategy_shown(strategy)));
        }
    }
    faults
}

/// The fault of a strategy that is none of these.
fn strange(strategy: &Place<'_>, known: &[&str]) -> FieldError {
    showing(strategy.unsupported(known), strategy_shown(strategy))
}

fn strategy_shown(strategy: &Place<'_>) -> Value {
    let rolling = strategy.field("rollingUpdate");
    let mut shown = structure(strategy.value, &[("rollingUpdate", Value::Null), ("type", Value::from(""))]);
    if rolling.is_set() {
        let staged = rolling.field("partition").is_set();
        let more = if staged { ("partition", json!(0)) } else { ("maxSurge", json!(0)) };
        let unavailable = if staged { Value::Null } else { json!(0) };
        shown["RollingUpdate"] = structure(rolling.value, &[("maxUnavailable", unavailable), more]);
    }
    shown
}

/// What of a StatefulSet may not be changed.
pub(super) fn stateful_set_kept(new: &Value, old: &Value) -> Option<FieldError> {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        FREE.iter().for_each(|field| drop(spec.as_object_mut().map(|fields| fields.remove(*field))));
        spec
    };
    let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    (fixed(new) != fixed(old)).then(|| FieldError::forbidden("spec", detail))
}

/// The template as its pods will have it: a volume for each claim, and a name of their own.
fn with_volumes_of_claims(template: &Place<'_>, claims: &Place<'_>) -> Value {
    let mut made = template.value.clone();
    let Some(spec) = made.get_mut("spec").and_then(Value::as_object_mut) else { return made };
    spec.remove("hostname");
    spec.remove("subdomain");
    let names: Vec<&str> = claims.items().map(|claim| claim.field("metadata.name").text()).collect();
    if !names.is_empty() {
        let of_claims =
            names.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        let others =
            template.list("spec.volumes").filter(|volume| !names.contains(&volume.field("name").text()));
        let volumes: Vec<Value> = of_claims.chain(others.map(|volume| volume.value.clone())).collect();
        spec.insert("volumes".to_owned(), Value::from(volumes));
    }
    made
}

fn spec_of(object: &Value) -> Place<'_> {
    Place::new("spec", at(object, "spec"))
}

fn mismatch(labels: &Place<'_>) -> FieldError {
    labels.invalid("`selector` does not match template `labels`")
}

/// Whether a selector fails to select the pods that a template makes. One that is not there selects nothing.
fn unselected(selector: &Place<'_>, template: &Place<'_>) -> Option<FieldError> {
    let labels = template.field("metadata.labels");
    let missed = !selects_all(selector.value) && !selects(selector.value, labels.value);
    missed.then(|| mismatch(&labels))
}

/// What is wrong with a selector that selects one's own pods, and whether it can be used at all.
fn own_selector(selector: &Place<'_>, kind: &str) -> (Vec<FieldError>, bool) {
    if !selector.is_set() {
        return (vec![selector.required("")], true);
    }
    let mut faults = selector_faults(selector.value, &selector.path);
    let readable = faults.is_empty();
    if selects_all(selector.value) {
        faults.push(selector.invalid(format!("empty selector is invalid for {kind}")));
    }
    (faults, readable)
}

/// The selector must select the pods that the template makes, and not everything.
fn selector_and_template(spec: &Place<'_>, kind: &str, owner: &str) -> Vec<FieldError> {
    let (selector, template) = (spec.field("selector"), spec.field("template"));
    let (mut faults, readable) = own_selector(&selector, kind);
    if !readable {
        faults.push(selector.invalid("invalid label selector"));
        return faults;
    }
    faults.extend(unselected(&selector, &template));
    faults.extend(pod_rules::template(template.value, &template.path));
    faults.extend(always_restarted(&template, owner));
    faults
}

/// Pods that are to be there always start again, and never end by themselves.
fn always_restarted(template: &Place<'_>, owner: &str) -> Vec<FieldError> {
    let policy = template.field("spec.restartPolicy");
    let deadline = template.field("spec.activeDeadlineSeconds");
    let mut faults: Vec<FieldError> = policy.among(&["Always"]).into_iter().collect();
    if deadline.is_set() {
        faults.push(deadline.forbidden(format!("activeDeadlineSeconds in {owner} is not Supported")));
    }
    faults
}

/// Faults of a number or percentage.
pub(super) fn count_or_percent(place: &Place<'_>) -> Vec<FieldError> {
    if place.value.is_string() {
        return place.worded_always(names::percent_faults);
    }
    place.not_negative().into_iter().collect()
}

/// A fault of more than 100 per cent.
pub(super) fn not_more_than_all(place: &Place<'_>) -> Option<FieldError> {
    let more = percent(place).is_some_and(|value| value > 100);
    more.then(|| place.invalid("must not be greater than 100%"))
}

fn percent(place: &Place<'_>) -> Option<i64> {
    let fits = names::percent_faults(place.text()).is_empty();
    fits.then(|| place.text().trim_end_matches('%').parse().unwrap_or(i64::MAX))
}

fn value_of(place: &Place<'_>) -> i64 {
    percent(place).or_else(|| place.number()).or_else(|| place.text().parse().ok()).unwrap_or(0)
}

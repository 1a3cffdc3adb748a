//! What Jobs and CronJobs must be like.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::{Place, showing, structure};
use super::rules::{at, selector_faults, selects};
use super::{pod_rules, schedule};
use crate::field_error::FieldError;
use crate::names;

const OPERATORS: [&str; 2] = ["In", "NotIn"];
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const STATES: [&str; 3] = ["False", "True", "Unknown"];

pub(super) fn job(job: &Value) -> Vec<FieldError> {
    let place = Place::new("spec", at(job, "spec"));
    let selector = place.field("selector");
    let labels = place.field("template.metadata.labels");
    let mut faults = generated_selector(job, &place);
    faults.extend(spec(&place));
    match selector.is_set() {
        true => faults.extend(selector_faults(selector.value, &selector.path)),
        false => faults.push(selector.required("")),
    }
    if !selects(selector.value, labels.value) {
        faults.push(labels.invalid("`selector` does not match template `labels`"));
    }
    let completions = place.field("completions").number().unwrap_or_default();
    if place.field("completionMode").text() == "Indexed" && completions > 0 {
        let name = at(job, "metadata.name").as_str().unwrap_or_default();
        let last = format!("{name}-{}", completions - 1);
        if !names::dns_label_faults(&last).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {last}");
            faults.push(FieldError::invalid("metadata.name", name, detail));
        }
    }
    faults
}

/// A selector that nobody wrote names the job.
fn generated_selector(job: &Value, spec: &Place<'_>) -> Vec<FieldError> {
    if spec.field("manualSelector").is_true() || !spec.field("selector").is_set() {
        return Vec::new();
    }
    let (uid, name) = (at(job, "metadata.uid"), at(job, "metadata.name"));
    let expected = serde_json::json!({
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name,
    });
    let labels = spec.field("template.metadata.labels");
    let mut faults = Vec::new();
    for (key, wanted) in [
        ("controller-uid", uid),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
    ] {
        let path = format!("spec.template.metadata.labels[{key}]");
        let wanted = wanted.as_str().unwrap_or_default();
        match labels.value.get(key) {
            None => faults.push(FieldError::required(path, format!("must be '{wanted}'"))),
            Some(found) if found != wanted => {
                let all = labels.value.clone();
                faults.push(FieldError::invalid(path, all, format!("must be '{wanted}'")));
            }
            Some(_) => {}
        }
    }
    let selector = spec.field("selector");
    if !selects(selector.value, &expected) {
        faults.push(selector.invalid("`selector` not auto-generated"));
    }
    faults
}

/// Faults of the spec of a job or of a job's template.
fn spec(spec: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        faults.extend(spec.field(field).not_negative());
    }
    let [per_index, failed] = ["backoffLimitPerIndex", "maxFailedIndexes"].map(|field| spec.field(field));
    if failed.is_set() && !per_index.is_set() {
        faults.push(per_index.required("when maxFailedIndexes is specified"));
    }
    let manager = spec.field("managedBy");
    if manager.is_set() {
        faults.extend(domain_path(&manager));
        if manager.text().len() > 63 {
            faults.push(FieldError::too_long(&*manager.path, 63));
        }
    }
    faults.extend(completion(spec));
    let policy = spec.field("podFailurePolicy");
    faults.extend(failure_policy(spec));
    let success = spec.field("successPolicy");
    if success.is_set() {
        if spec.field("completionMode").text() == "Indexed" {
            faults.extend(success_policy(&success, spec));
        } else {
            let fields = [("succeededCount", Value::Null), ("succeededIndexes", Value::Null)];
            let rules: Vec<Value> =
                success.list("rules").map(|rule| structure(rule.value, &fields)).collect();
            let shown = serde_json::json!({"Rules": rules});
            faults.push(showing(success.invalid("requires indexed completion mode"), shown));
        }
    }
    let replacement = spec.field("podReplacementPolicy");
    let replacements: &[&str] =
        if policy.is_set() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    faults.extend(replacement.among(replacements));
    let template = spec.field("template");
    faults.extend(pod_rules::template(template.value, &template.path));
    let restart = template.field("spec.restartPolicy");
    match restart.text() {
        "Always" | "" => faults.push(restart.required("valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if policy.is_set() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            faults.push(restart.invalid(detail));
        }
        _ => faults.extend(restart.among(&["OnFailure", "Never"])),
    }
    faults
}

/// What hangs on how the job counts its ends.
fn completion(spec: &Place<'_>) -> Vec<FieldError> {
    let [mode, completions, parallelism, per_index, failed] =
        ["completionMode", "completions", "parallelism", "backoffLimitPerIndex", "maxFailedIndexes"]
            .map(|field| spec.field(field));
    let mut faults: Vec<FieldError> = mode.among(&["NonIndexed", "Indexed"]).into_iter().collect();
    let number = |place: &Place<'_>| place.number().unwrap_or_default();
    let mut at_most = |place: &Place<'_>, most: i64, detail: String| {
        if number(place) > most {
            faults.push(place.invalid(detail));
        }
    };
    match mode.text() {
        "Indexed" => {
            at_most(
                &parallelism,
                100_000,
                "must be less than or equal to 100000 when completion mode is Indexed".to_owned(),
            );
            if completions.is_set() {
                at_most(
                    &failed,
                    number(&completions),
                    "must be less than or equal to completions".to_owned(),
                );
            }
            at_most(&failed, 100_000, "must be less than or equal to 100000".to_owned());
            if number(&completions) > 100_000 && per_index.is_set() {
                let limit = |most: i64| {
                    format!(
                        "must be less than or equal to {most} when completions are above 100000 and used with backoff limit per index"
                    )
                };
                at_most(&parallelism, 10_000, limit(10_000));
                at_most(&failed, 10_000, limit(10_000));
                if !failed.is_set() {
                    faults.push(failed.required("must be specified when completions is above 100000"));
                }
            }
            if !completions.is_set() {
                faults.insert(0, completions.required("when completion mode is Indexed"));
            }
        }
        "NonIndexed" | "" => {
            let given = [per_index, failed].into_iter().filter(Place::is_set);
            faults.extend(given.map(|place| place.invalid("requires indexed completion mode")));
        }
        _ => {}
    }
    faults
}

fn failure_policy(spec: &Place<'_>) -> Vec<FieldError> {
    let rules = spec.field("podFailurePolicy.rules");
    let containers: BTreeSet<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| spec.field("template.spec").list(list))
        .map(|container| container.field("name").text())
        .collect();
    let mut faults = Vec::new();
    if rules.len() > 20 {
        faults.push(FieldError::too_many(&*rules.path, rules.len(), 20));
    }
    for rule in rules.items() {
        let (action, codes, conditions) =
            (rule.field("action"), rule.field("onExitCodes"), rule.field("onPodConditions"));
        if action.text() == "FailIndex" && !spec.field("backoffLimitPerIndex").is_set() {
            faults.push(action.invalid("requires the backoffLimitPerIndex to be set"));
        }
        faults.extend(named_value(&action, &ACTIONS));
        if codes.is_set() {
            faults.extend(exit_codes(&codes, &containers));
        }
        for pattern in conditions.items() {
            faults.extend(pattern.field("type").worded_always(names::qualified_name_faults));
            faults.extend(named_value(&pattern.field("status"), &STATES));
        }
        let one_of_two = match (codes.is_set(), conditions.is_empty()) {
            (true, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
            (false, true) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => continue,
        };
        let mut fault = rule.invalid(one_of_two);
        fault.found = None;
        faults.push(fault);
    }
    faults
}

/// A text that must be there, and be one of these.
fn named_value(place: &Place<'_>, allowed: &[&str]) -> Option<FieldError> {
    if !place.is_empty() {
        return place.among(allowed);
    }
    let listed: Vec<String> = allowed.iter().map(|value| format!("\"{value}\"")).collect();
    Some(place.required(&format!("valid values: [{}]", listed.join(" "))))
}

fn exit_codes(codes: &Place<'_>, containers: &BTreeSet<&str>) -> Vec<FieldError> {
    let (operator, container, values) =
        (codes.field("operator"), codes.field("containerName"), codes.field("values"));
    let mut faults: Vec<FieldError> = named_value(&operator, &OPERATORS).into_iter().collect();
    if container.is_set() && !containers.contains(container.text()) {
        let detail = "must be one of the container or initContainer names in the pod template";
        faults.push(container.invalid(detail));
    }
    if values.is_empty() {
        faults.push(values.invalid("at least one value is required"));
    } else if values.len() > 255 {
        faults.push(FieldError::too_many(&*values.path, values.len(), 255));
    }
    let mut seen = BTreeSet::new();
    let mut ordered = true;
    let mut before = i64::MIN;
    for value in values.items() {
        let code = value.number().unwrap_or_default();
        if operator.text() == "In" && code == 0 {
            faults.push(value.invalid("must not be 0 for the In operator"));
        }
        if !seen.insert(code) {
            faults.push(value.duplicate());
        }
        ordered &= before <= code;
        before = code;
    }
    if !ordered {
        faults.push(values.invalid("must be ordered"));
    }
    faults
}

fn success_policy(policy: &Place<'_>, spec: &Place<'_>) -> Vec<FieldError> {
    let rules = policy.field("rules");
    let completions = spec.field("completions").number().unwrap_or_default();
    let mut faults = Vec::new();
    if rules.is_empty() {
        faults
            .push(rules.required("at least one rules must be specified when the successPolicy is specified"));
    }
    if rules.len() > 20 {
        faults.push(FieldError::too_many(&*rules.path, rules.len(), 20));
    }
    for rule in rules.items() {
        let count = rule.field("succeededCount");
        if !count.is_set() && !rule.field("succeededIndexes").is_set() {
            let detail = "at least one of succeededCount or succeededIndexes must be specified";
            faults.push(rule.required(detail));
        }
        faults.extend(count.not_negative());
        if count.number().is_some_and(|count| count > completions) {
            faults.push(count.invalid(format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            )));
        }
    }
    faults
}

/// What of a job may not be changed.
pub(super) fn kept(new: &Value, old: &Value) -> Vec<FieldError> {
    let immutable = |path: &str| super::rules::immutable(new, old, path);
    let mut faults = Vec::new();
    if at(new, "spec.completionMode") != "Indexed" {
        faults.extend(immutable("spec.completions"));
    } else if at(new, "spec.completions") != at(old, "spec.completions")
        && at(new, "spec.completions") != at(new, "spec.parallelism")
    {
        let completions = Place::new("spec.completions", at(new, "spec.completions"));
        faults.push(completions.invalid("can only be modified in tandem with spec.parallelism"));
    }
    let fixed = [
        "spec.selector",
        "spec.template",
        "spec.completionMode",
        "spec.podFailurePolicy",
        "spec.backoffLimitPerIndex",
        "spec.managedBy",
        "spec.successPolicy",
    ];
    // A job that has not begun may still be told where to run.
    let begun = at(old, "spec.suspend") != true || !at(old, "status.startTime").is_null();
    let free = |path: &&str| !begun && *path == "spec.template";
    faults.extend(fixed.iter().filter(|path| !free(path)).filter_map(|path| immutable(path)));
    faults
}

pub(super) fn cron_job(object: &Value, is_new: bool) -> Vec<FieldError> {
    let place = Place::new("spec", at(object, "spec"));
    let written = place.field("schedule");
    let mut faults = Vec::new();
    match written.needed() {
        Some(fault) => faults.push(fault),
        None => {
            faults.extend(schedule::fault(written.text()).map(|fault| written.invalid(fault)));
            if written.text().contains("TZ") {
                let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
                faults.push(written.invalid(detail));
            }
        }
    }
    faults.extend(place.field("startingDeadlineSeconds").not_negative());
    faults.extend(time_zone(&place.field("timeZone")));
    faults.extend(place.field("concurrencyPolicy").among(&["Allow", "Forbid", "Replace"]));
    let template = place.field("jobTemplate.spec");
    faults.extend(spec(&template));
    let selector = template.field("selector");
    if selector.is_set() {
        faults.push(selector.invalid("`selector` will be auto-generated"));
    }
    let manual = template.field("manualSelector");
    if manual.is_true() {
        faults.push(manual.unsupported(&["nil", "false"]));
    }
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        faults.extend(place.field(field).not_negative());
    }
    let name = at(object, "metadata.name").as_str().unwrap_or_default();
    if is_new && name.len() > 52 {
        faults.push(FieldError::invalid("metadata.name", name, "must be no more than 52 characters"));
    }
    faults
}

/// A time zone is one that has a name.
fn time_zone(zone: &Place<'_>) -> Option<FieldError> {
    let name = zone.value.as_str()?;
    let fits = |part: &str| {
        (1..=14).contains(&part.len())
            && ![".", ".."].contains(&part)
            && !part.starts_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    let unknown = || zone.invalid(format!("unknown time zone {name}"));
    if name.is_empty() {
        Some(zone.invalid("timeZone must be nil or non-empty string"))
    } else if !name.split('/').all(fits) {
        Some(unknown())
    } else if name.eq_ignore_ascii_case("Local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        Some(zone.invalid(detail))
    } else {
        (!schedule::is_time_zone(name)).then(unknown)
    }
}

/// A path below a domain, such as `example.com/controller`.
pub(super) fn domain_path(place: &Place<'_>) -> Vec<FieldError> {
    let text = place.text();
    if text.is_empty() {
        return vec![place.required("")];
    }
    let Some((domain, path)) =
        text.split_once('/').filter(|(domain, path)| !domain.is_empty() && !path.is_empty())
    else {
        return vec![place.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")")];
    };
    let wrong = names::dns_subdomain_faults(domain).into_iter();
    let mut faults: Vec<FieldError> =
        wrong.map(|fault| FieldError::invalid(&*place.path, domain, fault)).collect();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/%-._~!$&'()*+,;=:".contains(&byte);
    if !path.bytes().all(fits) {
        let detail = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        faults.push(FieldError::invalid(&*place.path, path, detail));
    }
    faults
}

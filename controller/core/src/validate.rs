//! What a Rollout must be before anything is done for it. A mistake is data: the condition InvalidSpec, whose message
//! has the shape of the peer's and says in addition what to write instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use verdigris_crds::{BlueGreenStrategy, RolloutSpec, Selector, keys};

use crate::analysis::{self, Moment, Source};
use crate::neighbours;
use crate::observed::{Observed, Refusal, ServiceSeen};
use crate::selector;

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub field: String,
    /// What was found, as Kubernetes prints it (strings quoted); `None` where the field is missing.
    pub found: Option<String>,
    pub detail: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(out, "{}: Invalid value: {found}: {}", self.field, self.detail),
            None => write!(out, "{}: Required value: {}", self.field, self.detail),
        }
    }
}

impl FieldError {
    pub(crate) fn invalid(field: &str, found: impl fmt::Display, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), found: Some(found.to_string()), detail: detail.into() }
    }

    fn required(field: &str, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), found: None, detail: detail.into() }
    }
}

/// The API server's own words about the template it refused: they name field, value and what would do.
pub(crate) fn refused_template(refusal: &Refusal) -> String {
    let text = without_name(&refusal.message);
    if text.contains("spec.template") { text.to_owned() } else { format!("spec.template: {text}") }
}

/// The server's words without the object they begin with. A dry run has another, random name each time, and a message
/// that is never the same would be written for ever: `ReplicaSet.apps "shop-x7k2p" is invalid: spec...`.
pub(crate) fn without_name(message: &str) -> &str {
    let reason = message.split_once("\" is ").and_then(|(_, rest)| rest.split_once(": "));
    reason.map_or(message, |(_, text)| text)
}

/// The parts of a Rollout that blue-green needs, known to be there and to fit together.
pub(crate) struct Valid<'a> {
    pub template: &'a Value,
    pub selector: &'a Selector,
    pub strategy: &'a BlueGreenStrategy,
    pub active: &'a ServiceSeen,
    pub preview: Option<&'a ServiceSeen>,
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Checks all that can be checked without asking the API server. Only the first mistake is told, as by the peer.
pub(crate) fn validate(observed: &Observed) -> Result<Valid<'_>, FieldError> {
    let spec = &observed.rollout.spec;
    not_negative("spec.replicas", spec.replicas)?;
    let selector = usable_selector(spec)?;
    let (template, labels) = matching_template(spec, selector)?;
    not_negative("spec.minReadySeconds", spec.min_ready_seconds)?;
    not_negative("spec.revisionHistoryLimit", spec.revision_history_limit)?;
    let window = spec.rollback_window.as_ref().and_then(|window| window.revisions);
    not_negative("spec.rollbackWindow.revisions", window)?;
    deadline_after_readiness(spec)?;
    let strategy = only_blue_green(spec)?;
    counts_of(strategy, spec)?;
    anti_affinity(strategy)?;
    let (active, preview) = services(observed, strategy, &labels)?;
    analyses(observed, strategy)?;
    role_labels(strategy, selector, &labels, [Some(active), preview])?;
    Ok(Valid { template, selector, strategy, active, preview })
}

fn not_negative(field: &str, number: Option<i32>) -> Result<(), FieldError> {
    match number {
        Some(number) if number < 0 => {
            Err(FieldError::invalid(field, number, "must be greater than or equal to 0; write 0 or more"))
        }
        Some(_) | None => Ok(()),
    }
}

fn usable_selector(spec: &RolloutSpec) -> Result<&Selector, FieldError> {
    let found = spec.selector.as_ref().ok_or_else(|| {
        FieldError::required(
            "spec.selector",
            "Rollout has missing field '.spec.selector'; write matchLabels with labels of spec.template",
        )
    })?;
    if selector::is_empty(found) {
        let detail =
            "empty selector is invalid for deployment; write matchLabels with labels of spec.template";
        return Err(FieldError::invalid("spec.selector", "{}", detail));
    }
    selector::check(found).map_err(|bad| {
        FieldError::invalid(&format!("spec.selector{}", bad.field), quoted(&bad.value), bad.detail)
    })?;
    Ok(found)
}

fn matching_template<'a>(
    spec: &'a RolloutSpec,
    selector: &Selector,
) -> Result<(&'a Value, BTreeMap<String, String>), FieldError> {
    let template = spec.template.as_ref().filter(|template| !template.is_null()).ok_or_else(|| {
        FieldError::required(
            "spec.template",
            "Rollout has missing field '.spec.template'; write a pod template",
        )
    })?;
    let pod = template.get("spec").and_then(Value::as_object);
    if pod.and_then(|pod| pod.get("containers")).and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(FieldError::required("spec.template.spec.containers", "write at least one container"));
    }
    let mut labels = BTreeMap::new();
    let found = template.pointer("/metadata/labels");
    for (key, value) in found.and_then(Value::as_object).into_iter().flatten() {
        let Some(value) = value.as_str() else {
            let field = format!("spec.template.metadata.labels[{key}]");
            return Err(FieldError::invalid(&field, value, "must be a string; write it in quotes"));
        };
        labels.insert(key.clone(), value.to_owned());
    }
    if !selector::matches(selector, &labels) {
        let wanted = selector::to_text(selector, None);
        return Err(FieldError::invalid(
            "spec.template.metadata.labels",
            found.map_or_else(|| "{}".to_owned(), Value::to_string),
            format!("`selector` does not match template `labels`; write labels that match `{wanted}`"),
        ));
    }
    Ok((template, labels))
}

fn deadline_after_readiness(spec: &RolloutSpec) -> Result<(), FieldError> {
    let field = "spec.progressDeadlineSeconds";
    not_negative(field, spec.progress_deadline_seconds)?;
    let (deadline, ready) =
        (spec.progress_deadline_seconds.unwrap_or(600), spec.min_ready_seconds.unwrap_or(0));
    if deadline <= ready {
        let detail = format!("must be greater than minReadySeconds; write more than {ready}");
        return Err(FieldError::invalid(field, deadline, detail));
    }
    Ok(())
}

fn only_blue_green(spec: &RolloutSpec) -> Result<&BlueGreenStrategy, FieldError> {
    let strategy = spec.strategy.as_ref();
    let blue_green = strategy.and_then(|strategy| strategy.blue_green.as_ref());
    let canary = strategy.and_then(|strategy| strategy.canary.as_ref());
    match (blue_green, canary) {
        (Some(_), Some(_)) => Err(FieldError::invalid(
            "spec.strategy",
            quoted("blueGreen, canary"),
            "Multiple Strategies can not be listed; keep one of blueGreen and canary",
        )),
        (Some(blue_green), None) => Ok(blue_green),
        (None, _) => Err(FieldError::required(
            "spec.strategy",
            "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'; write \
             blueGreen with activeService",
        )),
    }
}

fn counts_of(strategy: &BlueGreenStrategy, spec: &RolloutSpec) -> Result<(), FieldError> {
    for (name, number) in [
        ("previewReplicaCount", strategy.preview_replica_count),
        ("autoPromotionSeconds", strategy.auto_promotion_seconds),
        ("scaleDownDelaySeconds", strategy.scale_down_delay_seconds),
        ("scaleDownDelayRevisionLimit", strategy.scale_down_delay_revision_limit),
        ("abortScaleDownDelaySeconds", strategy.abort_scale_down_delay_seconds),
    ] {
        not_negative(&format!("spec.strategy.blueGreen.{name}"), number)?;
    }
    if strategy.active_service.is_empty() {
        return Err(FieldError::required(
            "spec.strategy.blueGreen.activeService",
            "write the name of the Service that production traffic uses",
        ));
    }
    if strategy.preview_service.as_deref() == Some(strategy.active_service.as_str()) {
        return Err(FieldError::invalid(
            "spec.strategy.activeService",
            quoted(&strategy.active_service),
            "This rollout uses the same service for the active and preview services, but two different services \
             are required.",
        ));
    }
    let history = spec.revision_history_limit.unwrap_or(10);
    match strategy.scale_down_delay_revision_limit {
        Some(limit) if limit > history => Err(FieldError::invalid(
            "spec.strategy.scaleDownDelayRevisionLimit",
            limit,
            format!(
                "This rollout's revision history limit can not be smaller than the rollout's scale down limit; \
                 write at most {history}, or a larger spec.revisionHistoryLimit"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

fn anti_affinity(strategy: &BlueGreenStrategy) -> Result<(), FieldError> {
    let Some(found) = &strategy.anti_affinity else { return Ok(()) };
    let field = "spec.strategy.antiAffinity";
    let preferred = found.preferred_during_scheduling_ignored_during_execution.as_ref();
    let required = found.required_during_scheduling_ignored_during_execution.as_ref();
    if preferred.is_some() == required.is_some() {
        let text = serde_json::to_string(found).unwrap_or_default();
        return Err(FieldError::invalid(
            field,
            text,
            "AntiAffinity must have exactly one strategy listed; keep one of \
             preferredDuringSchedulingIgnoredDuringExecution and requiredDuringSchedulingIgnoredDuringExecution",
        ));
    }
    match preferred.map(|preferred| preferred.weight.unwrap_or(0)) {
        Some(weight) if !(1..=100).contains(&weight) => Err(FieldError::invalid(
            &format!("{field}.weight"),
            weight,
            "AntiAffinity weight must be between 1-100; write preferredDuringSchedulingIgnoredDuringExecution.weight",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Labels of a role may be any but those by which pods are selected: they would leave their version, or their Service.
fn role_labels(
    strategy: &BlueGreenStrategy,
    selector: &Selector,
    labels: &BTreeMap<String, String>,
    services: [Option<&ServiceSeen>; 2],
) -> Result<(), FieldError> {
    let of_selector = selector.match_labels.iter().flatten().map(|(key, _)| key.as_str());
    let of_expressions =
        selector.match_expressions.iter().flatten().map(|expression| expression.key.as_str());
    let of_services =
        services.into_iter().flatten().flat_map(|service| service.selector.keys()).map(String::as_str);
    let selecting: BTreeSet<&str> =
        of_selector.chain(of_expressions).chain(of_services).chain([keys::POD_TEMPLATE_HASH]).collect();
    for (name, metadata) in
        [("previewMetadata", &strategy.preview_metadata), ("activeMetadata", &strategy.active_metadata)]
    {
        let wanted = metadata.iter().flat_map(|metadata| &metadata.labels).flatten();
        for (key, value) in wanted.filter(|(key, _)| selecting.contains(key.as_str())) {
            if labels.get(key) != Some(value) {
                return Err(FieldError::invalid(
                    &format!("spec.strategy.blueGreen.{name}.labels[{key}]"),
                    quoted(value),
                    "pods are selected by this label, so it may not change with their role; choose another one",
                ));
            }
        }
    }
    Ok(())
}

fn services<'a>(
    observed: &'a Observed,
    strategy: &BlueGreenStrategy,
    labels: &BTreeMap<String, String>,
) -> Result<(&'a ServiceSeen, Option<&'a ServiceSeen>), FieldError> {
    let active =
        service(observed, "spec.strategy.blueGreen.activeService", &strategy.active_service, labels)?;
    let preview = match strategy.preview_service.as_deref() {
        Some(name) if !name.is_empty() => {
            Some(service(observed, "spec.strategy.blueGreen.previewService", name, labels)?)
        }
        Some(_) | None => None,
    };
    Ok((active, preview))
}

/// Hashes do not matter here: what they are is known when a run is made.
fn analyses(observed: &Observed, strategy: &BlueGreenStrategy) -> Result<(), FieldError> {
    let source = Source { rollout: &observed.rollout, latest: "", stable: "" };
    for moment in [Moment::PrePromotion, Moment::PostPromotion] {
        analysis::check(moment, strategy, &observed.analysis, source).map_err(|wrong| FieldError {
            field: wrong.field,
            found: Some(wrong.found),
            detail: wrong.detail,
        })?;
    }
    Ok(())
}

fn service<'a>(
    observed: &'a Observed,
    field: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Result<&'a ServiceSeen, FieldError> {
    let wrong = |detail: String| FieldError::invalid(field, quoted(name), detail);
    let found = observed.service(name).ok_or_else(|| {
        wrong(format!("service \"{name}\" not found; create it, or write the name of one that exists"))
    })?;
    for (label, value) in found.selector.iter().filter(|(label, _)| *label != keys::POD_TEMPLATE_HASH) {
        if labels.get(label) != Some(value) {
            return Err(wrong(format!(
                "Service \"{name}\" has unmatch label \"{label}\" in rollout; give spec.template the label \
                 {label}: {value}, or change the Service's selector"
            )));
        }
    }
    neighbours::check(observed, field, found)?;
    Ok(found)
}

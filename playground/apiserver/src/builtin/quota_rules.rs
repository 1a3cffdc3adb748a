//! What quotas and ranges of limits must be like, and budgets for disruptions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::container_rules::resources;
use super::place::{Place, structure};
use super::quantity::Quantity;
use super::rules::selector_faults;
use super::workload_rules::{count_or_percent, not_more_than_all};
use crate::field_error::FieldError;
use crate::names;

/// Scopes that take no values.
const PLAIN_SCOPES: [&str; 5] =
    ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];

const OF_PODS: [&str; 7] =
    ["pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

pub(super) fn quota(quota: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &quota["spec"]);
    let mut faults = Vec::new();
    for (resource, amount) in spec.field("hard").entries() {
        faults.extend(resources::quota_name(resource, &amount));
        faults.extend(resources::amount(resource, &amount));
    }
    faults.extend(scopes(&spec));
    faults.extend(scope_selector(&spec));
    faults
}

fn is_scope(scope: &str) -> bool {
    PLAIN_SCOPES.contains(&scope) || ["PriorityClass", "VolumeAttributesClass"].contains(&scope)
}

/// Whether what a quota counts is within a scope.
fn applies(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => ["persistentvolumeclaims", "requests.storage"].contains(&resource),
        // What nobody knows is refused already.
        _ => OF_PODS.contains(&resource) || !is_scope(scope),
    }
}

fn scopes(spec: &Place<'_>) -> Vec<FieldError> {
    let scopes = spec.field("scopes");
    let mut faults = Vec::new();
    for scope in scopes.items() {
        if !is_scope(scope.text()) {
            faults.push(scopes.invalid("unsupported scope"));
        }
        faults.extend(
            outside(scope.text(), spec).map(|()| scopes.invalid("unsupported scope applied to resource")),
        );
    }
    let given: BTreeSet<&str> = scopes.items().map(|scope| scope.text()).collect();
    faults.extend(contrary(&given).map(|()| scopes.invalid("conflicting scopes")));
    faults
}

/// One for each counted resource that is not within a scope.
fn outside<'a>(scope: &'a str, spec: &Place<'a>) -> impl Iterator<Item = ()> + use<'a> {
    let hard = spec.field("hard");
    // Counts of other objects have names of their own, which no scope speaks of.
    let counted = hard.entries().filter(|(resource, _)| !resource.contains('/'));
    counted.filter(move |(resource, _)| !applies(scope, resource)).map(|_| ())
}

/// One for each pair of scopes that exclude each other.
fn contrary(scopes: &BTreeSet<&str>) -> impl Iterator<Item = ()> + use<> {
    let both = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]]
        .map(|pair| pair.iter().all(|scope| scopes.contains(scope)));
    both.into_iter().filter(|both| *both).map(|_| ())
}

fn scope_selector(spec: &Place<'_>) -> Vec<FieldError> {
    let all = spec.field("scopeSelector.matchExpressions");
    let mut faults = Vec::new();
    for expression in all.items() {
        let shared = |field: &str| expression.field(field).named(format!("{}.{field}", all.path));
        let (scope, operator, values) = (shared("scopeName"), shared("operator"), shared("values"));
        if !is_scope(scope.text()) {
            faults.push(scope.invalid("unsupported scope"));
        }
        let whole = spec.field("scopeSelector").named(&*all.path);
        faults.extend(
            outside(scope.text(), spec).map(|()| whole.invalid("unsupported scope applied to resource")),
        );
        if PLAIN_SCOPES.contains(&scope.text()) && operator.text() != "Exists" {
            faults.push(operator.invalid("must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
        }
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => faults.push(values.required(
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                faults.push(values.invalid(
                    "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                ))
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => faults.push(operator.invalid("not a valid selector operator")),
        }
    }
    let given: BTreeSet<&str> = all.items().map(|expression| expression.field("scopeName").text()).collect();
    let scopes = spec.field("scopes").named(&*all.path);
    faults.extend(contrary(&given).map(|()| scopes.invalid("conflicting scopes")));
    faults
}

/// The amounts of a limit by their sort.
type Amounts = BTreeMap<&'static str, Quantity>;

pub(super) fn limit_range(range: &Value) -> Vec<FieldError> {
    let limits = Place::new("spec.limits", &range["spec"]["limits"]);
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for limit in limits.items() {
        let kind = limit.field("type");
        let wrong = kind.worded_always(names::qualified_name_faults);
        let standard = ["Pod", "Container", "PersistentVolumeClaim"].contains(&kind.text());
        if wrong.is_empty() && !kind.text().contains('/') && !standard {
            faults.push(kind.invalid("must be a standard limit type or fully qualified"));
        }
        faults.extend(wrong);
        faults.extend(kind.unique(&mut seen));
        faults.extend(limit_faults(&limit, kind.text()));
    }
    faults
}

fn limit_faults(limit: &Place<'_>, kind: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut known: BTreeMap<&str, Amounts> = BTreeMap::new();
    let named =
        if ["Pod", "Container"].contains(&kind) { resources::container_name } else { resources::any_name };
    for sort in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        let amounts = limit.field(sort);
        if kind == "Pod" && sort.starts_with("default") {
            if !amounts.is_empty() {
                faults.push(amounts.forbidden("may not be specified when `type` is 'Pod'"));
            }
            continue;
        }
        if sort == "maxLimitRequestRatio"
            && kind == "PersistentVolumeClaim"
            && !["min", "max"].iter().any(|sort| limit.field(sort).field("storage").is_set())
        {
            let detail = "either minimum or maximum storage value is required, but neither was provided";
            faults.push(limit.field("limits").required(detail));
        }
        for (resource, amount) in amounts.entries() {
            faults.extend(named(resource, &amount));
            let Some(quantity) = amount.quantity() else { continue };
            known.entry(resource).or_default().insert(sort, quantity);
        }
    }
    for (resource, amounts) in &known {
        faults.extend(order_faults(limit, resource, amounts));
    }
    faults
}

/// Minima, what is assumed, and maxima are in this order.
fn order_faults(limit: &Place<'_>, resource: &str, amounts: &Amounts) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let amount = |sort: &str| amounts.get(sort);
    let mut fault = |sort: &str, found: &Quantity, detail: String| {
        let path = format!("{}.{sort}[{resource}]", limit.path);
        faults.push(FieldError::invalid(path, found.to_string(), detail));
    };
    let words =
        [("min", "min"), ("defaultRequest", "default request"), ("default", "default"), ("max", "max")];
    let word = |sort: &str| words.iter().find(|(name, _)| *name == sort).map_or("", |(_, word)| *word);
    // Which is less, which is more, where the fault is said to be and which of the two it shows.
    let pairs = [
        ("min", "max", "min", "min"),
        ("min", "defaultRequest", "defaultRequest", "defaultRequest"),
        ("defaultRequest", "max", "defaultRequest", "defaultRequest"),
        ("defaultRequest", "default", "defaultRequest", "defaultRequest"),
        ("min", "default", "default", "min"),
        ("default", "max", "default", "max"),
    ];
    for (less, more, at, shown) in pairs {
        let (Some(low), Some(high)) = (amount(less), amount(more)) else { continue };
        if low.as_f64() > high.as_f64() {
            let more_word =
                if (less, more) == ("defaultRequest", "default") { "default limit" } else { word(more) };
            let detail = format!("{} value {low} is greater than {more_word} value {high}", word(less));
            fault(at, if shown == less { low } else { high }, detail);
        }
    }
    if let Some(ratio) = amount("maxLimitRequestRatio") {
        if ratio.as_f64() < 1.0 {
            fault("maxLimitRequestRatio", ratio, format!("ratio {ratio} is less than 1"));
        }
        if let (Some(low), Some(high)) = (amount("min"), amount("max"))
            && ratio.as_f64() > high.as_f64() / low.as_f64()
        {
            let most = high.as_f64() / low.as_f64();
            let detail = format!("ratio {ratio} is greater than max/min = {most:.6}");
            fault("maxLimitRequestRatio", ratio, detail);
        }
    }
    faults
}

pub(super) fn disruption_budget(budget: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &budget["spec"]);
    let (least, most) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    let mut faults = Vec::new();
    if least.is_set() && most.is_set() {
        let fields = ["maxUnavailable", "minAvailable", "selector", "unhealthyPodEvictionPolicy"]
            .map(|field| (field, Value::Null));
        let detail = "minAvailable and maxUnavailable cannot be both set";
        faults.push(FieldError::invalid("spec", structure(spec.value, &fields), detail));
    }
    for part in [least, most] {
        faults.extend(count_or_percent(&part));
        faults.extend(not_more_than_all(&part));
    }
    let selector = spec.field("selector");
    faults.extend(selector_faults(selector.value, &selector.path));
    faults.extend(spec.field("unhealthyPodEvictionPolicy").among(&["AlwaysAllow", "IfHealthyBudget"]));
    faults
}

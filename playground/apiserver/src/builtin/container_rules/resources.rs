//! What resources may be asked for, and how they may be named.

use std::collections::BTreeSet;

use crate::builtin::place::Place;
use crate::builtin::quantity::Quantity;
use crate::field_error::FieldError;
use crate::names;

/// Resources of containers.
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Names without a domain that mean something somewhere.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Resources that are counted in whole numbers.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Faults of the limits and requests at a place; `named` says which resources there are.
pub(in crate::builtin) fn requirements(
    resources: &Place<'_>,
    named: fn(&str, &Place<'_>) -> Vec<FieldError>,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    for (resource, limit) in limits.entries() {
        faults.extend(named(resource, &limit));
        faults.extend(amount(resource, &limit));
        faults.extend(page_fault(resource, &limit));
    }
    for (resource, request) in requests.entries() {
        faults.extend(named(resource, &request));
        faults.extend(amount(resource, &request));
        let limit =
            limits.entries().find(|(name, _)| *name == resource).and_then(|(_, limit)| limit.quantity());
        faults.extend(request_fault(resource, &request, limit, resources));
        faults.extend(page_fault(resource, &request));
    }
    let asked: BTreeSet<&str> = limits.entries().chain(requests.entries()).map(|(name, _)| name).collect();
    let pages = asked.iter().any(|name| is_huge_page(name));
    if pages && !asked.contains("cpu") && !asked.contains("memory") {
        faults.push(resources.forbidden("HugePages require cpu or memory"));
    }
    faults
}

fn request_fault(
    resource: &str,
    request: &Place<'_>,
    limit: Option<Quantity>,
    resources: &Place<'_>,
) -> Option<FieldError> {
    let quantity = request.quantity()?;
    let fault = |relation: &str, limit: &Quantity| {
        let detail = format!("must be {relation} {resource} limit of {limit}");
        FieldError::invalid(format!("{}.requests", resources.path), quantity.to_string(), detail)
    };
    match limit {
        Some(limit) if quantity.as_f64() != limit.as_f64() && !may_be_overcommitted(resource) => {
            Some(fault("equal to", &limit))
        }
        Some(limit) => (quantity.as_f64() > limit.as_f64()).then(|| fault("less than or equal to", &limit)),
        None if may_be_overcommitted(resource) => None,
        None => {
            Some(resources.field("limits").required("Limit must be set for non overcommitable resources"))
        }
    }
}

/// What is wrong with an amount: it is negative, or a part of what comes in wholes.
pub(in crate::builtin) fn amount(resource: &str, amount: &Place<'_>) -> Vec<FieldError> {
    let Some(quantity) = amount.quantity() else { return Vec::new() };
    let fault = |detail: &str| FieldError::invalid(&*amount.path, quantity.to_string(), detail);
    let mut faults = Vec::new();
    if quantity.is_negative() {
        faults.push(fault("must be greater than or equal to 0"));
    }
    if (COUNTED.contains(&resource) || is_extended(resource)) && quantity.as_f64().fract() != 0.0 {
        faults.push(fault("must be an integer"));
    }
    faults
}

fn page_fault(resource: &str, amount: &Place<'_>) -> Option<FieldError> {
    let page = crate::builtin::quantity::parse(resource.strip_prefix("hugepages-")?).ok()?.as_f64();
    let quantity = amount.quantity()?;
    let whole = page > 0.0 && quantity.as_f64() % page == 0.0;
    let detail = format!("{quantity} is not positive integer multiple of {resource}");
    (!whole).then(|| FieldError::invalid(&*amount.path, quantity.to_string(), detail))
}

/// Faults of the name of any resource.
pub(in crate::builtin) fn any_name(resource: &str, place: &Place<'_>) -> Vec<FieldError> {
    let wrong = |detail: String| FieldError::invalid(&*place.path, resource, detail);
    let faults: Vec<FieldError> = names::qualified_name_faults(resource).into_iter().map(wrong).collect();
    let known = STANDARD.contains(&resource) || is_huge_page(resource.trim_start_matches("requests."));
    if faults.is_empty() && !resource.contains('/') && !known {
        return vec![wrong("must be a standard resource type or fully qualified".to_owned())];
    }
    faults
}

/// Faults of the name of a resource of a container.
pub(in crate::builtin) fn container_name(resource: &str, place: &Place<'_>) -> Vec<FieldError> {
    let mut faults = any_name(resource, place);
    let mut wrong = |detail: &str| faults.push(FieldError::invalid(&*place.path, resource, detail));
    if !resource.contains('/') {
        if !OF_CONTAINERS.contains(&resource) && !is_huge_page(resource) {
            wrong("must be a standard resource for containers");
        }
    } else if !is_native(resource) && !is_extended(resource) {
        wrong("doesn't follow extended resource name standard");
    }
    faults
}

/// Faults of the name of a resource of a whole pod.
pub(in crate::builtin) fn pod_name(resource: &str, place: &Place<'_>) -> Vec<FieldError> {
    let faults = any_name(resource, place);
    let known = ["cpu", "memory"].contains(&resource) || is_huge_page(resource);
    if faults.is_empty() && !known {
        return vec![FieldError::not_supported(&*place.path, resource, &["cpu", "hugepages-", "memory"])];
    }
    faults
}

/// Faults of the name of a resource of a quota.
pub(in crate::builtin) fn quota_name(resource: &str, place: &Place<'_>) -> Vec<FieldError> {
    let mut faults = any_name(resource, place);
    let known = STANDARD.contains(&resource) && resource != "storage"
        || is_huge_page(resource.trim_start_matches("requests."));
    if !resource.contains('/') && !known {
        faults.push(FieldError::invalid(&*place.path, resource, "must be a standard resource for quota"));
    }
    faults
}

fn is_huge_page(resource: &str) -> bool {
    resource.starts_with("hugepages-")
}

fn is_native(resource: &str) -> bool {
    !resource.contains('/') || resource.contains("kubernetes.io/")
}

/// Whether a resource is of somebody's own domain.
fn is_extended(resource: &str) -> bool {
    !is_native(resource)
        && !resource.starts_with("requests.")
        && names::qualified_name_faults(&format!("requests.{resource}")).is_empty()
}

pub(in crate::builtin) fn may_be_overcommitted(resource: &str) -> bool {
    is_native(resource) && !is_huge_page(resource)
}

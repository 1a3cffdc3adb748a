//! What probes and hooks must be like.

use crate::builtin::place::Place;
use crate::field_error::FieldError;
use crate::names;

/// What a probe may do.
const PROBES: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

/// What a hook may do.
const HOOKS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "sleep"];

/// Faults of the hooks of a container in a pod that has so many seconds to end.
pub(super) fn hooks(container: &Place<'_>, pod: &Place<'_>) -> Vec<FieldError> {
    let lifecycle = container.field("lifecycle");
    let mut faults = Vec::new();
    for hook in ["postStart", "preStop"].map(|hook| lifecycle.field(hook)).into_iter().filter(Place::is_set) {
        faults.extend(action(&hook, &HOOKS, pod));
    }
    faults
}

/// Faults of the probes of a container.
pub(super) fn probes(container: &Place<'_>, pod: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.field(kind);
        if !probe.is_set() {
            continue;
        }
        faults.extend(action(&probe, &PROBES, pod));
        for field in
            ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            faults.extend(probe.field(field).not_negative());
        }
        let grace = probe.field("terminationGracePeriodSeconds");
        if grace.number().is_some_and(|seconds| seconds <= 0) {
            faults.push(grace.invalid("must be greater than 0"));
        }
        let threshold = probe.field("successThreshold");
        if kind != "readinessProbe" && threshold.number().is_some_and(|times| times != 1) {
            faults.push(threshold.invalid("must be 1"));
        }
        if kind == "readinessProbe" && grace.is_set() {
            faults.push(grace.invalid("must not be set for readinessProbes"));
        }
    }
    faults
}

/// A probe or hook does exactly one thing.
fn action(handler: &Place<'_>, kinds: &[&str], pod: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut given = kinds.iter().filter(|kind| handler.field(kind).is_set());
    let Some(first) = given.next() else {
        return vec![handler.required("must specify a handler type")];
    };
    let place = handler.field(first);
    match *first {
        "exec" => faults.extend(place.field("command").needed()),
        "httpGet" => {
            faults.extend(place.field("path").needed());
            faults.extend(place.field("port").port_or_name());
            faults.extend(place.field("scheme").among(&["HTTP", "HTTPS"]));
            let headers = place.field("httpHeaders");
            for header in headers.items() {
                let name = header.field("name").named(&*headers.path);
                faults.extend(name.worded_always(names::header_name_faults));
            }
        }
        "tcpSocket" => faults.extend(place.field("port").port_or_name()),
        "grpc" => faults.extend(place.field("port").port()),
        _ => {
            let (seconds, grace) =
                (place.field("seconds").number(), pod.field("terminationGracePeriodSeconds"));
            let seconds = seconds.unwrap_or_default();
            if let Some(grace) = grace.number().filter(|grace| !(0..=*grace).contains(&seconds)) {
                let detail =
                    format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                faults.push(FieldError::invalid(&*place.path, seconds, detail));
            }
        }
    }
    faults
        .extend(given.map(|kind| handler.field(kind).forbidden("may not specify more than 1 handler type")));
    faults
}

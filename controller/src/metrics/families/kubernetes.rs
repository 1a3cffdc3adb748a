//! Of what the controller asks of the API server, and of the process.

use super::{Family, Kind, Source, View};
use crate::metrics::{process::Process, text::Lines};

/// Where the peer has the object's namespace and name.
const NOT_TOLD: &str = "N/A";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "controller_clientset_k8s_request_total",
        kind: Kind::Counter,
        labels: &["kind", "namespace", "name", "verb", "status_code"],
        help: "Requests to the API server. Not by namespace and name, which would never end; code 0 is no answer.",
        source: Source::Few(|view, lines| {
            for ((kind, verb, code), count) in view.metrics.requests.answered() {
                let code = code.to_string();
                let [namespace, name] = [("namespace", NOT_TOLD), ("name", NOT_TOLD)];
                let request =
                    [("kind", kind), namespace, name, ("verb", verb.text()), ("status_code", code.as_str())];
                lines.sample(&request, count);
            }
        }),
    },
    Family {
        name: "verdigris_api_request_duration_seconds",
        kind: Kind::Histogram,
        labels: &["verb"],
        help: "How long the API server took to begin an answer.",
        source: Source::Few(|view, lines| {
            for (verb, times) in view.metrics.requests.times() {
                lines.histogram(&[("verb", verb.text())], &times);
            }
        }),
    },
    process(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Time that processors spent on this process, in seconds.",
        |view, lines| tell(view, lines, |process| process.cpu_seconds),
    ),
    process(
        "process_start_time_seconds",
        Kind::Gauge,
        "When this process was started, in seconds since 1970.",
        |view, lines| tell(view, lines, |process| process.started),
    ),
    process(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory of this process that is in use.",
        |view, lines| tell(view, lines, |process| process.resident_bytes),
    ),
    process("process_virtual_memory_bytes", Kind::Gauge, "Addresses of this process.", |view, lines| {
        tell(view, lines, |process| process.virtual_bytes)
    }),
    process("process_open_fds", Kind::Gauge, "Files and sockets that are open.", |view, lines| {
        tell(view, lines, |process| process.open_fds);
    }),
    process("process_max_fds", Kind::Gauge, "Files and sockets that may be open.", |view, lines| {
        tell(view, lines, |process| process.max_fds);
    }),
];

const fn process(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    write: fn(&View<'_>, &mut Lines<'_>),
) -> Family {
    Family { name, kind, labels: &[], help, source: Source::Few(write) }
}

fn tell<T: std::fmt::Display>(view: &View<'_>, lines: &mut Lines<'_>, what: fn(&Process) -> T) {
    if let Some(process) = &view.process {
        lines.sample(&[], what(process));
    }
}

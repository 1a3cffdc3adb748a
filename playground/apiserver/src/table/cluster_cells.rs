//! The cells of the other built-in kinds.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{scalar, text_at};

/// Endpoints shown before the rest is only counted.
const SHOWN_MAX: usize = 3;

pub(super) fn endpoints(object: &Value, _: Timestamp) -> Value {
    let mut shown = Vec::new();
    for subset in list(&object["subsets"]) {
        let addresses: Vec<&str> =
            list(&subset["addresses"]).iter().map(|address| text(address, "ip")).collect();
        let ports = list(&subset["ports"]);
        if ports.is_empty() {
            shown.extend(addresses.iter().map(|address| (*address).to_owned()));
        }
        for port in ports {
            let number = &port["port"];
            shown.extend(addresses.iter().map(|address| format!("{address}:{number}")));
        }
    }
    if list(&object["subsets"]).is_empty() { json!("<none>") } else { with_more(&shown, "") }
}

pub(super) fn slice_ports(object: &Value, _: Timestamp) -> Value {
    let ports: Vec<String> = list(&object["ports"])
        .iter()
        .map(|port| scalar(&port["port"]).or_else(|| scalar(&port["name"])).unwrap_or_else(|| "*".to_owned()))
        .collect();
    with_more(&ports, "<unset>")
}

pub(super) fn slice_endpoints(object: &Value, _: Timestamp) -> Value {
    let addresses: Vec<String> = list(&object["endpoints"])
        .iter()
        .flat_map(|endpoint| list(&endpoint["addresses"]))
        .filter_map(scalar)
        .collect();
    with_more(&addresses, "<unset>")
}

fn with_more(all: &[String], none: &str) -> Value {
    let shown = all[..all.len().min(SHOWN_MAX)].join(",");
    match all.len() {
        0 => json!(none),
        count if count > SHOWN_MAX => json!(format!("{shown} + {} more...", count - SHOWN_MAX)),
        _ => json!(shown),
    }
}

pub(super) fn node_status(node: &Value, _: Timestamp) -> Value {
    let ready = list(&node["status"]["conditions"]).iter().find(|condition| condition["type"] == "Ready");
    let mut status = match ready {
        Some(condition) if condition["status"] == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node["spec"]["unschedulable"] == true {
        status += ",SchedulingDisabled";
    }
    json!(status)
}

pub(super) fn node_roles(node: &Value, _: Timestamp) -> Value {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles: BTreeSet<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None => (key == "kubernetes.io/role").then(|| value.as_str()).flatten(),
        })
        .filter(|role| !role.is_empty())
        .collect();
    let roles: Vec<&str> = roles.into_iter().collect();
    json!(if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") })
}

pub(super) fn node_address(node: &Value, kind: &str) -> Value {
    let address = list(&node["status"]["addresses"]).iter().find(|address| address["type"] == kind);
    json!(address.map_or("<none>", |address| text(address, "address")))
}

pub(super) fn node_kernel(node: &Value, _: Timestamp) -> Value {
    let info = &node["status"]["nodeInfo"];
    let kernel = Some(text(info, "kernelVersion")).filter(|kernel| !kernel.is_empty()).unwrap_or("<unknown>");
    match text(info, "architecture") {
        "" => json!(kernel),
        architecture => json!(format!("{kernel} ({architecture})")),
    }
}

pub(super) fn external_address(service: &Value, _: Timestamp) -> Value {
    let spec = &service["spec"];
    let mut addresses: Vec<String> = Vec::new();
    match text(spec, "type") {
        "ExternalName" => return text_at(service, "/spec/externalName", ""),
        "LoadBalancer" => {
            let ingress = list(&service["status"]["loadBalancer"]["ingress"]);
            addresses.extend(
                ingress.iter().filter_map(|at| scalar(&at["ip"]).or_else(|| scalar(&at["hostname"]))),
            );
        }
        _ => {}
    }
    addresses.extend(list(&spec["externalIPs"]).iter().filter_map(scalar));
    match (addresses.is_empty(), text(spec, "type")) {
        (true, "LoadBalancer") => json!("<pending>"),
        (true, _) => json!("<none>"),
        _ => json!(addresses.join(",")),
    }
}

pub(super) fn service_ports(service: &Value, _: Timestamp) -> Value {
    let ports: Vec<String> = list(&service["spec"]["ports"])
        .iter()
        .map(|port| {
            let (number, protocol) = (&port["port"], text(port, "protocol"));
            match port["nodePort"].as_i64().unwrap_or(0) {
                0 => format!("{number}/{protocol}"),
                node_port => format!("{number}:{node_port}/{protocol}"),
            }
        })
        .collect();
    json!(if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") })
}

pub(super) fn hosts(ingress: &Value, _: Timestamp) -> Value {
    let hosts: Vec<&str> = list(&ingress["spec"]["rules"])
        .iter()
        .map(|rule| text(rule, "host"))
        .filter(|host| !host.is_empty())
        .collect();
    json!(if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") })
}

pub(super) fn load_balancer(ingress: &Value, _: Timestamp) -> Value {
    let at = list(&ingress["status"]["loadBalancer"]["ingress"]);
    let addresses: Vec<String> =
        at.iter().filter_map(|at| scalar(&at["ip"]).or_else(|| scalar(&at["hostname"]))).collect();
    json!(addresses.join(","))
}

/// The first of these times that is there.
fn event_time(event: &Value, pointers: &[&str], now: Timestamp) -> Value {
    let found = pointers.iter().find_map(|pointer| event.pointer(pointer).filter(|time| time.is_string()));
    json!(age::since(found.unwrap_or(&Value::Null), now))
}

pub(super) fn event_last_seen(event: &Value, now: Timestamp) -> Value {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/firstTimestamp", "/eventTime"];
    event_time(event, &times, now)
}

pub(super) fn event_first_seen(event: &Value, now: Timestamp) -> Value {
    event_time(event, &["/firstTimestamp", "/eventTime"], now)
}

pub(super) fn event_count(event: &Value, _: Timestamp) -> Value {
    let count = event["series"]["count"].as_i64().or_else(|| event["count"].as_i64());
    json!(count.filter(|count| *count > 0).unwrap_or(1))
}

pub(super) fn event_message(event: &Value, _: Timestamp) -> Value {
    json!(text(event, "message").trim())
}

pub(super) fn event_object(event: &Value, _: Timestamp) -> Value {
    let about = &event["involvedObject"];
    let kind = text(about, "kind").to_lowercase();
    match text(about, "name") {
        "" => json!(kind),
        name => json!(format!("{kind}/{name}")),
    }
}

pub(super) fn event_source(event: &Value, _: Timestamp) -> Value {
    let component = Some(text(&event["source"], "component")).filter(|component| !component.is_empty());
    let component = component.unwrap_or_else(|| text(event, "reportingComponent"));
    let host = Some(text(&event["source"], "host")).filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| text(event, "reportingInstance"));
    json!(if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") })
}

pub(super) fn access_modes(modes: &Value) -> Value {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    let modes: Vec<&str> = list(modes).iter().map(short).collect();
    json!(modes.join(","))
}

pub(super) fn volume_phase(volume: &Value, now: Timestamp) -> Value {
    if volume["metadata"]["deletionTimestamp"].is_null() {
        return super::cells::phase(volume, now);
    }
    json!("Terminating")
}

pub(super) fn claim(volume: &Value, _: Timestamp) -> Value {
    let claim = &volume["spec"]["claimRef"];
    if !claim.is_object() {
        return json!("");
    }
    json!(format!("{}/{}", text(claim, "namespace"), text(claim, "name")))
}

pub(super) fn quota(quota: &Value, limits: bool) -> Value {
    let hard = quota["status"]["hard"].as_object().into_iter().flatten();
    let parts: Vec<String> = hard
        .filter(|(resource, _)| resource.starts_with("limits.") == limits)
        .map(|(resource, most)| {
            let used = scalar(&quota["status"]["used"][resource]).unwrap_or_else(|| "0".to_owned());
            format!("{resource}: {used}/{}", scalar(most).unwrap_or_default())
        })
        .collect();
    json!(parts.join(", "))
}

pub(super) fn job_status(job: &Value, _: Timestamp) -> Value {
    let has = |kind: &str| {
        list(&job["status"]["conditions"])
            .iter()
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let deleted = !job["metadata"]["deletionTimestamp"].is_null();
    json!(match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if deleted => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    })
}

pub(super) fn job_completions(job: &Value, _: Timestamp) -> Value {
    let done = job["status"]["succeeded"].as_i64().unwrap_or(0);
    if let Some(wanted) = job["spec"]["completions"].as_i64() {
        return json!(format!("{done}/{wanted}"));
    }
    match job["spec"]["parallelism"].as_i64().unwrap_or(0) {
        parallel if parallel > 1 => json!(format!("{done}/1 of {parallel}")),
        _ => json!(format!("{done}/1")),
    }
}

pub(super) fn job_duration(job: &Value, now: Timestamp) -> Value {
    let time = |field: &str| job["status"][field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let Some(start) = time("startTime") else { return json!("") };
    let end = time("completionTime").unwrap_or(now);
    json!(age::human_duration(end.as_second() - start.as_second()))
}

pub(super) fn scale_target(autoscaler: &Value, _: Timestamp) -> Value {
    let target = &autoscaler["spec"]["scaleTargetRef"];
    json!(format!("{}/{}", text(target, "kind"), text(target, "name")))
}

/// `cpu: 20%/80%` for each metric; `<unknown>` where nothing was measured yet.
pub(super) fn scale_metrics(autoscaler: &Value, _: Timestamp) -> Value {
    let metrics = list(&autoscaler["spec"]["metrics"]);
    if metrics.is_empty() {
        return json!("<none>");
    }
    let current = list(&autoscaler["status"]["currentMetrics"]);
    let parts: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let source = &metric["resource"];
            let now = current.get(index).map_or(&Value::Null, |metric| &metric["resource"]["current"]);
            let percent = |of: &Value| of["averageUtilization"].as_i64().map(|percent| format!("{percent}%"));
            let value = |of: &Value| percent(of).or_else(|| scalar(&of["averageValue"]));
            let unknown = || "<unknown>".to_owned();
            let now = value(now).unwrap_or_else(unknown);
            format!("{}: {now}/{}", text(source, "name"), value(&source["target"]).unwrap_or_else(unknown))
        })
        .collect();
    json!(parts.join(", "))
}

pub(super) fn role(binding: &Value, _: Timestamp) -> Value {
    json!(format!("{}/{}", text(&binding["roleRef"], "kind"), text(&binding["roleRef"], "name")))
}

pub(super) fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = list(&binding["subjects"]).iter().filter(|subject| subject["kind"] == kind);
    let names: Vec<String> = subjects
        .map(|subject| match kind {
            "ServiceAccount" => format!("{}/{}", text(subject, "namespace"), text(subject, "name")),
            _ => text(subject, "name").to_owned(),
        })
        .collect();
    json!(names.join(", "))
}

pub(super) fn owner(object: &Value, _: Timestamp) -> Value {
    let owner = list(&object["metadata"]["ownerReferences"]).iter().find(|owner| owner["controller"] == true);
    let Some(owner) = owner else { return json!("<none>") };
    let (kind, version) = (text(owner, "kind").to_lowercase(), text(owner, "apiVersion"));
    let group = version.split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
    json!(format!("{kind}{group}/{}", text(owner, "name")))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

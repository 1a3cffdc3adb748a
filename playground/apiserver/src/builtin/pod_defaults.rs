//! What the API fills in in pods and pod templates where it depends on other fields; the rest is in the
//! table of defaults.

use serde_json::{Value, json};

use super::rules::{fill, items_mut, text};

/// The kinds of containers a pod has.
pub(super) const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Defaults of a pod's spec, in a pod and in a template alike.
pub(super) fn pod_spec(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    for list in CONTAINERS {
        items_mut(spec, list).for_each(container);
    }
    items_mut(spec, "volumes").for_each(volume);
    let named = [text(spec, "serviceAccountName"), text(spec, "serviceAccount")];
    let account = named.into_iter().find(|name| !name.is_empty()).map(str::to_owned);
    if let Some(account) = account {
        spec["serviceAccountName"] = json!(account);
        spec["serviceAccount"] = json!(account);
    }
    if spec["hostNetwork"] == true {
        for list in ["initContainers", "containers"] {
            for port in items_mut(spec, list).flat_map(|container| items_mut(container, "ports")) {
                let same = port["containerPort"].clone();
                fill(port, "hostPort", same);
            }
        }
    }
}

/// Defaults of a pod beyond those of a template.
pub(super) fn pod(pod: &mut Value) {
    list_addresses(&mut pod["status"]);
    let Some(spec) = pod.get_mut("spec") else { return };
    pod_spec(spec);
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        spec["terminationGracePeriodSeconds"] = json!(1);
    }
    fill(spec, "enableServiceLinks", true);
    for list in ["initContainers", "containers"] {
        items_mut(spec, list).for_each(request_what_is_limited);
    }
}

/// The one address of older clients is the first of the list, and wins over it.
fn list_addresses(status: &mut Value) {
    let one = text(status, "podIP").to_owned();
    let first = status["podIPs"][0]["ip"].as_str().unwrap_or_default().to_owned();
    if !one.is_empty() && one != first {
        status["podIPs"] = json!([{"ip": one}]);
    } else if one.is_empty() && !first.is_empty() {
        status["podIP"] = json!(first);
    }
}

fn container(container: &mut Value) {
    // A feature that is not served yet.
    container
        .pointer_mut("/lifecycle")
        .and_then(Value::as_object_mut)
        .map(|hooks| hooks.remove("stopSignal"));
    let policy = if is_latest(text(container, "image")) { "Always" } else { "IfNotPresent" };
    if text(container, "imagePullPolicy").is_empty() && container.is_object() {
        container["imagePullPolicy"] = json!(policy);
    }
}

/// Whether an image has the tag `latest`, or neither tag nor digest. What is no name of an image has none of them.
fn is_latest(image: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if !image.starts_with(|c: char| c.is_ascii_alphanumeric()) || !image.chars().all(named) {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// A volume without a source is an empty directory.
fn volume(volume: &mut Value) {
    let has_source = volume.as_object().is_none_or(|fields| fields.keys().any(|name| name != "name"));
    if !has_source {
        volume["emptyDir"] = json!({});
    }
}

fn request_what_is_limited(container: &mut Value) {
    let Some(limits) = container["resources"]["limits"].as_object().cloned() else { return };
    for (resource, limit) in limits {
        if container["resources"]["requests"].is_null() {
            container["resources"]["requests"] = json!({});
        }
        fill(&mut container["resources"]["requests"], &resource, limit);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_latest;
    use crate::builtin;

    #[test]
    fn images_are_pulled_always_if_their_tag_may_move() {
        for (image, latest) in [
            ("web", true),
            ("web:latest", true),
            ("localhost:5000/web", true),
            ("localhost:5000/web:v1", false),
            ("web:v1", false),
            ("web@sha256:abc", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }

    #[test]
    fn a_template_gets_every_default_that_the_api_gives_it() {
        let registry = builtin::registry();
        let kind = registry.get("apps", "v1", "replicasets").unwrap();
        let mut object = json!({
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "serviceAccountName": "web",
                    "containers": [{
                        "name": "web", "image": "web:v1",
                        "ports": [{"containerPort": 80}],
                        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                        "readinessProbe": {"httpGet": {"port": 80}},
                        "resources": {"limits": {"cpu": 0.5}}
                    }],
                    "volumes": [{"name": "a"}, {"name": "b", "configMap": {"name": "b"}}]
                }
            }}
        });
        kind.schema.apply_defaults(&mut object);
        (kind.strategy.default)(&mut object);
        assert_eq!(object["spec"]["replicas"], 1);
        assert_eq!(
            object["spec"]["template"]["spec"],
            json!({
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "serviceAccount": "web",
                "serviceAccountName": "web",
                "terminationGracePeriodSeconds": 30,
                "containers": [{
                    "name": "web", "image": "web:v1", "imagePullPolicy": "IfNotPresent",
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "env": [{"name": "IP",
                             "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                        "failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1},
                    "resources": {"limits": {"cpu": "500m"}},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File"
                }],
                "volumes": [{"name": "a", "emptyDir": {}},
                            {"name": "b", "configMap": {"name": "b", "defaultMode": 420}}]
            })
        );
    }
}

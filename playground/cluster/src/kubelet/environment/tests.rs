use serde_json::{Value, json};

use super::*;

/// A world with the ConfigMap `settings` and the Secret `token`.
fn environment_of(container: Value) -> Result<Environment, String> {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web-1", "namespace": "here", "uid": "u-1", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": []},
    }))
    .unwrap();
    let settings: Arc<ConfigMap> = Arc::new(
        serde_json::from_value(json!({"metadata": {}, "data": {"WELCOME": "Hello!", "PORT": "8080"}}))
            .unwrap(),
    );
    let token: Arc<Secret> =
        Arc::new(serde_json::from_value(json!({"metadata": {}, "data": {"key": "c2VjcmV0"}})).unwrap());
    let sources = Sources {
        pod: &pod,
        pod_ip: "10.244.0.7".into(),
        host_ip: "10.20.0.1".into(),
        config_map: &|name| (name == "settings").then(|| settings.clone()),
        secret: &|name| (name == "token").then(|| token.clone()),
    };
    let mut container = container;
    container["name"] = json!("c");
    resolve(&serde_json::from_value(container).unwrap(), &sources)
}

fn one(variable: Value) -> Result<Option<String>, String> {
    let mut variable = variable;
    variable["name"] = json!("X");
    environment_of(json!({"env": [{"name": "WHO", "value": "world"}, variable]}))
        .map(|mut environment| environment.remove("X"))
}

#[test]
fn a_variable_resolves_as_a_kubelet_would() {
    let from = |source: &str, reference: Value| json!({"valueFrom": {source: reference}});
    let cases = [
        (json!({"value": "plain"}), Ok(Some("plain"))),
        (json!({}), Ok(Some(""))),
        (
            json!({"value": "hello $(WHO), $(NOBODY), $$(WHO), 5$, $(open"}),
            Ok(Some("hello world, $(NOBODY), $(WHO), 5$, $(open")),
        ),
        (from("configMapKeyRef", json!({"name": "settings", "key": "WELCOME"})), Ok(Some("Hello!"))),
        (
            from("configMapKeyRef", json!({"name": "gone", "key": "WELCOME"})),
            Err("configmap \"gone\" not found"),
        ),
        (
            from("configMapKeyRef", json!({"name": "settings", "key": "gone"})),
            Err("couldn't find key gone in ConfigMap here/settings"),
        ),
        (from("configMapKeyRef", json!({"name": "gone", "key": "k", "optional": true})), Ok(None)),
        (from("configMapKeyRef", json!({"name": "settings", "key": "gone", "optional": true})), Ok(None)),
        (from("secretKeyRef", json!({"name": "token", "key": "key"})), Ok(Some("secret"))),
        (from("secretKeyRef", json!({"name": "gone", "key": "key"})), Err("secret \"gone\" not found")),
        (
            from("secretKeyRef", json!({"name": "token", "key": "gone"})),
            Err("couldn't find key gone in Secret here/token"),
        ),
        (from("fieldRef", json!({"fieldPath": "metadata.name"})), Ok(Some("web-1"))),
        (from("fieldRef", json!({"fieldPath": "metadata.namespace"})), Ok(Some("here"))),
        (from("fieldRef", json!({"fieldPath": "metadata.uid"})), Ok(Some("u-1"))),
        (from("fieldRef", json!({"fieldPath": "metadata.labels['app']"})), Ok(Some("web"))),
        (from("fieldRef", json!({"fieldPath": "metadata.labels['none']"})), Ok(Some(""))),
        (from("fieldRef", json!({"fieldPath": "status.podIP"})), Ok(Some("10.244.0.7"))),
        (from("fieldRef", json!({"fieldPath": "spec.nodeName"})), Ok(Some("node-1"))),
        (from("fieldRef", json!({"fieldPath": "status.phase"})), Err("unsupported fieldPath: status.phase")),
    ];
    for (variable, expected) in cases {
        let expected = expected.map(|value: Option<&str>| value.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(one(variable.clone()), expected, "{variable}");
    }
}

#[test]
fn env_overrides_env_from_and_may_refer_to_it() {
    let environment = environment_of(json!({
        "envFrom": [
            {"configMapRef": {"name": "settings"}},
            {"prefix": "T_", "secretRef": {"name": "token"}},
            {"configMapRef": {"name": "gone", "optional": true}},
        ],
        "env": [{"name": "PORT", "value": "9$(PORT)"}],
    }))
    .unwrap();
    let seen: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(seen, [("PORT", "98080"), ("T_key", "secret"), ("WELCOME", "Hello!")]);
    let missing = environment_of(json!({"envFrom": [{"secretRef": {"name": "gone"}}]}));
    assert_eq!(missing, Err("secret \"gone\" not found".to_owned()));
}

#[test]
fn resource_fields_are_whole_units() {
    let environment = environment_of(json!({
        "resources": {"limits": {"cpu": "50m", "memory": "128Mi"}},
        "env": [
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "CPU_M", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        ],
    }))
    .unwrap();
    assert_eq!(
        [&environment["CPU"], &environment["CPU_M"], &environment["MEMORY"]],
        ["1", "50", "134217728"]
    );
}

#[test]
fn quantities_are_read_in_thousandths() {
    let cases = [
        ("1", Some(1000)),
        ("1.5", Some(1500)),
        ("50m", Some(50)),
        ("1Ki", Some(1_024_000)),
        ("2k", Some(2_000_000)),
        ("x", None),
    ];
    for (quantity, expected) in cases {
        assert_eq!(milli_units(quantity), expected, "{quantity}");
    }
}

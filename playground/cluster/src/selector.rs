//! Label selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

type Labels = BTreeMap<String, String>;

/// Whether `labels` satisfy `selector`. An empty selector takes nothing here: no workload may own every pod.
#[must_use]
pub fn matches(selector: &LabelSelector, labels: Option<&Labels>) -> bool {
    let nothing = Labels::new();
    let labels = labels.unwrap_or(&nothing);
    let equal = selector.match_labels.as_ref();
    let requirements = selector.match_expressions.as_deref().unwrap_or_default();
    if equal.is_none_or(BTreeMap::is_empty) && requirements.is_empty() {
        return false;
    }
    equal.is_none_or(|equal| contains(labels, equal)) && requirements.iter().all(|one| satisfies(labels, one))
}

/// Whether `labels` have every pair of `wanted`.
#[must_use]
pub fn contains(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(label, value)| labels.get(label) == Some(value))
}

/// NotIn also takes objects that lack the label, as Kubernetes does.
fn satisfies(labels: &Labels, requirement: &LabelSelectorRequirement) -> bool {
    let value = labels.get(&requirement.key);
    let listed = || value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selects_as_kubernetes_does() {
        let labels = Labels::from([("app".into(), "web".into()), ("tier".into(), "front".into())]);
        let cases = [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "api"}}), false),
            (json!({}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}), true),
            (json!({"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["web"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false),
            (
                json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}),
                false,
            ),
        ];
        for (selector, expected) in cases {
            let parsed = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(matches(&parsed, Some(&labels)), expected, "{selector}");
        }
    }
}

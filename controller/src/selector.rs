//! Label selectors: what they match, and how they are written in a query.

use std::collections::BTreeMap;

use verdigris_crds::{Selector, SelectorExpression};

/// Whether the selector matches these labels. An empty selector matches nothing here: it would adopt everything.
#[must_use]
pub fn matches(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    let mut equal = selector.match_labels.iter().flatten();
    let mut expressions = selector.match_expressions.iter().flatten();
    let empty = selector.match_labels.iter().flatten().next().is_none()
        && selector.match_expressions.iter().flatten().next().is_none();
    !empty
        && equal.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|expression| holds(expression, labels))
}

/// The selector as the query parameter `labelSelector`.
#[must_use]
pub fn to_query(selector: &Selector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let (key, values) =
            (&expression.key, expression.values.iter().flatten().cloned().collect::<Vec<_>>().join(","));
        match expression.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

fn holds(expression: &SelectorExpression, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&expression.key);
    let listed = || value.is_some_and(|value| expression.values.iter().flatten().any(|one| one == value));
    match expression.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(selector: Value, labels: Value, matched: bool, query: &str) {
        let selector: Selector = serde_json::from_value(selector).unwrap();
        let labels = serde_json::from_value(labels).unwrap();
        assert_eq!((matches(&selector, &labels), to_query(&selector).as_str()), (matched, query));
    }

    #[test]
    fn all_requirements_must_hold() {
        let both = json!({"matchLabels": {"app": "shop"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]});
        check(both.clone(), json!({"app": "shop", "tier": "b"}), true, "app=shop,tier in (a,b),!old");
        check(both, json!({"app": "shop", "tier": "b", "old": ""}), false, "app=shop,tier in (a,b),!old");
        let absent = json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]});
        check(absent, json!({}), true, "tier notin (a)");
        check(json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), json!({}), false, "tier");
        check(json!({}), json!({"app": "shop"}), false, "");
    }
}

//! Label selectors: whether they match, and their one-line form for `status.selector`.

use std::collections::BTreeMap;

use serde_json::Value;
use verdigris_crds::{Selector, SelectorExpression, keys};

/// Why a selector cannot be used: the field below it, the value found, and what to write instead.
pub(crate) struct BadSelector {
    pub field: String,
    pub value: String,
    pub detail: String,
}

/// The labels of a pod template.
#[must_use]
pub fn labels_of(template: Option<&Value>) -> BTreeMap<String, String> {
    let labels =
        template.and_then(|template| template.pointer("/metadata/labels")).and_then(Value::as_object);
    let text = |(label, value): (&String, &Value)| Some((label.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

/// Checks the operators and their values as the API server does for built-in kinds.
pub(crate) fn check(selector: &Selector) -> Result<(), BadSelector> {
    for (at, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let field = |name: &str| format!(".matchExpressions[{at}].{name}");
        let values = expression.values.as_deref().unwrap_or_default();
        let detail = match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                Some(("values", String::new(), "must be specified when `operator` is 'In' or 'NotIn'"))
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => Some((
                "values",
                values.join(","),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => None,
            other => Some((
                "operator",
                other.to_owned(),
                "not a valid selector operator; write In, NotIn, Exists or DoesNotExist",
            )),
        };
        if let Some((name, value, detail)) = detail {
            return Err(BadSelector { field: field(name), value, detail: detail.to_owned() });
        }
    }
    Ok(())
}

/// Whether it asks for anything at all.
#[must_use]
pub fn is_empty(selector: &Selector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// Whether these labels satisfy every requirement.
#[must_use]
pub fn matches(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && selector.match_expressions.iter().flatten().all(|expression| holds(expression, labels))
}

fn holds(expression: &SelectorExpression, labels: &BTreeMap<String, String>) -> bool {
    let found = labels.get(&expression.key);
    let listed =
        || found.is_some_and(|value| expression.values.iter().flatten().any(|candidate| candidate == value));
    match expression.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        _ => false,
    }
}

/// The one-line form that autoscalers read: `app=shop,tier in (a,b),rollouts-pod-template-hash=5cd66`, sorted by key.
#[must_use]
pub fn to_text(selector: &Selector, hash: Option<&str>) -> String {
    let mut terms: Vec<(String, String)> = Vec::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        terms.push((key.clone(), format!("{key}={value}")));
    }
    if let Some(hash) = hash {
        let key = keys::POD_TEMPLATE_HASH;
        terms.push((key.to_owned(), format!("{key}={hash}")));
    }
    for expression in selector.match_expressions.iter().flatten() {
        let key = &expression.key;
        let mut values = expression.values.clone().unwrap_or_default();
        values.sort();
        let text = match expression.operator.as_str() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        };
        terms.push((key.clone(), text));
    }
    terms.sort_by(|left, right| left.0.cmp(&right.0));
    terms.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(key: &str, operator: &str, values: &[&str]) -> SelectorExpression {
        SelectorExpression {
            key: key.into(),
            operator: operator.into(),
            values: Some(values.iter().map(|&value| value.to_owned()).collect()),
            ..SelectorExpression::default()
        }
    }

    fn selector() -> Selector {
        Selector {
            match_labels: Some(BTreeMap::from([("app".into(), "shop".into())])),
            match_expressions: Some(vec![
                expression("tier", "In", &["b", "a"]),
                expression("canary", "DoesNotExist", &[]),
            ]),
            ..Selector::default()
        }
    }

    #[test]
    fn the_text_is_sorted_by_key() {
        assert_eq!(
            to_text(&selector(), Some("h1")),
            "app=shop,!canary,rollouts-pod-template-hash=h1,tier in (a,b)"
        );
    }

    #[test]
    fn every_requirement_must_hold() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert!(matches(&selector(), &labels(&[("app", "shop"), ("tier", "a")])));
        assert!(!matches(&selector(), &labels(&[("app", "shop"), ("tier", "c")])));
        assert!(!matches(&selector(), &labels(&[("app", "shop"), ("tier", "a"), ("canary", "")])));
    }
}

//! Templates: found by their names, nested ones too, and joined into one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::asked::{Argument, Asked, TemplateSpec};
use crate::observed::analysis::TemplateName;

/// All templates joined.
pub(super) struct Joined {
    pub metrics: Vec<Value>,
    pub args: Vec<Argument>,
    pub dry_run: Vec<Value>,
    pub measurement_retention: Vec<Value>,
}

/// A template that is not there, or cannot be read.
pub(super) struct BadTemplate {
    pub template: String,
    pub detail: String,
}

/// All templates that can be reached from these names, as `get` knows them: their specs, or `None` where there is no such
/// template. A circle of templates that name each other ends.
pub fn reachable(
    named: impl IntoIterator<Item = TemplateName>,
    mut get: impl FnMut(&TemplateName) -> Option<Value>,
) -> BTreeMap<TemplateName, Option<Value>> {
    let mut seen = BTreeMap::new();
    let mut open: Vec<TemplateName> = named.into_iter().collect();
    while let Some(name) = open.pop() {
        if seen.contains_key(&name) {
            continue;
        }
        let spec = get(&name);
        let nested = spec.as_ref().and_then(|spec| TemplateSpec::deserialize(spec).ok());
        open.extend(nested.into_iter().flat_map(|spec| spec.templates));
        seen.insert(name, spec);
    }
    seen
}

/// The templates in the order in which they are joined: namespaced ones first, each followed by those it names; each one
/// once.
pub(super) fn collect(
    named: &[TemplateName],
    seen: &BTreeMap<TemplateName, Option<Value>>,
) -> Result<Vec<(TemplateName, TemplateSpec)>, BadTemplate> {
    let (mut found, mut visited) = (Vec::new(), BTreeSet::new());
    let mut open: Vec<TemplateName> = named.iter().rev().cloned().collect();
    while let Some(name) = open.pop() {
        if visited.insert(name.clone()) {
            let spec = read(&name, seen)?;
            open.extend(spec.templates.iter().rev().cloned());
            found.push((name, spec));
        }
    }
    found.sort_by_key(|(name, _)| name.cluster_scope);
    Ok(found)
}

fn read(
    name: &TemplateName,
    seen: &BTreeMap<TemplateName, Option<Value>>,
) -> Result<TemplateSpec, BadTemplate> {
    let kind = if name.cluster_scope { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
    let bad = |detail: String| BadTemplate { template: name.name.clone(), detail };
    let Some(spec) = seen.get(name).and_then(Option::as_ref) else {
        let (name, advice) = (&name.name, "create it, or write the name of one that exists");
        return Err(bad(format!("{kind} '{name}' not found; {advice}")));
    };
    TemplateSpec::deserialize(spec)
        .map_err(|error| bad(format!("{kind} '{}' cannot be read: {error}", name.name)))
}

/// Joins templates and what the Rollout adds.
pub(super) fn join(
    found: &[(TemplateName, TemplateSpec)],
    asked: &Asked,
    incoming: &[Argument],
) -> Result<Joined, String> {
    let all = |list: fn(&TemplateSpec) -> &Vec<Value>| -> Vec<Value> {
        found.iter().flat_map(|(_, template)| list(template)).cloned().collect()
    };
    let metrics = all(|template| &template.metrics);
    unique(&metrics, "name", "two metrics have the same name")?;
    let args = with_values(arguments(found)?, incoming)?;
    let dry_run: Vec<Value> =
        asked.dry_run.iter().cloned().chain(all(|template| &template.dry_run)).collect();
    unique(&dry_run, "metricName", "two Dry-Run metric rules have the same name")?;
    let retention = all(|template| &template.measurement_retention);
    let retention: Vec<Value> = asked.measurement_retention.iter().cloned().chain(retention).collect();
    unique(&retention, "metricName", "two Measurement Retention metric rules have the same name")?;
    Ok(Joined { metrics, args, dry_run, measurement_retention: retention })
}

fn unique(list: &[Value], key: &str, text: &str) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for item in list {
        let name = item.get(key).and_then(Value::as_str).unwrap_or_default();
        if !names.insert(name) {
            return Err(format!("{text} '{name}'; rename one of them"));
        }
    }
    Ok(())
}

/// Arguments by name; a later one with a value takes the place of one without.
fn arguments(found: &[(TemplateName, TemplateSpec)]) -> Result<Vec<Argument>, String> {
    let mut joined: Vec<Argument> = Vec::new();
    for argument in found.iter().flat_map(|(_, template)| &template.args) {
        match joined.iter_mut().find(|seen| seen.name == argument.name) {
            None => joined.push(argument.clone()),
            Some(seen) => match (&seen.value, &argument.value) {
                (Some(first), Some(second)) if first != second => {
                    let name = &argument.name;
                    return Err(format!(
                        "Argument `{name}` specified multiple times with different values: '{first}', '{second}'; \
                         write one value"
                    ));
                }
                (Some(_), _) => {}
                (None, _) => *seen = argument.clone(),
            },
        }
    }
    Ok(joined)
}

/// What the Rollout gives goes to the arguments that templates declare; one that has nothing is a mistake.
fn with_values(mut declared: Vec<Argument>, incoming: &[Argument]) -> Result<Vec<Argument>, String> {
    for given in incoming {
        if let Some(argument) = declared.iter_mut().find(|argument| argument.name == given.name) {
            if given.value.is_some() {
                argument.value.clone_from(&given.value);
            } else if given.value_from.is_some() {
                argument.value_from.clone_from(&given.value_from);
            }
        }
    }
    match declared.iter().find(|argument| argument.value.is_none() && argument.value_from.is_none()) {
        Some(argument) => {
            let name = &argument.name;
            Err(format!("args.{name} was not resolved; give it a value in the args of the analysis"))
        }
        None => Ok(declared),
    }
}

//! Which of a definition's names are accepted: those that no other definition of the group has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{text, texts};
use crate::field_error::quoted;

/// Says in the status which names are accepted, and whether the resources are served. `others` are the other definitions of
/// the group.
pub fn settle(definition: &mut Value, others: &[Value], now: &str) {
    let mut used = Used::default();
    for other in others.iter().map(|other| &other["status"]["acceptedNames"]) {
        used.resources.extend([text(other, "plural"), text(other, "singular")]);
        used.resources.extend(texts(&other["shortNames"]));
        used.kinds.extend([text(other, "kind"), text(other, "listKind")]);
    }
    let wanted = definition["spec"]["names"].clone();
    let mut accepted = definition["status"]["acceptedNames"].clone();
    let mut conflict: Option<(&str, String)> = None;
    for (field, names, reason) in [
        ("plural", &used.resources, "PluralConflict"),
        ("singular", &used.resources, "SingularConflict"),
        ("shortNames", &used.resources, "ShortNamesConflict"),
        ("kind", &used.kinds, "KindConflict"),
        ("listKind", &used.kinds, "ListKindConflict"),
    ] {
        let taken = taken(&wanted[field], &accepted[field], names);
        match taken.as_slice() {
            [] => take_over(&mut accepted, &wanted, field),
            [one] => conflict = Some((reason, one.clone())),
            many => conflict = Some((reason, format!("[{}]", many.join(", ")))),
        }
    }
    take_over(&mut accepted, &wanted, "categories");
    definition["status"]["acceptedNames"] = accepted;
    let free = conflict.is_none();
    let (reason, message) = conflict.unwrap_or(("NoConflicts", "no conflicts found".to_owned()));
    set_condition(definition, "NamesAccepted", free, reason, &message, now);
    if free {
        let message = "the initial names have been accepted";
        set_condition(definition, "Established", true, "InitialNamesAccepted", message, now);
    } else if !super::is_established(definition) {
        set_condition(definition, "Established", false, "NotAccepted", "not all names are accepted", now);
    }
}

#[derive(Default)]
struct Used {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

/// What is wrong with wanted names that were not accepted before.
fn taken(wanted: &Value, accepted: &Value, used: &BTreeSet<String>) -> Vec<String> {
    let list = |value: &Value| match value {
        Value::String(name) => vec![name.clone()],
        other => texts(other),
    };
    let accepted = list(accepted);
    list(wanted)
        .into_iter()
        .filter(|name| !accepted.contains(name) && used.contains(name))
        .map(|name| format!("{} is already in use", quoted(&name)))
        .collect()
}

fn take_over(accepted: &mut Value, wanted: &Value, field: &str) {
    match wanted.get(field) {
        Some(value) => accepted[field] = value.clone(),
        None => {
            if let Some(fields) = accepted.as_object_mut() {
                fields.remove(field);
            }
        }
    }
}

/// Sets a condition; its time moves only when it changes from true to false or back.
fn set_condition(definition: &mut Value, kind: &str, holds: bool, reason: &str, message: &str, now: &str) {
    if !definition["status"]["conditions"].is_array() {
        definition["status"]["conditions"] = json!([]);
    }
    let status = if holds { "True" } else { "False" };
    let Some(conditions) = definition["status"]["conditions"].as_array_mut() else { return };
    let mut condition = json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
    match conditions.iter_mut().find(|condition| condition["type"] == kind) {
        Some(found) => {
            if found["status"] == status {
                condition["lastTransitionTime"] = found["lastTransitionTime"].clone();
            }
            *found = condition;
        }
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(plural: &str, kind: &str, short: &str) -> Value {
        let names = json!({"plural": plural, "singular": plural, "kind": kind, "listKind": format!("{kind}List"), "shortNames": [short]});
        json!({"spec": {"names": names}, "status": crate::crd::unsettled()})
    }

    #[test]
    fn the_first_to_ask_for_a_name_has_it() {
        let mut first = definition("as", "A", "x");
        settle(&mut first, &[], "t1");
        assert!(crate::crd::is_established(&first));
        let mut second = definition("bs", "A", "x");
        settle(&mut second, std::slice::from_ref(&first), "t2");
        assert!(!crate::crd::is_established(&second));
        assert_eq!(second["status"]["acceptedNames"], json!({"plural": "bs", "singular": "bs", "kind": ""}));
        assert_eq!(second["status"]["conditions"][0]["message"], "\"AList\" is already in use");
        settle(&mut second, &[], "t3");
        assert!(crate::crd::is_established(&second));
    }
}

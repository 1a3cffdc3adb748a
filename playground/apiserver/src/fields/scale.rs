//! Who owns the replicas of an object that is scaled.
//!
//! A Scale is compared with the Scale before it, not the object with the object: no replicas are none that were said.
//! Only owners of the replicas are known there, by the version of the Scale. What they own comes back as an entry of its
//! own, at no time, unless they apply.

use serde_json::{Value, json};

use super::{
    Write,
    managers::{self, Manager, Managers, Owned},
    set::FieldSet,
};
use crate::metadata;

/// Notes in `new` that the replicas at a dotted path were written through the Scale of `old`.
pub(super) fn note(write: Write<'_>, old: &Value, new: &mut Value, path: &str) {
    let steps: Vec<String> =
        path.split('.').filter(|step| !step.is_empty()).map(|step| format!("f:{step}")).collect();
    let mut managers = managers::decode(&old["metadata"]["managedFields"]);
    let is_owner = |owned: &Owned| owned.fields.has(&steps);
    let owners: Vec<Manager> =
        managers.iter().filter(|(_, owned)| is_owner(owned)).map(|(manager, _)| manager.clone()).collect();
    if owners.is_empty() {
        // Nobody's fields are known of, so nobody's are noted.
        return;
    }
    let pointer = path.replace('.', "/");
    let count = |object: &Value| object.pointer(&pointer).and_then(Value::as_i64).unwrap_or_default();
    let (before, now) = (count(old), count(new));
    let replicas = FieldSet::of(&steps);
    let mut apart = Managers::new();
    for owner in owners.into_iter().filter(|owner| before != now || !owner.applies) {
        let Some(owned) = managers.get_mut(&owner) else { continue };
        owned.fields = owned.fields.difference(&replicas);
        if before == now {
            let api_version = owned.api_version.clone();
            apart.insert(owner, Owned { fields: replicas.clone(), time: String::new(), api_version });
        }
    }
    if before != now && now != 0 {
        let api_version = write.resource.api_version();
        let owned = managers.entry(Manager::new(write.manager, false, &api_version, "scale")).or_default();
        owned.fields = std::mem::take(&mut owned.fields).union(&replicas);
        (owned.time, owned.api_version) = (String::new(), api_version);
    }
    managers::cap(&mut managers);
    let mut entries = listed(&managers);
    let at = entries.iter().position(|entry| entry["operation"] == "Update").unwrap_or(entries.len());
    entries.splice(at..at, listed(&apart));
    let fields = metadata::map_mut(new);
    if entries.is_empty() {
        fields.remove("managedFields");
    } else {
        fields.insert("managedFields".to_owned(), json!(entries));
    }
}

fn listed(managers: &Managers) -> Vec<Value> {
    match managers::encode(managers) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::{super::Write, note};
    use crate::builtin;

    /// The entries after a Scale was written for an object whose replicas `owner` owns.
    fn scaled(owner: &Value, before: i64, now: i64) -> Vec<Value> {
        let registry = builtin::registry();
        let resource = registry.by_kind("apps", "v1", "Deployment").unwrap();
        let old = json!({"metadata": {"managedFields": [
            {"manager": "m", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": owner,
             "time": "2026-01-01T00:00:00Z"}]}, "spec": {"replicas": before}});
        let mut new = old.clone();
        new["spec"]["replicas"] = json!(now);
        let write = Write { resource, subresource: "scale", manager: "s", now: Timestamp::UNIX_EPOCH };
        note(write, &old, &mut new, ".spec.replicas");
        let entries = new["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|entry| json!([entry["manager"], entry["fieldsV1"], entry["time"]])).collect()
    }

    #[test]
    fn who_scales_owns_the_replicas_and_who_changes_nothing_sets_them_apart() {
        let both = || json!({"f:spec": {"f:paused": {}, "f:replicas": {}}});
        let (paused, replicas) = (json!({"f:spec": {"f:paused": {}}}), json!({"f:spec": {"f:replicas": {}}}));
        let time = "2026-01-01T00:00:00Z";
        assert_eq!(scaled(&both(), 1, 2), [json!(["s", replicas, null]), json!(["m", paused, time])]);
        assert_eq!(scaled(&both(), 2, 2), [json!(["m", replicas, null]), json!(["m", paused, time])]);
        assert_eq!(scaled(&both(), 2, 0), [json!(["m", paused, time])]);
        assert_eq!(scaled(&paused, 1, 2), [json!(["m", paused, time])]);
    }
}

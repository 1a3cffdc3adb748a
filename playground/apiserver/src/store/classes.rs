//! Pods take after the classes that they name: one for their priority, one for how they run.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Store;
use crate::{field_error::quoted, metadata, resource::Resource, status::ApiError};

impl Store {
    /// Gives a new pod what its classes have for it.
    pub(super) fn admit_by_classes(&self, resource: &Resource, object: &mut Value) -> Result<(), ApiError> {
        if !resource.group.is_empty() || resource.plural != "pods" || !object["spec"].is_object() {
            return Ok(());
        }
        self.admit_priority(resource, object)?;
        self.admit_runtime(resource, object)
    }

    /// Gives a new pod the priority of the class that it names, or of the one that is meant for all.
    fn admit_priority(&self, resource: &Resource, object: &mut Value) -> Result<(), ApiError> {
        let wanted = object["spec"]["priorityClassName"].as_str().unwrap_or_default().to_owned();
        let forbidden =
            |why: &str| ApiError::forbidden(resource.group_resource(), metadata::text(object, "name"), why);
        let class = match self.priority_class(&wanted) {
            None if !wanted.is_empty() => {
                return Err(forbidden(&format!("no PriorityClass with name {wanted} was found")));
            }
            class => class.unwrap_or(json!({"value": 0, "preemptionPolicy": "PreemptLowerPriority"})),
        };
        let (priority, policy) = (&class["value"], &class["preemptionPolicy"]);
        let given = &object["spec"]["priority"];
        if !given.is_null() && given != priority {
            return Err(forbidden(&format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
            )));
        }
        let given = object["spec"]["preemptionPolicy"].as_str();
        let meant = policy.as_str().unwrap_or_default();
        if let Some(given) = given.filter(|given| *given != meant) {
            return Err(forbidden(&format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {meant} from the given PriorityClass name"
            )));
        }
        object["spec"]["priority"] = priority.clone();
        object["spec"]["preemptionPolicy"] = policy.clone();
        if let Some(name) = class["metadata"]["name"].as_str() {
            object["spec"]["priorityClassName"] = json!(name);
        }
        Ok(())
    }

    /// Gives a new pod the overhead of its runtime, and the nodes that have it.
    fn admit_runtime(&self, resource: &Resource, object: &mut Value) -> Result<(), ApiError> {
        let name = object["spec"]["runtimeClassName"].as_str();
        let forbidden = |why: String| {
            let of = resource.group_resource();
            Err(ApiError::forbidden(of, metadata::text(object, "name"), &why))
        };
        let classes = self.registry.get("node.k8s.io", "v1", "runtimeclasses");
        let class = name.zip(classes).and_then(|(name, of)| Some(self.kept(of, "", name)?.value(of)));
        if let Some(name) = name.filter(|_| class.is_none()) {
            return forbidden(format!("pod rejected: RuntimeClass {} not found", quoted(name)));
        }
        let class = class.unwrap_or_default();
        let (overhead, given) = (&class["overhead"]["podFixed"], &object["spec"]["overhead"]);
        if overhead.is_object() && given.is_object() && overhead != given {
            let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
            return forbidden(why.to_owned());
        }
        if given.is_object() && !overhead.is_object() {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            return forbidden(why.to_owned());
        }
        let wanted = &class["scheduling"]["nodeSelector"];
        for (key, value) in wanted.as_object().into_iter().flatten() {
            let given = object["spec"]["nodeSelector"][key].as_str();
            let value = value.as_str().unwrap_or_default();
            if let Some(given) = given.filter(|given| *given != value) {
                return forbidden(format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {given}"
                ));
            }
        }
        if overhead.is_object() {
            object["spec"]["overhead"] = overhead.clone();
        }
        for (key, value) in wanted.as_object().into_iter().flatten() {
            object["spec"]["nodeSelector"][key] = value.clone();
        }
        let mut tolerations = object["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
        for toleration in class["scheduling"]["tolerations"].as_array().into_iter().flatten() {
            if !tolerations.contains(toleration) {
                tolerations.push(toleration.clone());
            }
        }
        if !tolerations.is_empty() {
            object["spec"]["tolerations"] = Value::from(tolerations);
        }
        Ok(())
    }

    /// The class of this name; for no name, the one that is meant for all.
    fn priority_class(&self, name: &str) -> Option<Value> {
        let resource: &Arc<Resource> = self.registry.get("scheduling.k8s.io", "v1", "priorityclasses")?;
        if !name.is_empty() {
            return Some(self.kept(resource, "", name)?.value(resource));
        }
        let classes = self.collection(resource)?.iter("", "").map(|class| class.value(resource));
        let for_all = classes.filter(|class| class["globalDefault"] == true);
        for_all.min_by_key(|class| class["value"].as_i64())
    }
}

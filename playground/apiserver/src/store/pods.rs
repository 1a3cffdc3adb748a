//! What pods have besides: eviction and binding.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Store, commit::Author, create::seconds_text, update::check_name};
use crate::{
    answer::Answer,
    metadata,
    options::{DeleteOptions, WriteOptions},
    resource::Resource,
    selector::LabelSelector,
    status::{ApiError, Cause, GroupResource},
    stored::Stored,
    write_log::Verb,
};

/// A disruption budget with its resource.
type Budget = (Arc<Resource>, Arc<Stored>);

impl Store {
    /// POST of an Eviction: a delete that asks the disruption budgets first.
    pub(super) fn evict(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let body = body(call, "Eviction")?;
        let mut options = DeleteOptions::from_value(&body["deleteOptions"])?;
        options.dry_run |= WriteOptions::parse(&call.request.query, "CreateOptions", false)?.dry_run;
        let kept = self
            .kept(&call.resource, &call.target.namespace, &call.target.name)
            .ok_or_else(|| ApiError::not_found(call.resource.group_resource(), &call.target.name))?;
        let pod = kept.value(&call.resource);
        let author = Author::of(call, Verb::Delete, "");
        if counts_for_budgets(&pod)
            && let Some((budgets, budget)) = self.budget_of(&pod)?
        {
            let spent = spend(&budget.value(&budgets), &call.target.name, call.now)?;
            if !options.dry_run {
                self.commit(call, &author, &budgets, spent, Some(budget));
            }
        }
        if !options.dry_run && !metadata::is_deleting(&pod) {
            let resource = Arc::clone(&call.resource);
            let evicted = evicted(pod, call.now);
            self.commit(call, &author, &resource, evicted, Some(kept));
        }
        self.delete_object(call, &options, &author)?;
        Ok(success())
    }

    /// POST of a Binding: the pod gets its node.
    pub(super) fn bind(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let body = body(call, "Binding")?;
        let options = WriteOptions::parse(&call.request.query, "CreateOptions", false)?;
        let node = body["target"]["name"].as_str().unwrap_or_default();
        let name = call.target.name.clone();
        let of = GroupResource { group: "", resource: "pods/binding" };
        if node.is_empty() {
            let fault = crate::field_error::FieldError::required("target.name", "");
            let of = GroupResource { group: "", resource: "Binding" };
            return Err(ApiError::invalid(of, &name, &[fault]));
        }
        let kept = self
            .kept(&call.resource, &call.target.namespace, &name)
            .ok_or_else(|| ApiError::not_found(call.resource.group_resource(), &name))?;
        let mut pod = kept.value(&call.resource);
        if metadata::is_deleting(&pod) {
            let why = format!("pod {name} is being deleted, cannot be assigned to a host");
            return Err(ApiError::conflict(of, &name, &why));
        }
        if let Some(found) = pod["spec"]["nodeName"].as_str().filter(|found| !found.is_empty()) {
            let why = format!("pod {name} is already assigned to node \"{found}\"");
            return Err(ApiError::conflict(of, &name, &why));
        }
        if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
            let why = format!("pod {name} has non-empty .spec.schedulingGates");
            return Err(ApiError::conflict(of, &name, &why));
        }
        pod["spec"]["nodeName"] = json!(node);
        set_scheduled(&mut pod, call.now);
        if !options.dry_run {
            let author = Author::of(call, Verb::Create, &options.field_manager);
            let resource = Arc::clone(&call.resource);
            self.commit(call, &author, &resource, pod, Some(kept));
        }
        Ok(success())
    }

    /// The budget that covers a pod. More than one is more than an eviction can ask.
    fn budget_of(&self, pod: &Value) -> Result<Option<Budget>, ApiError> {
        let Some(budgets) = self.registry().get("policy", "v1", "poddisruptionbudgets").cloned() else {
            return Ok(None);
        };
        let label = |key: &str| pod["metadata"]["labels"][key].as_str();
        let covering: Vec<Arc<Stored>> = self
            .collection(&budgets)
            .map(|collection| collection.iter(metadata::text(pod, "namespace"), "").cloned().collect())
            .unwrap_or_default();
        let mut covering = covering.into_iter().filter(|budget| {
            let budget = budget.value(&budgets);
            budget["spec"]["selector"].is_object()
                && LabelSelector::of(&budget["spec"]["selector"]).matches(label)
        });
        let first = covering.next();
        if covering.next().is_some() {
            return Err(ApiError::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
        Ok(first.map(|budget| (budgets, budget)))
    }
}

/// Pods that have ended, have not begun or are going already may be evicted whatever budgets say.
fn counts_for_budgets(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    !["Succeeded", "Failed", "Pending"].contains(&phase) && !metadata::is_deleting(pod)
}

/// The pod with the condition that says why it goes.
fn evicted(mut pod: Value, now: Timestamp) -> Value {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting", "lastProbeTime": null, "lastTransitionTime": seconds_text(now),
    });
    match pod["status"]["conditions"].as_array_mut() {
        Some(conditions) => {
            conditions.retain(|found| found["type"] != condition["type"]);
            conditions.push(condition);
        }
        None => pod["status"]["conditions"] = json!([condition]),
    }
    pod
}

/// The budget after one more disruption.
fn spend(budget: &Value, pod: &str, now: Timestamp) -> Result<Value, ApiError> {
    let mut budget = budget.clone();
    let name = metadata::text(&budget, "name").to_owned();
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or_default();
    let refused = |message: String, retry_after_secs| {
        let sentence = "Cannot evict pod as it would violate the pod's disruption budget.";
        let cause = Cause { reason: "DisruptionBudget".to_owned(), message, field: String::new() };
        ApiError::too_many_requests(sentence, retry_after_secs).with_causes(vec![cause])
    };
    if number("observedGeneration") < metadata::number(&budget, "generation") {
        return Err(refused(
            format!("The disruption budget {name} is still being processed by the server."),
            10,
        ));
    }
    let allowed = number("disruptionsAllowed");
    if allowed <= 0 {
        let (needed, found) = (number("desiredHealthy"), number("currentHealthy"));
        return Err(refused(
            format!("The disruption budget {name} needs {needed} healthy pods and has {found} currently"),
            0,
        ));
    }
    budget["status"]["disruptionsAllowed"] = json!(allowed - 1);
    budget["status"]["disruptedPods"][pod] = json!(seconds_text(now));
    Ok(budget)
}

fn set_scheduled(pod: &mut Value, now: Timestamp) {
    let scheduled = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": seconds_text(now),
    });
    match pod.pointer_mut("/status/conditions") {
        Some(Value::Array(conditions)) => {
            conditions.retain(|condition| condition["type"] != "PodScheduled");
            conditions.push(scheduled);
        }
        _ => pod["status"]["conditions"] = json!([scheduled]),
    }
}

fn body(call: &Call<'_>, kind: &str) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(&call.request.body).map_err(|error| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error}"
        ))
    })?;
    let found = body["kind"].as_str().unwrap_or(kind);
    if found != kind || !body.is_object() {
        return Err(ApiError::bad_request(format!("{found} cannot be handled as a {kind}")));
    }
    let name = metadata::text(&body, "name");
    if kind == "Eviction" && name != call.target.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    if !name.is_empty() {
        check_name(call, &body)?;
    }
    Ok(body)
}

fn success() -> Answer {
    let shown =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Answer::json(201, &shown)
}

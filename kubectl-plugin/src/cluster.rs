//! Everything that is asked of the API server, and the only module that asks.

use futures::future::join4;
use http::Request;
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    authentication::v1::SelfSubjectReview,
    core::v1::{Namespace, Pod, Service},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use verdigris_core::{
    action::{Patch, PatchKind, Plan, Target, WorkloadRef},
    view::{AnalysisRun, Around},
};
use verdigris_crds::{Rollout, Selector, keys};

use crate::{
    args::Program,
    error::{Error, explain, is_missing_kind, is_not_found},
};

/// How many items are asked for at once.
const PAGE_SIZE: u32 = 500;

/// The API server, and the namespace that is looked at.
pub struct Cluster {
    client: Client,
    namespace: String,
    user: Option<String>,
    address: String,
    program: Program,
}

/// A Rollout with what belongs to it.
pub struct Surroundings {
    /// ReplicaSets of the Rollout's selector.
    pub replica_sets: Vec<ReplicaSet>,
    /// Pods of the Rollout's selector.
    pub pods: Vec<Pod>,
    /// Services of the namespace.
    pub services: Vec<Service>,
    /// AnalysisRuns that Rollouts of the namespace have made.
    pub analysis_runs: Vec<AnalysisRun>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
}

impl Surroundings {
    /// What a view is made of.
    pub fn around(&self) -> Around<'_> {
        Around {
            replica_sets: &self.replica_sets,
            pods: &self.pods,
            services: &self.services,
            analysis_runs: &self.analysis_runs,
        }
    }
}

impl Cluster {
    /// A cluster behind this client.
    pub const fn new(
        client: Client,
        namespace: String,
        user: Option<String>,
        address: String,
        program: Program,
    ) -> Self {
        Self { client, namespace, user, address, program }
    }

    /// The client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespace that is looked at.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether Rollouts of all namespaces may be listed.
    ///
    /// # Errors
    /// If the cluster cannot be asked, or has no Rollouts.
    pub async fn may_look_everywhere(&self) -> Result<bool, Error> {
        let api: Api<DynamicObject> = Api::all_with(self.client(), &rollouts());
        match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(false),
            Err(error) if is_missing_kind(&error) => Err(Error::NoCrd),
            Err(error) => Err(self.failed("list rollouts", &error)),
        }
    }

    /// The name of the kubeconfig's user.
    pub fn kubeconfig_user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The user as the API server knows them, if it says.
    pub async fn whoami(&self) -> Option<String> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
        review.status?.user_info?.username.filter(|name| !name.is_empty())
    }

    /// A Rollout as the API server holds it, nothing lost.
    pub async fn raw_rollout(&self, name: &str) -> Result<Value, Error> {
        let found = self.dynamic(&rollouts()).get(name).await;
        to_value(found.map_err(|error| self.about_rollout(name, "get", &error))?, name)
    }

    /// A Rollout.
    pub async fn rollout(&self, name: &str) -> Result<Rollout, Error> {
        read(self.raw_rollout(name).await?, &format!("rollout '{name}'"))
    }

    /// All Rollouts of the namespace, or of all namespaces, as the API server holds them.
    pub async fn raw_rollouts(&self, all_namespaces: bool, name: Option<&str>) -> Result<Vec<Value>, Error> {
        let api: Api<DynamicObject> = if all_namespaces {
            Api::all_with(self.client(), &rollouts())
        } else {
            self.dynamic(&rollouts())
        };
        let mut params = ListParams::default();
        if let Some(name) = name {
            params = params.fields(&format!("metadata.name={name}"));
        }
        let found = pages(&api, params).await.map_err(|error| match is_missing_kind(&error) {
            true => Error::NoCrd,
            false => self.failed("list rollouts", &error),
        })?;
        found.into_iter().map(|object| to_value(object, "rollouts")).collect()
    }

    /// Names of the Rollouts in the namespace.
    pub async fn rollout_names(&self) -> Result<Vec<String>, kube::Error> {
        names(&self.dynamic(&rollouts())).await
    }

    /// Names of all namespaces.
    pub async fn namespaces(&self) -> Result<Vec<String>, kube::Error> {
        names(&Api::all_with(self.client(), &ApiResource::erase::<Namespace>(&()))).await
    }

    /// ReplicaSets of the Rollout's selector as the API server holds them: their templates are not for our types.
    pub async fn raw_replica_sets(&self, rollout: &Rollout) -> Result<Vec<Value>, Error> {
        let kind = ApiResource::erase::<ReplicaSet>(&());
        let params = ListParams::default().labels(&label_selector(rollout.spec.selector.as_ref()));
        let found = pages(&self.dynamic(&kind), params).await;
        let found = found.map_err(|error| self.failed("list replicasets", &error))?;
        found.into_iter().map(|object| to_value(object, "replicasets")).collect()
    }

    /// ReplicaSets of the Rollout's selector.
    pub async fn replica_sets(&self, rollout: &Rollout) -> Result<Vec<ReplicaSet>, Error> {
        let raw = self.raw_replica_sets(rollout).await?;
        raw.into_iter().map(|object| read(object, "replicaset")).collect()
    }

    /// What belongs to a Rollout. What may not be read is left out, and said.
    pub async fn surroundings(&self, rollout: &Rollout) -> Surroundings {
        let params = ListParams::default().labels(&label_selector(rollout.spec.selector.as_ref()));
        let replica_sets: Api<ReplicaSet> = Api::namespaced(self.client(), &self.namespace);
        let pods: Api<Pod> = Api::namespaced(self.client(), &self.namespace);
        let services: Api<Service> = Api::namespaced(self.client(), &self.namespace);
        let runs = self.dynamic(&analysis_runs());
        let (replica_sets, pods, services, runs) = join4(
            pages(&replica_sets, params.clone()),
            pages(&pods, params),
            pages(&services, ListParams::default()),
            pages(&runs, ListParams::default().labels(keys::POD_TEMPLATE_HASH)),
        )
        .await;
        // A cluster where nobody analyses needs no such kind.
        let runs = runs.or_else(|error| if is_missing_kind(&error) { Ok(Vec::new()) } else { Err(error) });
        let mut unreadable = Vec::new();
        Surroundings {
            replica_sets: self.or_note("replicasets", replica_sets, &mut unreadable),
            pods: self.or_note("pods", pods, &mut unreadable),
            services: self.or_note("services", services, &mut unreadable),
            analysis_runs: self.or_note("analysisruns", runs, &mut unreadable).into_iter().map(run).collect(),
            unreadable,
        }
    }

    /// Carries a plan out; stops at the first patch that fails.
    pub async fn carry_out(&self, rollout: &str, plan: &Plan) -> Result<(), kube::Error> {
        for patch in &plan.patches {
            match self.send(rollout, patch, &patch.target).await {
                // A very old CRD has no status subresource: the status is then a part of the object.
                Err(error) if patch.target == Target::Status && is_not_found(&error) => {
                    self.send(rollout, patch, &Target::Rollout).await?;
                }
                answer => answer?,
            }
        }
        Ok(())
    }

    /// Says what went wrong with a request about one Rollout.
    pub fn about_rollout(&self, name: &str, doing: &str, error: &kube::Error) -> Error {
        match error {
            error if is_missing_kind(error) => Error::NoCrd,
            kube::Error::Api(status) if is_not_found(error) => Error::NoSuchRollout {
                message: status.message.clone(),
                list: format!("{} list rollouts -n {}", self.program.typed(), self.namespace),
            },
            error => self.failed(&format!("{doing} rollout '{name}'"), error),
        }
    }

    /// Reads an object, lets `change` edit it, and writes it back whole; again if somebody else wrote in between.
    pub async fn edit(
        &self,
        name: &str,
        kind: &ApiResource,
        change: impl Fn(&mut Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        const TRIES_MAX: u32 = 5;
        let api = self.dynamic(kind);
        let explained = |doing: &str, error: &kube::Error| match kind.kind.as_str() {
            "Rollout" => self.about_rollout(name, doing, error),
            other => self.failed(&format!("{doing} {} '{name}'", other.to_lowercase()), error),
        };
        for tries_left in (0..TRIES_MAX).rev() {
            let object = api.get(name).await.map_err(|error| explained("get", &error))?;
            let mut object = to_value(object, name)?;
            change(&mut object)?;
            let object: DynamicObject = read(object, name)?;
            match api.replace(name, &PostParams::default(), &object).await {
                Err(error) if tries_left > 0 && crate::error::is_conflict(&error) => {}
                answer => return answer.map(|_| ()).map_err(|error| explained("update", &error)),
            }
        }
        Ok(())
    }

    /// An API for what a watch needs.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.namespace)
    }

    fn failed(&self, doing: &str, error: &kube::Error) -> Error {
        Error::Api(explain(doing, error, &self.address))
    }

    fn or_note<K>(&self, what: &str, found: Result<Vec<K>, kube::Error>, notes: &mut Vec<String>) -> Vec<K> {
        found.unwrap_or_else(|error| {
            notes.push(explain(&format!("list {what}"), &error, &self.address));
            Vec::new()
        })
    }

    /// An API for objects of which we have no types.
    pub fn dynamic(&self, kind: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client(), &self.namespace, kind)
    }

    async fn send(&self, rollout: &str, patch: &Patch, target: &Target) -> Result<(), kube::Error> {
        let namespace = &self.namespace;
        let own = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{rollout}");
        let path = match target {
            Target::Rollout => own,
            Target::Status => format!("{own}/status"),
            Target::Workload(workload) => workload_path(namespace, workload),
        };
        let content_type = match patch.kind {
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Json => "application/json-patch+json",
        };
        let request = Request::patch(format!("{path}?fieldManager={}", self.program.file()))
            .header(http::header::CONTENT_TYPE, content_type)
            .body(patch.body.to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        self.client.request::<Value>(request).await.map(|_| ())
    }
}

/// The kind `Rollout`.
pub fn rollouts() -> ApiResource {
    ApiResource::erase::<Rollout>(&())
}

/// The kind `Deployment`.
pub fn deployments() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"))
}

/// The kind `AnalysisRun`.
pub fn analysis_runs() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "AnalysisRun"))
}

/// An AnalysisRun, for views.
pub fn run(object: DynamicObject) -> AnalysisRun {
    AnalysisRun::new(object.metadata, object.data)
}

/// Watches the objects that `selector` selects.
pub fn watch_config(selector: Option<&Selector>) -> watcher::Config {
    watcher::Config::default().labels(&label_selector(selector))
}

/// A selector in the form of a request's query: `app=shop,tier in (a,b),!old`.
fn label_selector(selector: Option<&Selector>) -> String {
    let Some(selector) = selector else { return String::new() };
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().filter_map(|expression| {
        let key = &expression.key;
        let values = expression.values.clone().unwrap_or_default().join(",");
        match expression.operator.as_str() {
            "In" => Some(format!("{key} in ({values})")),
            "NotIn" => Some(format!("{key} notin ({values})")),
            "Exists" => Some(key.clone()),
            "DoesNotExist" => Some(format!("!{key}")),
            _ => None,
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

fn workload_path(namespace: &str, workload: &WorkloadRef) -> String {
    let root = if workload.api_version.contains('/') { "/apis" } else { "/api" };
    let plural = format!("{}s", workload.kind.to_lowercase());
    format!("{root}/{}/namespaces/{namespace}/{plural}/{}", workload.api_version, workload.name)
}

async fn pages<K>(api: &Api<K>, params: ListParams) -> Result<Vec<K>, kube::Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut found = Vec::new();
    let mut params = params.limit(PAGE_SIZE);
    loop {
        let page = api.list(&params).await?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// Names are enough where names are asked for.
async fn names(api: &Api<DynamicObject>) -> Result<Vec<String>, kube::Error> {
    let found = api.list_metadata(&ListParams::default().limit(PAGE_SIZE)).await?;
    Ok(found.items.into_iter().filter_map(|object| object.metadata.name).collect())
}

fn read<T: DeserializeOwned>(object: Value, what: &str) -> Result<T, Error> {
    serde_json::from_value(object).map_err(|error| Error::Unreadable { what: what.into(), error })
}

fn to_value(object: DynamicObject, what: &str) -> Result<Value, Error> {
    serde_json::to_value(object).map_err(|error| Error::Unreadable { what: what.into(), error })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use verdigris_crds::SelectorExpression;

    use super::*;

    #[test]
    fn a_selector_becomes_a_query() {
        let expression = |operator: &str, values: &[&str]| SelectorExpression {
            key: "tier".into(),
            operator: operator.into(),
            values: Some(values.iter().map(ToString::to_string).collect()),
            ..SelectorExpression::default()
        };
        let selector = Selector {
            match_labels: Some(BTreeMap::from([("app".into(), "shop".into())])),
            match_expressions: Some(vec![
                expression("In", &["a", "b"]),
                expression("NotIn", &["c"]),
                expression("Exists", &[]),
                expression("DoesNotExist", &[]),
            ]),
            ..Selector::default()
        };
        let text = label_selector(Some(&selector));
        assert_eq!(text, "app=shop,tier in (a,b),tier notin (c),tier,!tier");
        assert_eq!(label_selector(None), "");
    }

    #[test]
    fn a_workload_has_its_own_path() {
        let path = |api_version: &str, kind: &str| {
            let workload =
                WorkloadRef { api_version: api_version.into(), kind: kind.into(), name: "web".into() };
            workload_path("prod", &workload)
        };
        assert_eq!(path("apps/v1", "Deployment"), "/apis/apps/v1/namespaces/prod/deployments/web");
        assert_eq!(path("v1", "PodTemplate"), "/api/v1/namespaces/prod/podtemplates/web");
    }
}

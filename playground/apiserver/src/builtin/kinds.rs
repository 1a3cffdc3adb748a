//! The table of built-in kinds: names, scope and subresources as the API's discovery gives them.

use super::{
    autoscaling, config, custom_resources, endpoints, event, namespace, node, plain, pod, service, storage,
    workload,
};
use crate::resource::{Strategy, Subresource, View};

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// Short names.
    pub short_names: &'static [&'static str],
    /// Categories.
    pub categories: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether `/status` exists.
    pub status: bool,
    /// Whether `/scale` exists.
    pub scale: bool,
    /// Subresources beside these.
    pub subresources: &'static [Subresource],
    /// The rules of the kind.
    pub strategy: Strategy,
    /// The form in which its objects are kept, if that is another kind's.
    pub view: Option<View>,
    /// Whether its objects are questions that are answered and not kept.
    pub asked: bool,
    /// What clients are warned of whenever they use it.
    pub deprecation: Option<&'static str>,
}

impl Kind {
    fn new(api: (&'static str, &'static str), kind: &'static str, plural: &'static str) -> Self {
        Kind {
            group: api.0,
            version: api.1,
            kind,
            plural,
            short_names: &[],
            categories: &[],
            namespaced: true,
            status: false,
            scale: false,
            subresources: &[],
            strategy: Strategy::default(),
            view: None,
            asked: false,
            deprecation: None,
        }
    }

    fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short_names = names;
        self
    }

    /// In the category `all`, which `kubectl get all` lists.
    fn in_all(mut self) -> Self {
        self.categories = &["all"];
        self
    }

    fn cluster_wide(mut self) -> Self {
        self.namespaced = false;
        self
    }

    fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    fn with_scale(mut self) -> Self {
        self.scale = true;
        self.with_status()
    }

    fn ruled_by(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    fn seen_through(mut self, view: View) -> Self {
        self.view = Some(view);
        self
    }

    /// Objects that are questions: answered when they are created, and not kept.
    fn asked(mut self) -> Self {
        self.asked = true;
        self
    }

    fn deprecated(mut self, warning: &'static str) -> Self {
        self.deprecation = Some(warning);
        self
    }

    fn with(mut self, subresources: &'static [Subresource]) -> Self {
        self.subresources = subresources;
        self
    }
}

const AUTHORIZATION: (&str, &str) = ("authorization.k8s.io", "v1");
const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const ADMISSION: (&str, &str) = ("admissionregistration.k8s.io", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const NETWORKING: (&str, &str) = ("networking.k8s.io", "v1");
const POLICY: (&str, &str) = ("policy", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");

const POD_SUBRESOURCES: [Subresource; 6] = [
    Subresource { name: "attach", group: "", version: "v1", kind: "PodAttachOptions", verbs: &CONNECT },
    Subresource { name: "binding", group: "", version: "v1", kind: "Binding", verbs: &["create"] },
    Subresource { name: "eviction", group: "policy", version: "v1", kind: "Eviction", verbs: &["create"] },
    Subresource { name: "exec", group: "", version: "v1", kind: "PodExecOptions", verbs: &CONNECT },
    Subresource { name: "log", group: "", version: "v1", kind: "Pod", verbs: &["get"] },
    Subresource {
        name: "portforward",
        group: "",
        version: "v1",
        kind: "PodPortForwardOptions",
        verbs: &CONNECT,
    },
];

/// A GET where a browser asks, a POST where a program does.
const CONNECT: [&str; 2] = ["create", "get"];

/// All built-in kinds.
pub(super) fn table() -> Vec<Kind> {
    let mut kinds = core();
    kinds.extend(workloads());
    kinds.extend(policies());
    kinds.extend(cluster_machinery());
    kinds.extend(questions());
    kinds
}

fn core() -> Vec<Kind> {
    vec![
        Kind::new(CORE, "ConfigMap", "configmaps").short(&["cm"]).ruled_by(config::config_map()),
        Kind::new(CORE, "Endpoints", "endpoints")
            .short(&["ep"])
            .deprecated("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
            .ruled_by(endpoints::endpoints()),
        Kind::new(CORE, "Event", "events").short(&["ev"]).ruled_by(event::core()),
        Kind::new(CORE, "LimitRange", "limitranges").short(&["limits"]).ruled_by(plain::limit_range()),
        Kind::new(CORE, "Namespace", "namespaces")
            .short(&["ns"])
            .cluster_wide()
            .with_status()
            .ruled_by(namespace::strategy()),
        Kind::new(CORE, "Node", "nodes")
            .short(&["no"])
            .cluster_wide()
            .with_status()
            .ruled_by(node::strategy()),
        Kind::new(CORE, "PersistentVolume", "persistentvolumes")
            .short(&["pv"])
            .cluster_wide()
            .with_status()
            .ruled_by(storage::persistent_volume()),
        Kind::new(CORE, "PersistentVolumeClaim", "persistentvolumeclaims")
            .short(&["pvc"])
            .with_status()
            .ruled_by(storage::persistent_volume_claim()),
        Kind::new(CORE, "Pod", "pods")
            .short(&["po"])
            .in_all()
            .with_status()
            .with(&POD_SUBRESOURCES)
            .ruled_by(pod::strategy()),
        Kind::new(CORE, "PodTemplate", "podtemplates").ruled_by(workload::pod_template()),
        Kind::new(CORE, "ReplicationController", "replicationcontrollers")
            .short(&["rc"])
            .in_all()
            .with_scale()
            .ruled_by(workload::replication_controller()),
        Kind::new(CORE, "ResourceQuota", "resourcequotas")
            .short(&["quota"])
            .with_status()
            .ruled_by(plain::resource_quota()),
        Kind::new(CORE, "Secret", "secrets").ruled_by(config::secret()),
        Kind::new(CORE, "Service", "services")
            .short(&["svc"])
            .in_all()
            .with_status()
            .ruled_by(service::strategy()),
        Kind::new(CORE, "ServiceAccount", "serviceaccounts").short(&["sa"]),
    ]
}

fn workloads() -> Vec<Kind> {
    vec![
        Kind::new(APPS, "ControllerRevision", "controllerrevisions").ruled_by(plain::controller_revision()),
        Kind::new(APPS, "DaemonSet", "daemonsets")
            .short(&["ds"])
            .in_all()
            .with_status()
            .ruled_by(workload::daemon_set()),
        Kind::new(APPS, "Deployment", "deployments")
            .short(&["deploy"])
            .in_all()
            .with_scale()
            .ruled_by(workload::deployment()),
        Kind::new(APPS, "ReplicaSet", "replicasets")
            .short(&["rs"])
            .in_all()
            .with_scale()
            .ruled_by(workload::replica_set()),
        Kind::new(APPS, "StatefulSet", "statefulsets")
            .short(&["sts"])
            .in_all()
            .with_scale()
            .ruled_by(workload::stateful_set()),
        Kind::new(("autoscaling", "v2"), "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            .short(&["hpa"])
            .in_all()
            .with_status()
            .ruled_by(autoscaling::strategy()),
        Kind::new(BATCH, "CronJob", "cronjobs")
            .short(&["cj"])
            .in_all()
            .with_status()
            .ruled_by(workload::cron_job()),
        Kind::new(BATCH, "Job", "jobs").in_all().with_status().ruled_by(workload::job()),
    ]
}

fn policies() -> Vec<Kind> {
    vec![
        Kind::new(NETWORKING, "Ingress", "ingresses")
            .short(&["ing"])
            .with_status()
            .ruled_by(plain::ingress()),
        Kind::new(NETWORKING, "IngressClass", "ingressclasses")
            .cluster_wide()
            .ruled_by(plain::ingress_class()),
        Kind::new(NETWORKING, "NetworkPolicy", "networkpolicies")
            .short(&["netpol"])
            .ruled_by(plain::network_policy()),
        Kind::new(POLICY, "PodDisruptionBudget", "poddisruptionbudgets")
            .short(&["pdb"])
            .with_status()
            .ruled_by(plain::disruption_budget()),
        Kind::new(RBAC, "ClusterRole", "clusterroles").cluster_wide().ruled_by(plain::rbac()),
        Kind::new(RBAC, "ClusterRoleBinding", "clusterrolebindings")
            .cluster_wide()
            .ruled_by(plain::rbac_binding()),
        Kind::new(RBAC, "Role", "roles").ruled_by(plain::rbac()),
        Kind::new(RBAC, "RoleBinding", "rolebindings").ruled_by(plain::rbac_binding()),
        Kind::new(("scheduling.k8s.io", "v1"), "PriorityClass", "priorityclasses")
            .short(&["pc"])
            .cluster_wide()
            .ruled_by(plain::priority_class()),
    ]
}

fn cluster_machinery() -> Vec<Kind> {
    vec![
        Kind::new(ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
            .cluster_wide()
            .ruled_by(plain::webhooks()),
        Kind::new(ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
            .cluster_wide()
            .ruled_by(plain::webhooks()),
        Kind::new(("apiextensions.k8s.io", "v1"), "CustomResourceDefinition", "customresourcedefinitions")
            .short(&["crd", "crds"])
            .cluster_wide()
            .with_status()
            .ruled_by(custom_resources::strategy()),
        Kind::new(("coordination.k8s.io", "v1"), "Lease", "leases").ruled_by(plain::lease()),
        Kind::new(("discovery.k8s.io", "v1"), "EndpointSlice", "endpointslices").ruled_by(endpoints::slice()),
        Kind::new(("events.k8s.io", "v1"), "Event", "events")
            .short(&["ev"])
            .ruled_by(event::newer())
            .seen_through(event::view()),
        Kind::new(("node.k8s.io", "v1"), "RuntimeClass", "runtimeclasses")
            .cluster_wide()
            .ruled_by(plain::runtime_class()),
        Kind::new(("storage.k8s.io", "v1"), "StorageClass", "storageclasses")
            .short(&["sc"])
            .cluster_wide()
            .ruled_by(storage::storage_class()),
    ]
}

/// What a client asks about itself and others.
fn questions() -> Vec<Kind> {
    vec![
        Kind::new(("authentication.k8s.io", "v1"), "SelfSubjectReview", "selfsubjectreviews")
            .cluster_wide()
            .asked(),
        Kind::new(AUTHORIZATION, "LocalSubjectAccessReview", "localsubjectaccessreviews").asked(),
        Kind::new(AUTHORIZATION, "SelfSubjectAccessReview", "selfsubjectaccessreviews")
            .cluster_wide()
            .asked(),
        Kind::new(AUTHORIZATION, "SelfSubjectRulesReview", "selfsubjectrulesreviews").cluster_wide().asked(),
        Kind::new(AUTHORIZATION, "SubjectAccessReview", "subjectaccessreviews").cluster_wide().asked(),
    ]
}

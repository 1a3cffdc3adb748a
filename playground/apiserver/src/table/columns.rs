//! Which columns a kind has.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{JsonPath, age, cells as c, cluster_cells as n, pod_cells as p};
use crate::resource::{Column, Resource};

/// Makes the cell of an object.
type Cell = fn(&Value, Timestamp) -> Value;

/// A column of a table.
pub(super) struct TableColumn {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
    source: Source,
}

enum Source {
    Function(Cell),
    Path { path: Option<JsonPath>, kind: String },
}

impl TableColumn {
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        match &self.source {
            Source::Function(cell) => cell(object, now),
            Source::Path { path, kind } => {
                let found = path.as_ref().and_then(|path| path.find(object).first().copied());
                found.map_or(Value::Null, |value| custom_cell(value, kind, now))
            }
        }
    }

    pub(super) fn definition(&self) -> Value {
        json!({"name": self.name, "type": self.kind, "format": self.format,
               "description": self.description, "priority": self.priority})
    }
}

/// Whether these are the columns of a built-in kind for which nobody thought of any.
pub(super) fn are_plain(resource: &Resource, columns: &[TableColumn]) -> bool {
    !resource.custom && columns.get(1).is_some_and(|column| column.name == "Created At")
}

/// The columns of a resource, in order.
pub(super) fn of(resource: &Resource) -> Vec<TableColumn> {
    if !resource.custom {
        let columns = built_in(resource.kept_group(), &resource.kind);
        return columns.iter().map(|(name, cell)| function(name, *cell)).collect();
    }
    let mut columns = vec![function("Name", c::name)];
    if resource.columns.is_empty() {
        columns.push(custom(&Column {
            name: "Age".to_owned(),
            kind: "date".to_owned(),
            format: String::new(),
            description: "When the object was created.".to_owned(),
            priority: 0,
            json_path: ".metadata.creationTimestamp".to_owned(),
        }));
    }
    columns.extend(resource.columns.iter().map(custom));
    columns
}

/// The columns of the subresource `scale`, the same for all resources.
pub(super) fn of_scale() -> Vec<TableColumn> {
    let columns: [(&str, Cell); 4] = [
        NAME,
        ("Desired#", |scale, _| c::number_at(scale, "/spec/replicas")),
        ("Available#", |scale, _| c::number_at(scale, "/status/replicas")),
        AGE,
    ];
    // For once, the real server does not say that a name is one.
    let plain = |(name, cell): &(&str, Cell)| TableColumn { format: String::new(), ..function(name, *cell) };
    columns.iter().map(plain).collect()
}

/// A column of a built-in kind. Its name says the rest: `*` marks columns of `-o wide`, `#` whole numbers, `?`
/// booleans, `@` times.
fn function(name: &str, cell: Cell) -> TableColumn {
    let bare = name.trim_end_matches(['*', '#', '?', '@']);
    let kind = match name {
        name if name.contains('#') => "integer",
        name if name.contains('?') => "boolean",
        name if name.contains('@') => "date",
        _ => "string",
    };
    TableColumn {
        name: bare.to_owned(),
        kind: kind.to_owned(),
        format: if bare == "Name" { "name".to_owned() } else { String::new() },
        description: String::new(),
        priority: i64::from(name.contains('*')),
        source: Source::Function(cell),
    }
}

fn custom(column: &Column) -> TableColumn {
    TableColumn {
        name: column.name.clone(),
        kind: column.kind.clone(),
        format: column.format.clone(),
        // As the real server describes what nobody has described.
        description: match column.description.as_str() {
            "" => format!("Custom resource definition column (in JSONPath format): {}", column.json_path),
            described => described.to_owned(),
        },
        priority: column.priority,
        source: Source::Path { path: JsonPath::parse(&column.json_path), kind: column.kind.clone() },
    }
}

fn custom_cell(value: &Value, kind: &str, now: Timestamp) -> Value {
    match (kind, value) {
        ("integer", Value::Number(number)) if number.is_f64() => {
            json!(number.as_f64().map(|float| float.trunc()))
        }
        ("integer" | "number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_)) => value.clone(),
        ("string", other) => Value::String(other.to_string()),
        ("date", date) => Value::String(age::since(date, now)),
        _ => Value::Null,
    }
}

const AGE: (&str, Cell) = ("Age", c::age);
const NAME: (&str, Cell) = ("Name", c::name);
const TEMPLATE: [(&str, Cell); 3] =
    [("Containers*", c::containers), ("Images*", c::images), ("Selector*", c::selector)];

fn built_in(group: &str, kind: &str) -> Vec<(&'static str, Cell)> {
    let mut columns = match (group, kind) {
        ("", _) => core(kind),
        ("apps" | "batch" | "autoscaling" | "policy", _) => workloads(kind),
        _ => machinery(kind),
    };
    if kind != "Event" {
        columns.insert(0, NAME);
    }
    columns
}

fn core(kind: &str) -> Vec<(&'static str, Cell)> {
    match kind {
        "ConfigMap" => vec![("Data", c::config_map_size), AGE],
        "Endpoints" => vec![("Endpoints", n::endpoints), AGE],
        "Event" => events(),
        "Namespace" => vec![("Status", c::phase), AGE],
        "Node" => vec![
            ("Status", n::node_status),
            ("Roles", n::node_roles),
            AGE,
            ("Version", |node, _| c::text_at(node, "/status/nodeInfo/kubeletVersion", "")),
            ("Internal-IP*", |node, _| n::node_address(node, "InternalIP")),
            ("External-IP*", |node, _| n::node_address(node, "ExternalIP")),
            ("OS-Image*", |node, _| c::text_at(node, "/status/nodeInfo/osImage", "<unknown>")),
            ("Kernel-Version*", n::node_kernel),
            ("Container-Runtime*", |node, _| {
                c::text_at(node, "/status/nodeInfo/containerRuntimeVersion", "<unknown>")
            }),
        ],
        "PersistentVolume" => vec![
            ("Capacity", |volume, _| c::text_at(volume, "/spec/capacity/storage", "")),
            ("Access Modes", |volume, _| n::access_modes(&volume["spec"]["accessModes"])),
            ("Reclaim Policy", |volume, _| c::text_at(volume, "/spec/persistentVolumeReclaimPolicy", "")),
            ("Status", n::volume_phase),
            ("Claim", n::claim),
            ("StorageClass", |volume, _| c::text_at(volume, "/spec/storageClassName", "")),
            ("VolumeAttributesClass", |volume, _| {
                c::text_at(volume, "/spec/volumeAttributesClassName", "<unset>")
            }),
            ("Reason", |volume, _| c::text_at(volume, "/status/reason", "")),
            AGE,
            ("VolumeMode*", |volume, _| c::text_at(volume, "/spec/volumeMode", "<unset>")),
        ],
        "PersistentVolumeClaim" => vec![
            ("Status", n::volume_phase),
            ("Volume", |claim, _| c::text_at(claim, "/spec/volumeName", "")),
            ("Capacity", |claim, _| c::text_at(claim, "/status/capacity/storage", "")),
            ("Access Modes", |claim, _| n::access_modes(&claim["status"]["accessModes"])),
            ("StorageClass", |claim, _| c::text_at(claim, "/spec/storageClassName", "")),
            ("VolumeAttributesClass", |claim, _| {
                c::text_at(claim, "/spec/volumeAttributesClassName", "<unset>")
            }),
            AGE,
            ("VolumeMode*", |claim, _| c::text_at(claim, "/spec/volumeMode", "<unset>")),
        ],
        "Pod" => vec![
            ("Ready", p::ready),
            ("Status", p::status),
            ("Restarts", p::restarts),
            AGE,
            ("IP*", |pod, _| c::text_at(pod, "/status/podIP", "<none>")),
            ("Node*", |pod, _| c::text_at(pod, "/spec/nodeName", "<none>")),
            ("Nominated Node*", |pod, _| c::text_at(pod, "/status/nominatedNodeName", "<none>")),
            ("Readiness Gates*", p::readiness_gates),
        ],
        "PodTemplate" => vec![
            ("Containers", |o, _| c::container_part(&o["template"]["spec"], "name")),
            ("Images", |o, _| c::container_part(&o["template"]["spec"], "image")),
            ("Pod Labels", |o, _| c::labels(&o["template"]["metadata"]["labels"])),
        ],
        "ReplicationController" => replicas(),
        "ResourceQuota" => vec![
            ("Request", |quota, _| n::quota(quota, false)),
            ("Limit", |quota, _| n::quota(quota, true)),
            AGE,
        ],
        "Secret" => vec![
            ("Type", |secret, _| c::text_at(secret, "/type", "")),
            ("Data", |secret, _| json!(c::count(&secret["data"]))),
            AGE,
        ],
        "Service" => vec![
            ("Type", |service, _| c::text_at(service, "/spec/type", "")),
            ("Cluster-IP", |service, _| c::text_at(service, "/spec/clusterIP", "<none>")),
            ("External-IP", n::external_address),
            ("Port(s)", n::service_ports),
            AGE,
            ("Selector*", |service, _| c::labels(&service["spec"]["selector"])),
        ],
        "LimitRange" => vec![("Created At@", |o, _| c::text_at(o, "/metadata/creationTimestamp", ""))],
        // ServiceAccount.
        _ => vec![AGE],
    }
}

fn events() -> Vec<(&'static str, Cell)> {
    vec![
        ("Last Seen", n::event_last_seen),
        ("Type", |event, _| c::text_at(event, "/type", "")),
        ("Reason", |event, _| c::text_at(event, "/reason", "")),
        ("Object", n::event_object),
        ("Subobject*", |event, _| c::text_at(event, "/involvedObject/fieldPath", "")),
        ("Source*", n::event_source),
        ("Message", n::event_message),
        ("First Seen*", n::event_first_seen),
        ("Count*", n::event_count),
        ("Name*", c::name),
    ]
}

fn replicas() -> Vec<(&'static str, Cell)> {
    let mut columns: Vec<(&str, Cell)> = vec![
        ("Desired#", |o, _| c::number_at(o, "/spec/replicas")),
        ("Current#", |o, _| c::number_at(o, "/status/replicas")),
        ("Ready#", |o, _| c::number_at(o, "/status/readyReplicas")),
        AGE,
    ];
    columns.extend(TEMPLATE);
    columns
}

fn workloads(kind: &str) -> Vec<(&'static str, Cell)> {
    let mut columns: Vec<(&str, Cell)> = match kind {
        "Deployment" => vec![
            ("Ready", c::ready_of_desired),
            ("Up-to-date", |o, _| c::number_at(o, "/status/updatedReplicas")),
            ("Available", |o, _| c::number_at(o, "/status/availableReplicas")),
            AGE,
        ],
        "ReplicaSet" => return replicas(),
        "StatefulSet" => vec![("Ready", c::ready_of_desired), AGE],
        "DaemonSet" => vec![
            ("Desired#", |o, _| c::number_at(o, "/status/desiredNumberScheduled")),
            ("Current#", |o, _| c::number_at(o, "/status/currentNumberScheduled")),
            ("Ready#", |o, _| c::number_at(o, "/status/numberReady")),
            ("Up-to-date#", |o, _| c::number_at(o, "/status/updatedNumberScheduled")),
            ("Available#", |o, _| c::number_at(o, "/status/numberAvailable")),
            ("Node Selector", |o, _| c::labels(&o["spec"]["template"]["spec"]["nodeSelector"])),
            AGE,
        ],
        "Job" => vec![
            ("Status", n::job_status),
            ("Completions", n::job_completions),
            ("Duration", n::job_duration),
            AGE,
        ],
        "CronJob" => {
            return vec![
                ("Schedule", |o, _| c::text_at(o, "/spec/schedule", "")),
                ("Timezone", |o, _| c::text_at(o, "/spec/timeZone", "<none>")),
                ("Suspend?", |o, _| json!(if o["spec"]["suspend"] == true { "True" } else { "False" })),
                ("Active#", |o, _| json!(c::count(&o["status"]["active"]))),
                ("Last Schedule", |o, now| c::since_or_none(&o["status"]["lastScheduleTime"], now)),
                AGE,
                ("Containers*", |o, _| {
                    c::container_part(&o["spec"]["jobTemplate"]["spec"]["template"]["spec"], "name")
                }),
                ("Images*", |o, _| {
                    c::container_part(&o["spec"]["jobTemplate"]["spec"]["template"]["spec"], "image")
                }),
                ("Selector*", |o, _| c::label_selector(&o["spec"]["jobTemplate"]["spec"]["selector"])),
            ];
        }
        "HorizontalPodAutoscaler" => {
            return vec![
                ("Reference", n::scale_target),
                ("Targets", n::scale_metrics),
                ("MinPods", |o, _| {
                    json!(c::scalar(&o["spec"]["minReplicas"]).unwrap_or_else(|| "<unset>".to_owned()))
                }),
                ("MaxPods", |o, _| c::number_at(o, "/spec/maxReplicas")),
                ("Replicas", |o, _| c::number_at(o, "/status/currentReplicas")),
                AGE,
            ];
        }
        "PodDisruptionBudget" => {
            return vec![
                ("Min Available", |o, _| {
                    json!(c::scalar(&o["spec"]["minAvailable"]).unwrap_or_else(|| "N/A".to_owned()))
                }),
                ("Max Unavailable", |o, _| {
                    json!(c::scalar(&o["spec"]["maxUnavailable"]).unwrap_or_else(|| "N/A".to_owned()))
                }),
                ("Allowed Disruptions#", |o, _| c::number_at(o, "/status/disruptionsAllowed")),
                AGE,
            ];
        }
        "ControllerRevision" => {
            return vec![("Controller", n::owner), ("Revision", |o, _| c::number_at(o, "/revision")), AGE];
        }
        _ => return vec![AGE],
    };
    columns.extend(TEMPLATE);
    if kind == "StatefulSet" {
        columns.pop();
    }
    columns
}

fn machinery(kind: &str) -> Vec<(&'static str, Cell)> {
    match kind {
        "ClusterRole" | "Role" => {
            vec![("Created At@", |o, _| c::text_at(o, "/metadata/creationTimestamp", ""))]
        }
        "ClusterRoleBinding" | "RoleBinding" => vec![
            ("Role", n::role),
            AGE,
            ("Users*", |o, _| n::subjects(o, "User")),
            ("Groups*", |o, _| n::subjects(o, "Group")),
            ("ServiceAccounts*", |o, _| n::subjects(o, "ServiceAccount")),
        ],
        "CustomResourceDefinition" => {
            vec![("Created At@", |o, _| c::text_at(o, "/metadata/creationTimestamp", ""))]
        }
        "EndpointSlice" => vec![
            ("AddressType", |o, _| c::text_at(o, "/addressType", "")),
            ("Ports", n::slice_ports),
            ("Endpoints", n::slice_endpoints),
            AGE,
        ],
        "Ingress" => vec![
            ("Class", |o, _| c::text_at(o, "/spec/ingressClassName", "<none>")),
            ("Hosts", n::hosts),
            ("Address", n::load_balancer),
            ("Ports", |o, _| json!(if c::count(&o["spec"]["tls"]) == 0 { "80" } else { "80, 443" })),
            AGE,
        ],
        "IngressClass" => vec![
            ("Controller", |o, _| c::text_at(o, "/spec/controller", "")),
            ("Parameters", |o, _| c::text_at(o, "/spec/parameters/name", "<none>")),
            AGE,
        ],
        "Lease" => vec![("Holder", |o, _| c::text_at(o, "/spec/holderIdentity", "")), AGE],
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            vec![("Webhooks#", |o, _| json!(c::count(&o["webhooks"]))), AGE]
        }
        "NetworkPolicy" => vec![("Pod-Selector", |o, _| c::label_selector(&o["spec"]["podSelector"])), AGE],
        "PriorityClass" => vec![
            ("Value#", |o, _| c::number_at(o, "/value")),
            ("Global-Default?", |o, _| json!(o["globalDefault"] == true)),
            AGE,
            ("PreemptionPolicy", |o, _| c::text_at(o, "/preemptionPolicy", "")),
        ],
        "RuntimeClass" => vec![("Handler", |o, _| c::text_at(o, "/handler", "")), AGE],
        "StorageClass" => vec![
            ("Provisioner", |o, _| c::text_at(o, "/provisioner", "")),
            ("ReclaimPolicy", |o, _| c::text_at(o, "/reclaimPolicy", "Delete")),
            ("VolumeBindingMode", |o, _| c::text_at(o, "/volumeBindingMode", "Immediate")),
            ("AllowVolumeExpansion", |o, _| json!(o["allowVolumeExpansion"] == true)),
            AGE,
        ],
        _ => vec![AGE],
    }
}

//! What a container's process is, told by its pod and its environment.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::{environment::Environment, host::App};
use crate::object::label_of;

/// The labels that may name a pod's revision, in order.
const REVISION_LABELS: [&str; 2] = ["rollouts-pod-template-hash", "pod-template-hash"];
/// Where a process listens if its pod declares no port and its environment has no `PORT`.
const PORT_DEFAULT: u16 = 8080;

/// The process of this container.
pub(super) fn app(pod: &Pod, container: &Container, environment: &Environment, healthy: bool) -> App {
    let declared = |container: &Container| -> Vec<u16> {
        let ports = container.ports.iter().flatten();
        ports
            .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP")
            .filter_map(|port| u16::try_from(port.container_port).ok())
            .collect()
    };
    let mut ports = declared(container);
    let siblings = pod.spec.iter().flat_map(|spec| &spec.containers);
    if siblings.flat_map(declared).next().is_none() {
        // Declaring ports is a courtesy in Kubernetes; a lone undeclared server still listens.
        ports.push(environment.get("PORT").and_then(|port| port.parse().ok()).unwrap_or(PORT_DEFAULT));
    }
    let image = container.image.clone().unwrap_or_default();
    App {
        welcome: environment.get("WELCOME").cloned().unwrap_or_else(|| format!("Hello from {image}!")),
        pod: pod.metadata.name.clone().unwrap_or_default(),
        image,
        revision: REVISION_LABELS
            .iter()
            .find_map(|label| label_of(&pod.metadata, label))
            .unwrap_or_default()
            .to_owned(),
        ports,
        healthy,
    }
}

//! Where a Service's connections may go.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

use k8s_openapi::api::{
    core::v1::{Service, ServicePort},
    discovery::v1::EndpointSlice,
};

/// A pod's address and port.
pub(super) type Backend = (Ipv4Addr, u16);

/// The Service's ports that get an address on loopback; none if it has no cluster address of its own.
pub(super) fn ports(service: &Service) -> Vec<&ServicePort> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let external = spec.type_.as_deref() == Some("ExternalName");
    if headless || external || service.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let ports = spec.ports.iter().flatten();
    ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP").collect()
}

/// The endpoints behind one port: those that are ready, or, where none is, those that still serve while they
/// terminate. That is kube-proxy's rule.
pub(super) fn backends(port: &ServicePort, slices: &[Arc<EndpointSlice>]) -> Vec<Backend> {
    let name = port.name.as_deref().unwrap_or_default();
    let (mut ready, mut leaving) = (BTreeSet::new(), BTreeSet::new());
    for slice in slices.iter().filter(|slice| slice.address_type == "IPv4") {
        let number = slice
            .ports
            .iter()
            .flatten()
            .filter(|one| one.name.as_deref().unwrap_or_default() == name)
            .filter(|one| one.protocol.as_deref().unwrap_or("TCP") == "TCP")
            .find_map(|one| u16::try_from(one.port?).ok());
        let Some(number) = number else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            let addresses = endpoint.addresses.iter().filter_map(|address| address.parse().ok());
            let backends = addresses.map(|address: Ipv4Addr| (address, number));
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            // Not said counts as ready.
            if conditions.ready.unwrap_or(true) {
                ready.extend(backends);
            } else if conditions.serving.unwrap_or(false) && conditions.terminating.unwrap_or(false) {
                leaving.extend(backends);
            }
        }
    }
    if ready.is_empty() { leaving } else { ready }.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
    fn slice(endpoints: Value) -> Arc<EndpointSlice> {
        Arc::new(
            serde_json::from_value(json!({
                "metadata": {}, "addressType": "IPv4", "endpoints": endpoints,
                "ports": [{"name": "metrics", "port": 9090}, {"name": "http", "port": 8080, "protocol": "TCP"}],
            }))
            .unwrap(),
        )
    }

    fn endpoint(last: u8, ready: bool, serving: bool, terminating: bool) -> Value {
        json!({"addresses": [format!("10.244.0.{last}")],
               "conditions": {"ready": ready, "serving": serving, "terminating": terminating}})
    }

    fn seen(slices: &[Arc<EndpointSlice>]) -> Vec<String> {
        let port = serde_json::from_value(json!({"name": "http", "port": 80})).unwrap();
        backends(&port, slices).iter().map(|(ip, port)| format!("{ip}:{port}")).collect()
    }

    #[test]
    fn ready_endpoints_of_all_slices_take_connections() {
        let slices = [
            slice(json!([endpoint(2, true, true, false), endpoint(3, false, false, false)])),
            slice(json!([endpoint(1, true, true, false), endpoint(4, false, true, true)])),
        ];
        assert_eq!(seen(&slices), ["10.244.0.1:8080", "10.244.0.2:8080"]);
    }

    #[test]
    fn those_that_leave_serve_on_only_while_nothing_is_ready() {
        let leaving = endpoint(4, false, true, true);
        assert_eq!(seen(&[slice(json!([leaving, endpoint(5, false, false, true)]))]), ["10.244.0.4:8080"]);
        assert!(seen(&[slice(json!([]))]).is_empty());
    }
}

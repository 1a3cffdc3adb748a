//! The parts of a pod that its node's kubelet answers: which node that is, and what it is to be asked.

use http::Method;
use serde_json::Value;

use super::Store;
use crate::{
    answer::{Answer, Asks, KubeletCall},
    field_error::FieldError,
    path::Target,
    request::{Query, Request},
    resource::Resource,
    status::{ApiError, GroupResource},
};

/// Where a kubelet listens that does not say so.
const PORT_DEFAULT: i64 = 10250;
/// Which of a node's addresses is taken.
const ADDRESS_TYPES: [&str; 5] = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];

/// A part of a pod that only its kubelet knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Log,
    Exec,
    Attach,
    PortForward,
}

impl Part {
    pub(super) fn of(resource: &Resource, target: &Target) -> Option<Self> {
        let pods = resource.group.is_empty() && resource.plural == "pods" && !target.name.is_empty();
        match target.subresource.as_str() {
            "log" if pods => Some(Self::Log),
            "exec" if pods => Some(Self::Exec),
            "attach" if pods => Some(Self::Attach),
            "portforward" if pods => Some(Self::PortForward),
            _ => None,
        }
    }

    fn methods(self) -> &'static [Method] {
        const READ: [Method; 1] = [Method::GET];
        const CONNECT: [Method; 2] = [Method::GET, Method::POST];
        if self == Self::Log { &READ } else { &CONNECT }
    }
}

impl Store {
    /// What a kubelet is to be asked for this part of a pod.
    pub(super) fn kubelet_step(
        &self,
        request: &Request,
        resource: &Resource,
        target: &Target,
        part: Part,
    ) -> Result<Answer, ApiError> {
        if !part.methods().contains(&request.method) {
            return Err(ApiError::method_not_allowed());
        }
        let name = &target.name;
        let log_query = if part == Part::Log { log_query(&request.query, name)? } else { String::new() };
        let pod = self
            .kept(resource, &target.namespace, name)
            .ok_or_else(|| ApiError::not_found(resource.group_resource(), name))?
            .value(resource);
        let container = match part {
            Part::PortForward => "",
            _ => container(&pod, request.query.text("container"))?,
        };
        let Some(node) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) else {
            return match part {
                Part::Log => Ok(Answer::bytes(204, "", "")),
                _ => Err(ApiError::bad_request(format!("pod {name} does not have a host assigned"))),
            };
        };
        let address = self.kubelet_address(node)?;
        let namespace = &target.namespace;
        let (asks, path_and_query) = match part {
            Part::Log => (
                Asks::Log { pod: name.clone() },
                format!("/containerLogs/{namespace}/{name}/{container}?{log_query}"),
            ),
            Part::Exec | Part::Attach => {
                let verb = if part == Part::Exec { "exec" } else { "attach" };
                let query = stream_query(&request.query, part == Part::Exec);
                (Asks::Upgrade, format!("/{verb}/{namespace}/{name}/{container}?{query}"))
            }
            Part::PortForward => {
                let ports = request.query.all("ports").join(",");
                let query = if ports.is_empty() { ports } else { format!("port={}", encoded(&ports)) };
                (Asks::Upgrade, format!("/portForward/{namespace}/{name}?{query}"))
            }
        };
        let path_and_query = path_and_query.trim_end_matches('?').to_owned();
        Ok(Answer::Kubelet(Box::new(KubeletCall { address, path_and_query, asks })))
    }

    fn kubelet_address(&self, name: &str) -> Result<(String, u16), ApiError> {
        let of = GroupResource { group: "", resource: "nodes" };
        let nodes = self.registry().get("", "v1", "nodes").cloned();
        let node = nodes.and_then(|nodes| Some(self.kept(&nodes, "", name)?.value(&nodes)));
        let node = node.ok_or_else(|| ApiError::not_found(of, name))?;
        let addresses = node["status"]["addresses"].as_array().map_or(&[][..], Vec::as_slice);
        let of_type = |kind: &&str| addresses.iter().find(|address| address["type"] == **kind);
        let chosen = ADDRESS_TYPES.iter().find_map(of_type).and_then(|found| found["address"].as_str());
        let Some(host) = chosen else {
            return Err(ApiError::unexplained("no preferred addresses found; known addresses: []"));
        };
        let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_i64();
        let port = u16::try_from(port.filter(|port| *port > 0).unwrap_or(PORT_DEFAULT));
        let port = port.map_err(|_| ApiError::unexplained(format!("node {name} has no port that can be")))?;
        Ok((host.to_owned(), port))
    }
}

/// The container that is meant.
fn container<'a>(pod: &'a Value, asked: &'a str) -> Result<&'a str, ApiError> {
    let named = |field: &str| -> Vec<&'a str> {
        let containers = pod["spec"][field].as_array();
        containers.into_iter().flatten().filter_map(|container| container["name"].as_str()).collect()
    };
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let all = [named("initContainers"), named("containers"), named("ephemeralContainers")].concat();
    if !asked.is_empty() {
        let refused = || ApiError::bad_request(format!("container {asked} is not valid for pod {pod_name}"));
        return all.contains(&asked).then_some(asked).ok_or_else(refused);
    }
    match named("containers").as_slice() {
        [only] => Ok(*only),
        _ => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            all.join(" ")
        ))),
    }
}

/// What of a log is wanted, as the kubelet is asked for it.
fn log_query(query: &Query, pod: &str) -> Result<String, ApiError> {
    let mut faults = Vec::new();
    let mut at_least = |key: &str, least: i64, detail: &str| -> Result<Option<String>, ApiError> {
        let number = query.number(key)?;
        if let Some(number) = number.filter(|number| *number < least) {
            faults.push(FieldError::invalid(key, number, detail));
        }
        Ok(number.map(|number| number.to_string()))
    };
    let tail_lines = at_least("tailLines", 0, "must be greater than or equal to 0")?;
    let limit_bytes = at_least("limitBytes", 1, "must be greater than 0")?;
    let since_time = query.get("sinceTime").filter(|time| !time.is_empty()).map(ToOwned::to_owned);
    let since_seconds = if since_time.is_some() && query.get("sinceSeconds").is_some() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        faults.push(FieldError::forbidden("", detail));
        None
    } else {
        at_least("sinceSeconds", 1, "must be greater than 0")?
    };
    if query.get("stream").is_some() {
        faults.push(FieldError::forbidden("stream", "may not be specified"));
    }
    if !faults.is_empty() {
        let of = GroupResource { group: "", resource: "PodLogOptions" };
        return Err(ApiError::invalid(of, pod, &faults));
    }
    let flag = |key: &str| (query.flag(key) == Some(true)).then(|| "true".to_owned());
    let parameters = [
        ("follow", flag("follow")),
        ("limitBytes", limit_bytes),
        ("previous", flag("previous")),
        ("sinceSeconds", since_seconds),
        ("sinceTime", since_time),
        ("tailLines", tail_lines),
        ("timestamps", flag("timestamps")),
    ];
    let given = parameters.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Ok(given.map(|(key, value)| format!("{key}={}", encoded(&value))).collect::<Vec<_>>().join("&"))
}

/// Which streams are wanted, and of what command.
fn stream_query(query: &Query, with_command: bool) -> String {
    let command = if with_command { query.all("command") } else { Vec::new() };
    let command = command.into_iter().map(|word| format!("command={}", encoded(word)));
    // The kubelet's names of the streams.
    let streams = [("stderr", "error"), ("stdin", "input"), ("stdout", "output"), ("tty", "tty")];
    let wanted = streams.into_iter().filter(|(asked, _)| query.flag(asked) == Some(true));
    command.chain(wanted.map(|(_, name)| format!("{name}=1"))).collect::<Vec<_>>().join("&")
}

/// Percent-encoded, so that it may be a value in a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_container_is_the_one_named_or_the_only_one() {
        let pod = json!({"metadata": {"name": "web"}, "spec": {
            "initContainers": [{"name": "first"}], "containers": [{"name": "app"}, {"name": "side"}],
        }});
        assert_eq!(container(&pod, "side").unwrap(), "side");
        assert_eq!(container(&pod, "first").unwrap(), "first");
        let said = |asked| container(&pod, asked).unwrap_err().message;
        assert_eq!(said("x"), "container x is not valid for pod web");
        assert_eq!(
            said(""),
            "a container name must be specified for pod web, choose one of: [first app side]"
        );
        let single = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}});
        assert_eq!(container(&single, "").unwrap(), "app");
    }

    #[test]
    fn parameters_reach_the_kubelet_under_its_own_names() {
        let query = Query::parse("container=a&stdin=true&stdout=true&tty=false&command=sh&command=a+%26b");
        assert_eq!(stream_query(&query, true), "command=sh&command=a%20%26b&input=1&output=1");
        assert_eq!(stream_query(&query, false), "input=1&output=1");
        let query = Query::parse("tailLines=5&follow=true&sinceTime=2027-01-15T08:00:25Z");
        let asked = log_query(&query, "web").unwrap();
        assert_eq!(asked, "follow=true&sinceTime=2027-01-15T08%3A00%3A25Z&tailLines=5");
        let refused = log_query(&Query::parse("tailLines=-1"), "web").unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                422,
                "PodLogOptions \"web\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0"
            )
        );
    }
}

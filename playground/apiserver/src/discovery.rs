//! What is served: the lists of groups, versions and resources that clients read before anything else.

use serde_json::{Value, json};

use crate::resource::{Registry, Resource};

/// The Kubernetes version whose types are served, as `/version` tells it.
pub const VERSION: &str = "v1.36.3";

/// The same as OpenAPI documents tell it.
pub const DOCUMENTED_VERSION: &str = "1.36";

/// What can be done with most resources.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The same for custom resources, whose server lists them in another order.
const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The verbs of `status` and `scale`.
const PART_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The media type of the discovery document that has everything in one answer.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Whether an `Accept` header asks for that document rather than for the plain lists. Version v2beta1 of it is no longer served.
#[must_use]
pub fn takes_aggregated(accept: &str) -> bool {
    accept.split(',').any(|clause| {
        let parts: Vec<&str> = clause.split(';').map(str::trim).collect();
        parts.first() == Some(&"application/json")
            && ["as=APIGroupDiscoveryList", "g=apidiscovery.k8s.io", "v=v2"]
                .iter()
                .all(|part| parts.contains(part))
    })
}

/// `/version`.
#[must_use]
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "playground",
    })
}

/// `/api`, for a client that reaches the server as `host`.
#[must_use]
pub fn core_versions(host: &str) -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    })
}

/// `/apis`.
#[must_use]
pub fn groups(registry: &Registry) -> Value {
    let named = registry.groups();
    let groups: Vec<Value> = named
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, versions)| group_body(name, versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`; none if there is no such group.
#[must_use]
pub fn group(registry: &Registry, name: &str) -> Option<Value> {
    let groups = registry.groups();
    let mut body = group_body(name, groups.get(name)?);
    body["kind"] = json!("APIGroup");
    body["apiVersion"] = json!("v1");
    Some(body)
}

/// `/api/v1` and `/apis/GROUP/VERSION`; none if nothing is served there.
#[must_use]
pub fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut listed = Vec::new();
    for resource in of(registry, group, version) {
        listed.push(resource_body(resource));
        listed.extend(parts(resource).into_iter().map(|part| part_body(resource, &part)));
    }
    if listed.is_empty() {
        return None;
    }
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut body = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": listed});
    if !group.is_empty() {
        body["apiVersion"] = json!("v1");
    }
    Some(body)
}

/// `/api` (`core`) or `/apis` in one document.
#[must_use]
pub fn aggregated(registry: &Registry, core: bool) -> Value {
    let groups = registry.groups();
    let items: Vec<Value> = groups
        .iter()
        .filter(|(name, _)| name.is_empty() == core)
        .map(|(name, versions)| {
            let versions: Vec<Value> = newest_first(versions)
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> =
                        of(registry, name, version).map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn of<'a>(registry: &'a Registry, group: &str, version: &str) -> impl Iterator<Item = &'a Resource> {
    registry
        .iter()
        .filter(move |resource| resource.group == group && resource.version == version)
        .map(AsRef::as_ref)
}

fn group_body(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = newest_first(versions).iter().map(version).collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

/// Versions in the order in which clients should prefer them: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`,
/// then all others by name.
fn newest_first<'a>(versions: &[&'a str]) -> Vec<&'a str> {
    let mut sorted = versions.to_vec();
    sorted.sort_by_key(|version| std::cmp::Reverse(maturity(version)));
    sorted
}

/// How ripe a version is, then its number, then the number of its pre-release.
fn maturity(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at(end);
        let major = major.parse().ok()?;
        match (rest, rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            ("", ..) => Some((3, major, 0)),
            (_, Some(minor), _) => Some((2, major, minor.parse().ok()?)),
            (.., Some(minor)) => Some((1, major, minor.parse().ok()?)),
            _ => None,
        }
    };
    parse().unwrap_or((0, 0, 0))
}

/// A part of a resource that has a path of its own.
struct Part {
    name: String,
    kind: String,
    /// Group and version of the kind, where they differ from the resource's.
    api: Option<(String, String)>,
    verbs: Vec<String>,
}

fn parts(resource: &Resource) -> Vec<Part> {
    let owned = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect();
    let mut parts: Vec<Part> = resource
        .subresources
        .iter()
        .map(|part| Part {
            name: part.name.to_owned(),
            kind: part.kind.to_owned(),
            api: (part.group != resource.group || part.version != resource.version)
                .then(|| (part.group.to_owned(), part.version.to_owned())),
            verbs: owned(part.verbs),
        })
        .collect();
    if resource.scale.is_some() {
        parts.push(Part {
            name: "scale".to_owned(),
            kind: "Scale".to_owned(),
            api: Some(("autoscaling".to_owned(), "v1".to_owned())),
            verbs: owned(&PART_VERBS),
        });
    }
    if resource.status_subresource {
        parts.push(Part {
            name: "status".to_owned(),
            kind: resource.kind.clone(),
            api: None,
            verbs: owned(&PART_VERBS),
        });
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    parts
}

fn verbs(resource: &Resource) -> Vec<&'static str> {
    if resource.asked {
        return vec!["create"];
    }
    if resource.custom {
        return CUSTOM_VERBS.to_vec();
    }
    let is_namespace = resource.group.is_empty() && resource.kind == "Namespace";
    VERBS.into_iter().filter(|verb| !(is_namespace && *verb == "deletecollection")).collect()
}

fn resource_body(resource: &Resource) -> Value {
    let mut body = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs(resource),
    });
    add_names(&mut body, resource);
    body
}

fn add_names(body: &mut Value, resource: &Resource) {
    if !resource.short_names.is_empty() {
        body["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        body["categories"] = json!(resource.categories);
    }
}

fn part_body(resource: &Resource, part: &Part) -> Value {
    let mut body = json!({
        "name": format!("{}/{}", resource.plural, part.name), "singularName": "",
        "namespaced": resource.namespaced, "kind": part.kind, "verbs": part.verbs,
    });
    if let Some((group, version)) = &part.api {
        body["group"] = json!(group);
        body["version"] = json!(version);
    }
    body
}

fn aggregated_resource(resource: &Resource) -> Value {
    let mut body = json!({
        "resource": resource.plural,
        "responseKind": response_kind(own_api(resource), &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    add_names(&mut body, resource);
    let parts: Vec<Value> = parts(resource)
        .into_iter()
        .map(|part| {
            let api = part.api.unwrap_or_else(|| own_api(resource));
            json!({"subresource": part.name, "verbs": part.verbs, "responseKind": response_kind(api, &part.kind)})
        })
        .collect();
    if !parts.is_empty() {
        body["subresources"] = json!(parts);
    }
    body
}

/// The group and version that the resource's own kind is said to have: of built-in kinds the real server leaves them to be
/// inherited from where the resource stands.
fn own_api(resource: &Resource) -> (String, String) {
    if resource.custom { (resource.group.clone(), resource.version.clone()) } else { Default::default() }
}

fn response_kind((group, version): (String, String), kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn resources_are_listed_with_their_parts() {
        let registry = builtin::registry();
        let body = resources(&registry, "apps", "v1").unwrap();
        let names: Vec<&str> =
            body["resources"].as_array().unwrap().iter().filter_map(|r| r["name"].as_str()).collect();
        assert!(names.contains(&"deployments") && names.contains(&"deployments/scale"), "{names:?}");
        assert!(resources(&registry, "apps", "v9").is_none());
        let deployments = &body["resources"][names.iter().position(|name| *name == "deployments").unwrap()];
        assert_eq!(deployments["shortNames"], json!(["deploy"]));
        assert_eq!(deployments["singularName"], "deployment");
    }

    #[test]
    fn one_document_has_everything() {
        let body = aggregated(&builtin::registry(), false);
        let groups = body["items"].as_array().unwrap();
        let apps = groups.iter().find(|group| group["metadata"]["name"] == "apps").unwrap();
        let deployments = &apps["versions"][0]["resources"].as_array().unwrap()[2];
        assert_eq!(deployments["resource"], "deployments");
        assert_eq!(deployments["subresources"][0]["responseKind"]["kind"], "Scale");
        assert!(groups.iter().all(|group| group["metadata"]["name"] != ""));
    }

    #[test]
    fn a_client_gets_the_form_it_asks_for_first() {
        let kubectl = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
        assert!(takes_aggregated(kubectl));
        assert!(!takes_aggregated("application/json"));
        assert!(!takes_aggregated(
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
        ));
    }

    #[test]
    fn ripe_versions_come_first() {
        let versions = ["v1", "v1alpha1", "v1beta1", "v2", "foo", "v2beta3"];
        assert_eq!(newest_first(&versions), ["v2", "v1", "v2beta3", "v1beta1", "v1alpha1", "foo"]);
    }
}

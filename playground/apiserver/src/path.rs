//! What a path asks for.

use percent_encoding::percent_decode_str;

/// What a path asks for, before anything is known about what is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// Objects of a resource, or one of them, or a part of one.
    Resource(Target),
    /// The versions of the core group (`/api`).
    CoreVersions,
    /// All groups (`/apis`).
    Groups,
    /// One group (`/apis/apps`).
    Group(String),
    /// The resources of a group in a version (`/apis/apps/v1`).
    GroupVersion(String, String),
    /// Anything else; leading slash kept (`/version`, `/openapi/v3/...`).
    Other(String),
}

/// Objects of a resource, or one of them, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// The plural resource name.
    pub plural: String,
    /// The namespace; empty for cluster-wide resources and for all namespaces.
    pub namespace: String,
    /// The object's name; empty for the collection.
    pub name: String,
    /// The subresource; empty for the object itself.
    pub subresource: String,
}

impl Path {
    /// Reads a path that is still percent-encoded.
    pub fn parse(path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::GroupVersion(String::new(), (*version).to_owned()),
            ["apis", group, version] => Self::GroupVersion((*group).to_owned(), (*version).to_owned()),
            ["api", version, rest @ ..] => Self::resource("", version, rest, path),
            ["apis", group, version, rest @ ..] => Self::resource(group, version, rest, path),
            _ => Self::Other(path.to_owned()),
        }
    }

    fn resource(group: &str, version: &str, rest: &[&str], path: &str) -> Self {
        // `namespaces/NAME/status` is a part of the Namespace, `namespaces/NAME/pods` lives in it.
        let (namespace, rest) = match rest {
            ["namespaces", name, plural, rest @ ..] if !["status", "finalize"].contains(plural) => {
                (*name, [&[*plural], rest].concat())
            }
            rest => ("", rest.to_vec()),
        };
        let (plural, name, subresource) = match rest.as_slice() {
            [plural] => (*plural, "", String::new()),
            // What is below an object may itself have parts; no such subresource is served.
            [plural, name, parts @ ..] => (*plural, *name, parts.join("/")),
            [] => return Self::Other(path.to_owned()),
        };
        Self::Resource(Target {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> [String; 6] {
        match Path::parse(path) {
            Path::Resource(t) => [t.group, t.version, t.plural, t.namespace, t.name, t.subresource],
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_collections_objects_and_parts() {
        assert_eq!(target("/api/v1/pods"), ["", "v1", "pods", "", "", ""]);
        assert_eq!(target("/api/v1/namespaces/a/pods/b/status"), ["", "v1", "pods", "a", "b", "status"]);
        assert_eq!(target("/api/v1/namespaces/a"), ["", "v1", "namespaces", "", "a", ""]);
        assert_eq!(target("/api/v1/namespaces/a/finalize"), ["", "v1", "namespaces", "", "a", "finalize"]);
        assert_eq!(
            target("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aadmin"),
            ["rbac.authorization.k8s.io", "v1", "clusterroles", "", "system:admin", ""]
        );
        assert_eq!(Path::parse("/apis/apps/v1/"), Path::GroupVersion("apps".into(), "v1".into()));
        assert_eq!(Path::parse("/version"), Path::Other("/version".into()));
        assert_eq!(target("/api/v1/pods/a/proxy/b"), ["", "v1", "pods", "", "a", "proxy/b"]);
    }
}

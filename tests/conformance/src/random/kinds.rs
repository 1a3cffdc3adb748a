//! The kinds that sequences are about: for each a small valid object, and what to change in it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

/// One kind, as `kinds.yaml` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Kind {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// API version.
    pub version: String,
    /// The kind's name.
    pub kind: String,
    /// Its name in paths.
    pub plural: String,
    /// Whether its objects are cluster-wide.
    #[serde(default)]
    pub cluster: bool,
    /// A valid object, without its metadata.
    pub base: Value,
    /// Pointers into the object, each with values to put there.
    pub tweaks: BTreeMap<String, Vec<Value>>,
    /// The same for its status; empty if it has none.
    #[serde(default)]
    pub status: BTreeMap<String, Vec<Value>>,
    /// Whether it has a `scale` subresource.
    #[serde(default)]
    pub scale: bool,
    /// Whether a definition makes it.
    #[serde(default)]
    pub custom: bool,
    /// Whether a real server looks into its objects more closely than the embedded one: then only whole objects are made,
    /// of values that both take.
    #[serde(default)]
    pub finer: bool,
    /// Field selectors besides those on name and namespace.
    #[serde(default)]
    pub selectors: Vec<String>,
}

/// All kinds, and what all of them share.
#[derive(Debug, Deserialize)]
pub struct Kinds {
    /// Changes of metadata that every kind takes.
    pub metadata: BTreeMap<String, Vec<Value>>,
    /// The kinds.
    pub kinds: Vec<Kind>,
}

/// What `kinds.yaml` says.
///
/// # Panics
/// If it is not what this file describes.
pub static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("kinds.yaml")).unwrap_or_else(|error| panic!("kinds.yaml: {error}"))
});

impl Kind {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of its group and version.
    fn root(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }

    /// The path of all its objects, in all namespaces.
    pub fn everywhere(&self) -> String {
        format!("{}/{}", self.root(), self.plural)
    }

    /// The path of its objects in a namespace.
    pub fn collection(&self, namespace: &str) -> String {
        if self.cluster {
            self.everywhere()
        } else {
            format!("{}/namespaces/{namespace}/{}", self.root(), self.plural)
        }
    }
}

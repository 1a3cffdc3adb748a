//! The resources that are served: what each is called, what it can do, and the rules of its kind.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use crate::{field_error::FieldError, schema::Schema, status::GroupResource};

/// One served resource in one version, built in or from a CustomResourceDefinition.
#[derive(Clone, Debug)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Kind of one object, such as `ReplicaSet`.
    pub kind: String,
    /// Kind of a list of them.
    pub list_kind: String,
    /// The name in paths, such as `replicasets`.
    pub plural: String,
    /// The singular name, such as `replicaset`.
    pub singular: String,
    /// Short names, such as `rs`.
    pub short_names: Vec<String>,
    /// Categories, such as `all`.
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether `/status` exists. If so, the main path never changes `status`, and `/status` nothing else.
    pub status_subresource: bool,
    /// Where `/scale` finds its numbers, for resources that have it.
    pub scale: Option<ScalePaths>,
    /// Subresources besides `status` and `scale`, such as `eviction`.
    pub subresources: Vec<Subresource>,
    /// Whether it comes from a CustomResourceDefinition.
    pub custom: bool,
    /// What its objects may look like, and how their lists merge.
    pub schema: Arc<Schema>,
    /// The columns of a CustomResourceDefinition; the built-in kinds have theirs in the table printer.
    pub columns: Vec<Column>,
    /// The schema of a CustomResourceDefinition as it was written, for OpenAPI.
    pub described: Option<Arc<Value>>,
    /// The rules of its kind.
    pub strategy: Strategy,
    /// The form in which its objects are kept, if that is another resource's.
    pub view: Option<View>,
    /// Whether its objects are questions: answered when they are created, and not kept.
    pub asked: bool,
    /// What clients are warned of whenever they use it.
    pub deprecation: Option<String>,
}

/// How a resource shows objects that are kept in the form of another one of the same name: fields at the top have other
/// names.
#[derive(Clone, Debug)]
pub struct View {
    /// The group of the resource in whose form they are kept.
    pub group: &'static str,
    /// What fields are called in the kept form, and here.
    pub names: &'static [(&'static str, &'static str)],
    /// Fields that are left out here when their text is empty.
    pub optional: &'static [&'static str],
    /// The rules of the kept form.
    pub kept: Strategy,
}

impl View {
    /// The form in which an object is kept.
    pub fn to_kept(&self, object: &mut Value) {
        if let Some(fields) = object.as_object_mut() {
            for (kept, shown) in self.names {
                if let Some(value) = fields.remove(*shown) {
                    fields.insert((*kept).to_owned(), value);
                }
            }
        }
        (self.kept.default)(object);
    }

    /// The form in which a kept object is shown.
    pub fn to_shown(&self, object: &mut Value) {
        let Some(fields) = object.as_object_mut() else { return };
        for (kept, shown) in self.names {
            if let Some(value) = fields.remove(*kept) {
                fields.insert((*shown).to_owned(), value);
            }
        }
        for field in self.optional {
            if fields.get(*field).is_some_and(|value| value == "") {
                fields.remove(*field);
            }
        }
    }
}

/// Where the `scale` subresource reads and writes, as dotted JSON paths (`.spec.replicas`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// Path of the wanted replicas.
    pub spec_replicas: String,
    /// Path of the seen replicas.
    pub status_replicas: String,
    /// Path of the label selector: a string, or (for built-ins) a LabelSelector object.
    pub label_selector: Option<String>,
}

/// A column that a CustomResourceDefinition asks `kubectl get` to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: String,
    /// OpenAPI type of the cells: `string`, `integer`, `number`, `boolean` or `date` (printed as an age).
    pub kind: String,
    /// A finer type, such as `name`.
    pub format: String,
    /// What the column means.
    pub description: String,
    /// 0 for the columns that are always printed, more for those of `-o wide`.
    pub priority: i64,
    /// Where the cell's value is, such as `.spec.replicas`.
    pub json_path: String,
}

/// A subresource besides `status` and `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Its name in paths, such as `eviction`.
    pub name: &'static str,
    /// API group of the kind it takes, for discovery.
    pub group: &'static str,
    /// API version of the kind it takes.
    pub version: &'static str,
    /// The kind it takes, such as `Eviction`.
    pub kind: &'static str,
    /// The verbs discovery lists for it.
    pub verbs: &'static [&'static str],
}

/// The rules of one kind, as plain functions over JSON. Where a rule needs nothing special, the
/// defaults of [`Strategy::default`] apply.
///
/// The order for a create: prune and default by schema, `default`, `prepare_create`, checks of the
/// metadata, schema validation, `validate_create`. For an update: the same with `prepare_update` and
/// `validate_update`.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// API defaulting beyond what the schema's `default`s say.
    pub default: fn(&mut Value),
    /// What the server sets or clears when an object is created (such as a pod's `status.phase`).
    pub prepare_create: fn(&mut Value, Timestamp),
    /// What the server sets or clears when an object is changed: new object, old object.
    pub prepare_update: fn(&mut Value, &Value, Timestamp),
    /// The same when its status is changed.
    pub prepare_status_update: fn(&mut Value, &Value),
    /// Faults of a new object beyond what the schema finds.
    pub validate_create: fn(&Value) -> Vec<FieldError>,
    /// Faults of a change: new object, old object. Immutability is checked here.
    pub validate_update: fn(&Value, &Value) -> Vec<FieldError>,
    /// Faults of a change through `/status`: new object, old object.
    pub validate_status_update: fn(&Value, &Value) -> Vec<FieldError>,
    /// What clients are warned of in an object that they create or change, and that is taken all the same.
    pub warnings: fn(&Value) -> Vec<String>,
    /// Which names objects may have.
    pub name_rule: NameRule,
    /// How `metadata.generation` is kept.
    pub generation: GenerationRule,
    /// Fields that field selectors may name, besides `metadata.name` and `metadata.namespace`.
    pub selectable_fields: &'static [SelectableField],
    /// Whether a new object may bring its status along, as a Node does that registers itself.
    pub status_on_create: bool,
    /// Whether a PUT to a name that does not exist creates it.
    pub create_on_update: bool,
    /// Whether a PUT without a resourceVersion overwrites whatever is there.
    pub unconditional_update: bool,
    /// Fields of the metadata that a write of `/status` leaves as they are. (Others it may change along.)
    pub status_keeps: &'static [&'static str],
    /// Whether a new object's metadata is checked with the rest of it; else it is where nothing else is wrong.
    pub checks_metadata: bool,
    /// Whether dependents of its objects are looked after when they are deleted. (Events have none.)
    pub has_dependents: bool,
    /// Whether a delete is graceful, as a pod's is.
    pub graceful_delete: bool,
}

/// Which names objects of a kind may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameRule {
    /// Lower-case RFC 1123 subdomain: dots allowed, 253 characters.
    #[default]
    DnsSubdomain,
    /// Lower-case RFC 1123 label: no dots, 63 characters.
    DnsLabel,
    /// A path segment: anything but `.`, `..`, `/` and `%` (RBAC).
    PathSegment,
}

/// How `metadata.generation` of a kind is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GenerationRule {
    /// The kind has none (ConfigMap, Node, Event).
    #[default]
    None,
    /// 1 for ever (PriorityClass).
    One,
    /// 1 at first, and one more with each change of `spec`.
    Spec,
    /// The same, and one more with each change of the annotations (Deployment).
    SpecAndAnnotations,
    /// 1 at first, and one more with each change outside `metadata` and `status` (custom resources).
    AllButMetadataAndStatus,
    /// The same, and one more with each change of the labels (EndpointSlice).
    AllButMetadataAndStatusWithLabels,
}

/// A field that field selectors may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectableField {
    /// The name in a selector, such as `spec.nodeName`.
    pub label: &'static str,
    /// JSON pointer to the value, such as `/spec/nodeName`.
    pub pointer: &'static str,
    /// What an absent value counts as.
    pub absent: &'static str,
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            default: |_| {},
            prepare_create: |_, _| {},
            prepare_update: |_, _, _| {},
            prepare_status_update: |_, _| {},
            validate_create: |_| Vec::new(),
            validate_update: |_, _| Vec::new(),
            validate_status_update: |_, _| Vec::new(),
            warnings: |_| Vec::new(),
            name_rule: NameRule::default(),
            generation: GenerationRule::default(),
            selectable_fields: &[],
            status_on_create: false,
            create_on_update: false,
            unconditional_update: true,
            status_keeps: &[],
            checks_metadata: true,
            has_dependents: true,
            graceful_delete: false,
        }
    }
}

impl Resource {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The group in whose form its objects are kept.
    pub fn kept_group(&self) -> &str {
        self.view.as_ref().map_or(&self.group, |view| view.group)
    }

    /// The fields that selectors may name, as they are in the kept form.
    pub fn kept_fields(&self) -> &'static [SelectableField] {
        self.view.as_ref().map_or(self.strategy.selectable_fields, |view| view.kept.selectable_fields)
    }

    /// How most error messages name it: `replicasets.apps`.
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource { group: &self.group, resource: &self.plural }
    }

    /// How `Invalid` answers name it: `ReplicaSet.apps`.
    pub fn group_kind(&self) -> GroupResource<'_> {
        GroupResource { group: &self.group, resource: &self.kind }
    }
}

/// Everything that is served, in order of group, version and plural name.
///
/// Versions of one resource share their objects: what is stored under one is read under each.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    resources: BTreeMap<(String, String, String), Arc<Resource>>,
}

impl Registry {
    /// Serves `resource`, in place of one with the same group, version and plural name.
    pub fn add(&mut self, resource: Resource) -> Arc<Resource> {
        let key = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        let resource = Arc::new(resource);
        self.resources.insert(key, Arc::clone(&resource));
        resource
    }

    /// No longer serves it.
    pub fn remove(&mut self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.resources.remove(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// The resource that a path names.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// The resource of a kind.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.iter()
            .find(|resource| resource.group == group && resource.version == version && resource.kind == kind)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// All groups with their versions, in order; the core group's name is empty.
    pub fn groups(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, version, _) in self.resources.keys() {
            let versions = groups.entry(group).or_default();
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
        groups
    }
}

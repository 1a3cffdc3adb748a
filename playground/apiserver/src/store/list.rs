//! GET: one object, a list of them, or a watch.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{Call, Store, all_of};
use crate::{
    answer::{Answer, Shown, WatchAnswer},
    collection::{key, range},
    continue_token,
    field_error::{FieldError, quoted},
    list_body::ListBody,
    negotiation::Shape,
    selector::{FieldSelector, LabelSelector},
    shape,
    status::{ApiError, GroupResource},
    stored::Stored,
    table,
    watch::{Selection, Watch},
};

/// Watches without a timeout of their own end after half an hour to an hour, as on a real server.
const WATCH_SECS_MIN: u64 = 1800;

/// What a list or a watch asks for besides its selection.
struct ListOptions {
    resource_version: String,
    version_match: String,
    limit: usize,
    continue_token: String,
    send_initial_events: Option<bool>,
}

impl Store {
    pub(super) fn get(&mut self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let asked = call.request.query.text("resourceVersion");
        if !asked.is_empty() {
            self.not_in_the_future(asked)?;
        }
        let kept = self
            .kept(&call.resource, &call.target.namespace, &call.target.name)
            .ok_or_else(|| ApiError::not_found(call.resource.group_resource(), &call.target.name))?;
        if call.form.shape == Shape::MetadataList {
            return Err(ApiError::not_acceptable(&crate::negotiation::SERVED));
        }
        Ok(Answer::object(200, &Shown::Kept(kept), &call.resource, call.form, call.now))
    }

    /// Which objects a list, a watch or a deletion of a collection is about.
    pub(super) fn selection(&self, call: &Call<'_>) -> Result<Selection, ApiError> {
        let query = &call.request.query;
        let labels = LabelSelector::parse(query.text("labelSelector"))?;
        let mut fields = FieldSelector::parse(query.text("fieldSelector"), &call.resource)?;
        if !call.target.name.is_empty() {
            if fields.is_empty() {
                fields = FieldSelector::name(&call.target.name);
            } else if fields.exact_name() != Some(&call.target.name) {
                return Err(ApiError::bad_request(
                    "fieldSelector metadata.name doesn't match requested name",
                ));
            }
        }
        Ok(Selection { namespace: call.target.namespace.clone(), labels, fields })
    }

    pub(super) fn list(&mut self, call: &Call<'_>) -> Result<Answer, ApiError> {
        // A selector must be readable before options are looked at, and fit the kind after.
        LabelSelector::parse(call.request.query.text("labelSelector"))?;
        let options = list_options(call, false)?;
        let selection = self.selection(call)?;
        let mut version = self.version;
        let mut after = String::new();
        let mut past: Option<BTreeMap<String, Arc<Stored>>> = None;
        if !options.continue_token.is_empty() {
            if !options.resource_version.is_empty() && options.resource_version != "0" {
                return Err(ApiError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            (version, after) = continue_token::decode(&options.continue_token)?;
            past = Some(self.past(call, version, "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.")?);
        } else if !options.resource_version.is_empty() {
            let asked = self.not_in_the_future(&options.resource_version)?;
            // With a limit, an explicit version means exactly that version, as it did before there were rules
            // for matching.
            let exact = options.version_match == "Exact"
                || (options.version_match.is_empty() && options.limit > 0 && asked > 0);
            if exact && asked != version {
                past =
                    Some(self.past(call, asked, "The resourceVersion for the provided list is too old.")?);
                version = asked;
            }
        }
        let objects = past.as_ref().or_else(|| Some(self.collection(&call.resource)?.objects()));
        let mut objects =
            objects.into_iter().flat_map(|objects| range(objects, &selection.namespace, &after));
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        let page: Vec<Arc<Stored>> =
            objects.by_ref().filter(|object| selection.picks(object)).take(limit).cloned().collect();
        // Whether what follows is selected too is seen when it is asked for; after the one of a name there is nothing.
        let follows = page.len() == limit && selection.fields.exact_name().is_none();
        let remaining = if follows { objects.count() } else { 0 };
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if call.resource.custom && call.form.shape == Shape::Whole {
            // Written even where there is nothing to continue.
            metadata["continue"] = json!("");
        }
        if let Some(last) = page.last().filter(|_| remaining > 0) {
            metadata["continue"] = json!(continue_token::encode(version, &key(&last.namespace, &last.name)));
            // A count behind a selector would need every object to be looked at; the real server does not say.
            if selection.labels.is_empty() && selection.fields.is_empty() {
                metadata["remainingItemCount"] = json!(remaining);
            }
        }
        Ok(written_list(call, page, &metadata))
    }

    fn past(
        &self,
        call: &Call<'_>,
        version: u64,
        why: &str,
    ) -> Result<BTreeMap<String, Arc<Stored>>, ApiError> {
        let Some(collection) = self.collection(&call.resource) else { return Ok(BTreeMap::new()) };
        collection.at(version).ok_or_else(|| ApiError::expired(why))
    }

    fn not_in_the_future(&self, text: &str) -> Result<u64, ApiError> {
        let asked: u64 = text.parse().map_err(|_| {
            ApiError::bad_request(format!("invalid resource version: {}", version_fault(text)))
        })?;
        if asked <= self.version {
            return Ok(asked);
        }
        let current = self.version;
        Err(ApiError::timeout(&format!("Too large resource version: {asked}, current: {current}"), 1)
            .with_causes(vec![crate::status::Cause {
                reason: "ResourceVersionTooLarge".to_owned(),
                message: "Too large resource version".to_owned(),
                field: String::new(),
            }]))
    }

    pub(super) fn watch(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let options = list_options(call, true)?;
        let selection = self.selection(call)?;
        let resource = Arc::clone(&call.resource);
        let bookmarks = call.request.query.flag("allowWatchBookmarks").unwrap_or_default();
        let watch = |position| {
            Watch::new(Arc::clone(&resource), selection.clone(), call.form.shape, position)
                .with_bookmarks(bookmarks)
        };
        let namespace = selection.namespace.as_str();
        let initial = || {
            let mut objects = all_of(self.collection(&resource), namespace);
            objects.retain(|object| selection.contains(object));
            objects
        };
        let asked = options.resource_version.as_str();
        let watch = match (options.send_initial_events, asked) {
            (Some(true), _) => {
                match self.not_in_the_future(if asked.is_empty() { "0" } else { asked }) {
                    // The bookmark that ends the beginning is sent only to those who take bookmarks.
                    Ok(_) => watch(self.version).with_initial(initial(), bookmarks),
                    Err(error) => watch(self.version).failing(error),
                }
            }
            // Nothing was said, or "0": as it is now, then what comes.
            (None, "" | "0") => watch(self.version).with_initial(initial(), false),
            (Some(false), "" | "0") => watch(self.version),
            (_, text) => {
                let version =
                    text.parse().map_err(|_| ApiError::unexplained(version_fault(text).to_string()))?;
                watch(version)
            }
        };
        let timeout_secs = match call.request.query.number("timeoutSeconds")? {
            Some(secs) if secs > 0 => secs.unsigned_abs(),
            _ => WATCH_SECS_MIN + self.dice.u64(..WATCH_SECS_MIN),
        };
        let changed = self.changes_of(&resource);
        Ok(Answer::Watch(Box::new(WatchAnswer { watch, changed, timeout_secs, bookmarks })))
    }
}

/// What is wrong with a resourceVersion that is no number.
fn version_fault(text: &str) -> FieldError {
    let why = format!("strconv.ParseUint: parsing {}: invalid syntax", quoted(text));
    FieldError::invalid("resourceVersion", text, why)
}

fn list_options(call: &Call<'_>, watching: bool) -> Result<ListOptions, ApiError> {
    let query = &call.request.query;
    let options = ListOptions {
        resource_version: query.text("resourceVersion").to_owned(),
        version_match: query.text("resourceVersionMatch").to_owned(),
        limit: usize::try_from(query.number("limit")?.unwrap_or_default()).unwrap_or_default(),
        continue_token: query.text("continue").to_owned(),
        send_initial_events: query.flag("sendInitialEvents"),
    };
    let faults = if watching { watch_faults(&options) } else { list_faults(&options) };
    if faults.is_empty() {
        return Ok(options);
    }
    Err(ApiError::invalid(GroupResource { group: "meta.k8s.io", resource: "ListOptions" }, "", &faults))
}

fn list_faults(options: &ListOptions) -> Vec<FieldError> {
    let path = "resourceVersionMatch";
    let mut faults = Vec::new();
    let found = options.version_match.as_str();
    if !found.is_empty() {
        if options.resource_version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            faults.push(FieldError::forbidden(path, why));
        }
        if !options.continue_token.is_empty() {
            faults.push(FieldError::forbidden(
                path,
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
        if found != "Exact" && found != "NotOlderThan" {
            faults.push(FieldError::not_supported(path, found, &["Exact", "NotOlderThan", ""]));
        }
        if found == "Exact" && options.resource_version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            faults.push(FieldError::forbidden(path, why));
        }
    }
    if options.send_initial_events.is_some() {
        faults.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    faults
}

fn watch_faults(options: &ListOptions) -> Vec<FieldError> {
    let path = "resourceVersionMatch";
    let mut faults = Vec::new();
    let found = options.version_match.as_str();
    if options.send_initial_events.is_some() && found != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        faults.push(FieldError::forbidden(path, why));
    }
    if !found.is_empty() {
        if options.send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            faults.push(FieldError::forbidden(path, why));
        }
        if found != "NotOlderThan" {
            faults.push(FieldError::not_supported(path, found, &["NotOlderThan"]));
        }
        if !options.continue_token.is_empty() {
            faults.push(FieldError::forbidden(
                path,
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
    }
    faults
}

fn written_list(call: &Call<'_>, page: Vec<Arc<Stored>>, metadata: &Value) -> Answer {
    let resource = &call.resource;
    let head = |kind: &str, api_version: &str| {
        let (kind, api_version) = (json!(kind), json!(api_version));
        format!("{{\"kind\":{kind},\"apiVersion\":{api_version},\"metadata\":{metadata},\"items\":")
    };
    match call.form.shape {
        Shape::Whole => {
            let head = head(&resource.list_kind, &resource.api_version()) + "[";
            Answer::list(ListBody::new(Arc::clone(resource), head.into_bytes(), page), call.form)
        }
        Shape::Table(include) => {
            let objects: Vec<Value> = page.iter().map(|object| object.value(resource)).collect();
            let objects: Vec<&Value> = objects.iter().collect();
            let table = table::table(resource, &objects, metadata, include, true, call.now);
            Answer::encoded(200, table.to_string().into_bytes(), call.form)
        }
        Shape::Metadata | Shape::MetadataList => {
            let items: Vec<Value> =
                page.iter().map(|object| shape::metadata_only(&object.value(resource))).collect();
            // A list of metadata alone has no items rather than an empty list of them.
            let items = if items.is_empty() { Value::Null } else { Value::Array(items) };
            let head = head("PartialObjectMetadataList", "meta.k8s.io/v1");
            Answer::encoded(200, format!("{head}{items}}}").into_bytes(), call.form)
        }
    }
}

//! What webhooks for admission must be like. (They are kept, and not called.)

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::Place;
use super::rules::selector_faults;
use crate::field_error::FieldError;
use crate::names;

pub(super) fn configuration(configuration: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for hook in Place::new("webhooks", &configuration["webhooks"]).items() {
        let name = hook.field("name");
        faults.extend(full_name(&name));
        faults.extend(hook.list("rules").flat_map(|rule| rule_faults(&rule)));
        faults.extend(hook.field("failurePolicy").among(&["Fail", "Ignore"]));
        faults.extend(hook.field("matchPolicy").among(&["Equivalent", "Exact"]));
        let effects = hook.field("sideEffects");
        if !effects.is_set() {
            faults.push(effects.required("must specify one of None, NoneOnDryRun"));
        }
        faults.extend(effects.among(&["None", "NoneOnDryRun"]));
        let timeout = hook.field("timeoutSeconds");
        if timeout.within(1, 30).is_some() {
            faults.push(timeout.invalid("the timeout value must be between 1 and 30 seconds"));
        }
        for selector in ["namespaceSelector", "objectSelector"].map(|field| hook.field(field)) {
            faults.extend(selector_faults(selector.value, &selector.path));
        }
        faults.extend(hook.field("reinvocationPolicy").among(&["IfNeeded", "Never"]));
        faults.extend(client(&hook.field("clientConfig")));
        faults.extend(versions(&hook.field("admissionReviewVersions")));
        if !name.is_empty() {
            faults.extend(name.unique(&mut seen));
        }
    }
    faults
}

fn full_name(name: &Place<'_>) -> Option<FieldError> {
    if name.is_empty() {
        return Some(name.required(""));
    }
    let wrong = names::dns_subdomain_faults(name.text());
    if !wrong.is_empty() {
        return Some(name.invalid(wrong.join(",")));
    }
    let short = name.text().split('.').count() < 3;
    short.then(|| name.invalid("should be a domain with at least three segments separated by dots"))
}

fn rule_faults(rule: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let operations = rule.field("operations");
    faults.extend(operations.needed());
    let star = |list: &Place<'_>| list.len() > 1 && list.items().any(|item| item.text() == "*");
    if star(&operations) {
        faults.push(operations.invalid("if '*' is present, must not specify other operations"));
    }
    let kinds = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    faults.extend(operations.items().filter_map(|operation| operation.among(&kinds)));
    for (field, noun) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
        let list = rule.field(field);
        faults.extend(list.needed());
        if star(&list) {
            faults.push(list.invalid(format!("if '*' is present, must not specify other {noun}")));
        }
        if field == "apiVersions" {
            faults.extend(list.items().filter_map(|version| version.needed()));
        }
    }
    let resources = rule.field("resources");
    faults.extend(resources.needed());
    faults.extend(resources.items().filter_map(|resource| resource.needed()));
    if resources.len() > 1 && resources.items().any(|resource| resource.text() == "*/*") {
        faults.push(resources.invalid("if '*/*' is present, must not specify other resources"));
    }
    let plain = |resource: &str| !resource.contains('/') && resource != "*" && !resource.is_empty();
    if resources.items().any(|resource| resource.text() == "*")
        && resources.items().any(|resource| plain(resource.text()))
    {
        let detail = "if '*' is present, must not specify other resources without subresources";
        faults.push(resources.invalid(detail));
    }
    faults.extend(rule.field("scope").among(&["*", "Cluster", "Namespaced"]));
    faults
}

fn client(config: &Place<'_>) -> Vec<FieldError> {
    let (url, service) = (config.field("url"), config.field("service"));
    if url.is_set() == service.is_set() {
        return vec![config.required("exactly one of url or service is required")];
    }
    let mut faults = Vec::new();
    if url.is_set() {
        const FORM: &str = "; desired format: https://host[/path]";
        let (scheme, rest) = url.text().split_once("://").unwrap_or(("", ""));
        if scheme != "https" {
            let detail = format!("'https' is the only allowed URL scheme{FORM}");
            faults.push(FieldError::invalid(&*url.path, scheme, detail));
        }
        if rest.split('/').next().unwrap_or_default().is_empty() {
            faults.push(FieldError::invalid(&*url.path, "", format!("host must be specified{FORM}")));
        }
        return faults;
    }
    // The real server says of each of the two what it means of the other.
    for (empty, named) in [("namespace", "name"), ("name", "namespace")] {
        if service.field(empty).is_empty() {
            faults.push(service.field(named).required(""));
        }
    }
    let port = service.field("port");
    if port.port().is_some() && port.is_set() {
        faults.push(port.invalid("port is not valid: must be between 1 and 65535, inclusive"));
    }
    faults.extend(path_faults(&service.field("path")));
    faults
}

fn path_faults(path: &Place<'_>) -> Vec<FieldError> {
    let text = path.text();
    if text.is_empty() || text == "/" {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if text == "//" {
        faults.push(path.invalid("segment[0] may not be empty"));
        return faults;
    }
    if !text.starts_with('/') {
        faults.push(path.invalid("must start with a '/'"));
    }
    // The first character is taken for the slash, whatever it is.
    let below: String = text.chars().skip(1).collect();
    let below = below.strip_suffix('/').unwrap_or(&below);
    for (index, step) in below.split('/').enumerate() {
        if step.is_empty() {
            faults.push(path.invalid(format!("segment[{index}] may not be empty")));
        } else {
            let wrong = names::dns_subdomain_faults(step).into_iter();
            faults.extend(wrong.map(|fault| path.invalid(format!("segment[{index}]: {fault}"))));
        }
    }
    faults
}

fn versions(versions: &Place<'_>) -> Vec<FieldError> {
    if versions.is_empty() {
        return vec![versions.required("must specify one of v1, v1beta1")];
    }
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for version in versions.items() {
        if seen.insert(version.text()) {
            faults.extend(version.worded_always(names::dns_1035_label_faults));
        } else {
            faults.push(version.invalid("duplicate version"));
        }
    }
    if !seen.contains("v1") && !seen.contains("v1beta1") {
        faults.push(versions.invalid("must include at least one of v1, v1beta1"));
    }
    faults
}

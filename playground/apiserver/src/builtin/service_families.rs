//! Which families of addresses a Service has: the cluster has IPv4 only, but endpoints that others write may be of either.

use serde_json::{Value, json};

use super::rules::text;
use crate::field_error::FieldError;

const POLICY: &str = "spec.ipFamilyPolicy";

/// Settles the families and the policy of a Service that is about to get addresses, if they make sense together.
pub(super) fn settle(service: &mut Value, old: Option<&Value>) -> Vec<FieldError> {
    let spec = &service["spec"];
    let selects = spec["selector"].as_object().is_some_and(|selector| !selector.is_empty());
    let anybodys = text(spec, "clusterIP") == "None" && !selects;
    let kept = old.map(|old| text(&old["spec"], "ipFamilyPolicy")).filter(|policy| !policy.is_empty());
    let policy = match (text(spec, "ipFamilyPolicy"), kept) {
        ("", Some(kept)) => kept.to_owned(),
        ("", None) if anybodys => "RequireDualStack".to_owned(),
        ("", None) => "SingleStack".to_owned(),
        (given, _) => given.to_owned(),
    };
    let single = policy == "SingleStack";
    let mut families = listed(spec, "ipFamilies");
    let mut faults = Vec::new();
    if let Some(old) = old {
        let before = listed(&old["spec"], "ipFamilies");
        if single && families == before {
            // Who asks for one family means the first.
            families.truncate(1);
        } else if !single && !families.is_empty() && families.len() < before.len() {
            let detail = "must be 'SingleStack' to release the secondary IP family";
            faults.push(FieldError::invalid(POLICY, policy.as_str(), detail));
        }
    }
    let addresses = listed(spec, "clusterIPs");
    for (what, count) in [("cluster IPs", addresses.len()), ("IP families", families.len())] {
        if single && count == 2 {
            let detail =
                format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
            faults.push(FieldError::invalid(POLICY, policy.as_str(), detail));
        }
    }
    let given = addresses.iter().enumerate().take_while(|(_, address)| *address != "None");
    for (index, address) in given.skip(families.len()) {
        if address.contains(':') {
            let path = format!("spec.clusterIPs[{index}]");
            faults.push(FieldError::invalid(
                path,
                json!(addresses),
                "IPv6 is not configured on this cluster",
            ));
        } else {
            families.push("IPv4".to_owned());
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    if !anybodys {
        faults = unconfigured(&families, &policy);
    }
    if faults.is_empty() {
        if families.is_empty() {
            families.push("IPv4".to_owned());
        }
        if anybodys && !single && families.len() < 2 {
            let other = if families[0] == "IPv4" { "IPv6" } else { "IPv4" };
            families.push(other.to_owned());
        }
        service["spec"]["ipFamilies"] = json!(families);
        service["spec"]["ipFamilyPolicy"] = json!(policy);
    }
    faults
}

/// What a cluster of IPv4 only does not have.
fn unconfigured(families: &[String], policy: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        faults.push(FieldError::invalid(POLICY, policy, detail));
    }
    let others = families.iter().enumerate().filter(|(_, family)| *family != "IPv4");
    faults.extend(others.map(|(index, family)| {
        let path = format!("spec.ipFamilies[{index}]");
        FieldError::invalid(path, family.as_str(), "not configured on this cluster")
    }));
    faults
}

fn listed(spec: &Value, field: &str) -> Vec<String> {
    let items = spec[field].as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

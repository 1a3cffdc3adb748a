//! What a pod and its containers may ask for in their security contexts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::volumes::descending_path;
use crate::builtin::place::{Place, showing, structure};
use crate::field_error::FieldError;

const ID_MAX: i64 = 2_147_483_647;

/// The names of kernel parameters.
const PARAMETER: &str = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Faults of the security context of a pod.
pub(super) fn of_pod(spec: &Place<'_>) -> Vec<FieldError> {
    let context = spec.field("securityContext");
    let mut faults = Vec::new();
    for id in ["fsGroup", "runAsUser", "runAsGroup"] {
        faults.extend(context.field(id).within(0, ID_MAX));
    }
    faults.extend(context.list("supplementalGroups").filter_map(|group| group.within(0, ID_MAX)));
    let shared = spec.field("shareProcessNamespace");
    if shared.is_true() && spec.field("hostPID").is_true() {
        let shared = shared.named(format!("{}.shareProcessNamespace", context.path));
        faults.push(shared.invalid("ShareProcessNamespace and HostPID cannot both be enabled"));
    }
    let mut seen = BTreeSet::new();
    for parameter in context.list("sysctls") {
        faults.extend(kernel_parameter(&parameter.field("name"), spec, &mut seen));
    }
    faults.extend(context.field("fsGroupChangePolicy").among(&["Always", "OnRootMismatch"]));
    faults.extend(profiles(&context));
    faults.extend(context.field("supplementalGroupsPolicy").among(&["Merge", "Strict"]));
    faults.extend(context.field("seLinuxChangePolicy").among(&["Recursive"]));
    faults
}

fn kernel_parameter<'a>(name: &Place<'a>, spec: &Place<'_>, seen: &mut BTreeSet<&'a str>) -> Vec<FieldError> {
    let text = name.text();
    let word = |part: &str| {
        let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(end) && part.ends_with(end) && part.chars().all(|c| end(c) || c == '-' || c == '_')
    };
    let mut faults = Vec::new();
    if text.is_empty() {
        faults.push(name.required(""));
    } else if text.len() > 253 || !text.split(['.', '/']).all(word) {
        faults.push(name.invalid(format!("must have at most 253 characters and match regex {PARAMETER}")));
    } else {
        faults.extend(name.unique(seen));
    }
    let text = text.replace('/', ".");
    let of_messages = ["kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "fs.mqueue."];
    let of_ipc = of_messages.iter().any(|prefix| text.starts_with(prefix)) || text.starts_with("kernel.msg");
    for (host, concerned) in [("hostNetwork", text.starts_with("net.")), ("hostIPC", of_ipc)] {
        if concerned && spec.field(host).is_true() {
            faults.push(name.invalid(format!("may not be specified when '{host}' is true")));
        }
    }
    faults
}

/// Faults of the security context of a container.
pub(in crate::builtin) fn of_container(context: &Place<'_>, own_users: bool) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for id in ["runAsUser", "runAsGroup"] {
        faults.extend(context.field(id).within(0, ID_MAX));
    }
    let mount = context.field("procMount");
    faults.extend(mount.among(&["Default", "Unmasked"]));
    if mount.text() == "Unmasked" && !own_users {
        faults.push(mount.invalid("`hostUsers` must be false to use `Unmasked`"));
    }
    let mut profiled = profiles(context);
    if *context.field("allowPrivilegeEscalation").value == false {
        let administers = |capability: Place<'_>| capability.text() == "CAP_SYS_ADMIN";
        for (given, what) in [
            (context.field("privileged").is_true(), "`privileged` to true"),
            (context.list("capabilities.add").any(administers), "`capabilities.Add` CAP_SYS_ADMIN"),
        ] {
            if given {
                let detail = format!("cannot set `allowPrivilegeEscalation` to false and {what}");
                profiled.push(context.invalid(detail));
            }
        }
    }
    faults.extend(profiled);
    faults
}

/// Faults of the profiles for seccomp and AppArmor.
fn profiles(context: &Place<'_>) -> Vec<FieldError> {
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    let mut faults = Vec::new();
    for (field, noun) in [("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")] {
        let profile = context.field(field);
        if !profile.is_set() {
            continue;
        }
        let (kind, file) = (profile.field("type"), profile.field("localhostProfile"));
        if kind.is_empty() {
            faults.push(kind.required(&format!("type is required when {field} is set")));
        } else {
            faults.extend(kind.among(&kinds));
        }
        let needed = file.required(&format!("must be set when {noun} type is Localhost"));
        let only = format!("can only be set when {noun} type is Localhost");
        match (kind.text() == "Localhost", file.is_set(), field) {
            (true, false, _) => faults.push(needed),
            (true, true, "seccompProfile") => faults.extend(descending_path(&file)),
            (true, true, _) if file.text().trim() != file.text() => {
                faults.push(file.invalid("must not be padded with whitespace"));
            }
            (true, true, _) if file.is_empty() => faults.push(needed),
            (false, true, "seccompProfile") => {
                let fields = [("localhostProfile", Value::Null), ("type", Value::from(""))];
                let shown = structure(profile.value, &fields);
                faults.push(showing(file.invalid(only), shown));
            }
            (false, true, _) if kinds.contains(&kind.text()) => faults.push(file.invalid(only)),
            _ => {}
        }
    }
    faults
}

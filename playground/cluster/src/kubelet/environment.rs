//! The environment that a container sees, resolved as a kubelet does it.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvFromSource, EnvVarSource, ObjectFieldSelector, Pod, ResourceFieldSelector,
    Secret,
};

/// Variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// What the environment may be taken from.
pub(super) struct Sources<'a> {
    pub(super) pod: &'a Pod,
    pub(super) pod_ip: String,
    pub(super) host_ip: String,
    pub(super) config_map: &'a dyn Fn(&str) -> Option<Arc<ConfigMap>>,
    pub(super) secret: &'a dyn Fn(&str) -> Option<Arc<Secret>>,
}

/// Resolves `envFrom`, then `env` in order, which overrides it.
///
/// # Errors
/// The message of the container's `CreateContainerConfigError`, in the kubelet's words.
pub(super) fn resolve(container: &Container, sources: &Sources<'_>) -> Result<Environment, String> {
    let mut environment = Environment::new();
    for source in container.env_from.iter().flatten() {
        take_all(source, sources, &mut environment)?;
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) if !value.is_empty() => Some(expand(value, &environment)),
            (_, Some(from)) => take_one(from, container, sources)?,
            _ => Some(String::new()),
        };
        if let Some(value) = value {
            environment.insert(variable.name.clone(), value);
        }
    }
    Ok(environment)
}

/// Names of the ConfigMaps and Secrets that a container's environment refers to.
pub(super) fn references(container: &Container) -> (Vec<&str>, Vec<&str>) {
    let (mut config_maps, mut secrets) = (Vec::new(), Vec::new());
    for source in container.env_from.iter().flatten() {
        config_maps.extend(source.config_map_ref.as_ref().map(|reference| reference.name.as_str()));
        secrets.extend(source.secret_ref.as_ref().map(|reference| reference.name.as_str()));
    }
    for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        config_maps.extend(from.config_map_key_ref.as_ref().map(|reference| reference.name.as_str()));
        secrets.extend(from.secret_key_ref.as_ref().map(|reference| reference.name.as_str()));
    }
    (config_maps, secrets)
}

fn take_all(
    source: &EnvFromSource,
    sources: &Sources<'_>,
    environment: &mut Environment,
) -> Result<(), String> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &source.config_map_ref {
        match (sources.config_map)(&reference.name) {
            Some(config_map) => {
                for (key, value) in config_map.data.iter().flatten() {
                    environment.insert(format!("{prefix}{key}"), value.clone());
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(format!("configmap \"{}\" not found", reference.name)),
        }
    }
    if let Some(reference) = &source.secret_ref {
        match (sources.secret)(&reference.name) {
            Some(secret) => {
                for (key, value) in secret.data.iter().flatten() {
                    environment
                        .insert(format!("{prefix}{key}"), String::from_utf8_lossy(&value.0).into_owned());
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(format!("secret \"{}\" not found", reference.name)),
        }
    }
    Ok(())
}

/// One variable's value; nothing if an optional source is missing.
fn take_one(
    from: &EnvVarSource,
    container: &Container,
    sources: &Sources<'_>,
) -> Result<Option<String>, String> {
    let namespace = sources.pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(reference) = &from.config_map_key_ref {
        let optional = reference.optional == Some(true);
        return match (sources.config_map)(&reference.name) {
            None if optional => Ok(None),
            None => Err(format!("configmap \"{}\" not found", reference.name)),
            Some(config_map) => {
                match config_map.data.as_ref().and_then(|entries| entries.get(&reference.key)) {
                    Some(value) => Ok(Some(value.clone())),
                    None if optional => Ok(None),
                    None => Err(format!(
                        "couldn't find key {} in ConfigMap {namespace}/{}",
                        reference.key, reference.name
                    )),
                }
            }
        };
    }
    if let Some(reference) = &from.secret_key_ref {
        let optional = reference.optional == Some(true);
        return match (sources.secret)(&reference.name) {
            None if optional => Ok(None),
            None => Err(format!("secret \"{}\" not found", reference.name)),
            Some(secret) => match secret.data.as_ref().and_then(|entries| entries.get(&reference.key)) {
                Some(value) => Ok(Some(String::from_utf8_lossy(&value.0).into_owned())),
                None if optional => Ok(None),
                None => Err(format!(
                    "couldn't find key {} in Secret {namespace}/{}",
                    reference.key, reference.name
                )),
            },
        };
    }
    if let Some(reference) = &from.field_ref {
        return field(reference, sources).map(Some);
    }
    if let Some(reference) = &from.resource_field_ref {
        return resource(reference, container).map(Some);
    }
    Ok(Some(String::new()))
}

pub(super) fn field(reference: &ObjectFieldSelector, sources: &Sources<'_>) -> Result<String, String> {
    let (metadata, spec) = (&sources.pod.metadata, sources.pod.spec.as_ref());
    let path = reference.field_path.as_str();
    let value = match path {
        "metadata.name" => metadata.name.clone(),
        "metadata.namespace" => metadata.namespace.clone(),
        "metadata.uid" => metadata.uid.clone(),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.podIP" | "status.podIPs" => Some(sources.pod_ip.clone()),
        "status.hostIP" | "status.hostIPs" => Some(sources.host_ip.clone()),
        _ => {
            let entries =
                [("metadata.labels['", &metadata.labels), ("metadata.annotations['", &metadata.annotations)];
            let found = entries.into_iter().find_map(|(prefix, entries)| {
                let key = path.strip_prefix(prefix)?.strip_suffix("']")?;
                Some(entries.as_ref().and_then(|entries| entries.get(key).cloned()))
            });
            return found
                .map(Option::unwrap_or_default)
                .ok_or_else(|| format!("unsupported fieldPath: {path}"));
        }
    };
    Ok(value.unwrap_or_default())
}

/// A container's own limit or request, in whole units rounded up: 50m of CPU is 1, 128Mi of memory is 134217728.
pub(super) fn resource(reference: &ResourceFieldSelector, container: &Container) -> Result<String, String> {
    let unsupported = || format!("unsupported container resource: {}", reference.resource);
    let (side, name) = reference.resource.split_once('.').ok_or_else(unsupported)?;
    let resources = container.resources.as_ref();
    let amounts = match side {
        "limits" => resources.and_then(|resources| resources.limits.as_ref()),
        "requests" => resources.and_then(|resources| resources.requests.as_ref()),
        _ => return Err(unsupported()),
    };
    let milli = amounts
        .and_then(|amounts| amounts.get(name))
        .map_or(Some(0), |amount| milli_units(&amount.0))
        .ok_or_else(unsupported)?;
    let divisor =
        reference.divisor.as_ref().and_then(|divisor| milli_units(&divisor.0)).filter(|divisor| *divisor > 0);
    Ok(milli.div_ceil(divisor.unwrap_or(1000)).to_string())
}

/// A quantity in thousandths, so that `50m` is 50 and `1Ki` is 1,024,000.
pub(super) fn milli_units(quantity: &str) -> Option<u128> {
    const SUFFIXES: [(&str, u128); 14] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("m", 0),
        ("", 1),
    ];
    let (digits, factor) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((quantity.strip_suffix(suffix)?, *factor)))?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let thousandths: u128 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let milli = whole.checked_mul(1000)?.checked_add(thousandths)?;
    if factor == 0 { Some(milli.div_ceil(1000)) } else { milli.checked_mul(factor) }
}

/// Replaces `$(NAME)` by the variable's value. An unknown name stays as written; `$$` is a dollar sign.
fn expand(text: &str, environment: &Environment) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match environment.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests;

//! What a command sees in a container: variables and files.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, Volume, VolumeMount,
};

use super::{
    Kubelet,
    environment::{self, Environment, Sources},
    shown::{ShownContainer, ShownPod},
};
use crate::object::ObjectKey;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What there is in a container.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) environment: Environment,
    pub(super) hostname: String,
    /// By absolute path.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Folders that may be empty.
    pub(super) folders: BTreeSet<String>,
}

/// Contents by their path below a mount.
type Contents = BTreeMap<String, Vec<u8>>;

impl Kubelet {
    /// What there is in a container now: what is mounted follows the API.
    pub(super) fn inside(
        &self,
        namespace: &str,
        name: &str,
        container: &str,
        shown_pod: &ShownPod,
        shown: &ShownContainer,
    ) -> Option<Inside> {
        let pod = self.hub.pods().get(&ObjectKey::new(namespace, name))?;
        let spec = pod.spec.as_ref()?;
        let container = spec.containers.iter().find(|one| one.name == container)?;
        let key = |name: &str| ObjectKey::new(namespace, name);
        let sources = Sources {
            pod: &pod,
            pod_ip: shown_pod.address.to_string(),
            host_ip: shown_pod.host_ip.clone(),
            config_map: &|name| self.hub.config_maps().get(&key(name)),
            secret: &|name| self.hub.secrets().get(&key(name)),
        };
        let hostname = spec.hostname.clone().unwrap_or_else(|| name.to_owned());
        let mut inside = Inside { environment: (*shown.environment).clone(), ..Inside::default() };
        for (name, value) in [("PATH", PATH), ("HOME", "/root"), ("HOSTNAME", &hostname)] {
            inside.environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        inside.system_files(namespace, &hostname, &sources.pod_ip);
        for mount in container.volume_mounts.iter().flatten() {
            let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
            let contents = volume.map(|volume| contents(volume, container, &sources)).unwrap_or_default();
            inside.mount(mount, contents);
        }
        inside.hostname = hostname;
        Some(inside)
    }
}

impl Inside {
    fn system_files(&mut self, namespace: &str, hostname: &str, address: &str) {
        let search = format!("{namespace}.svc.cluster.local svc.cluster.local cluster.local");
        let files = [
            ("/etc/hostname", format!("{hostname}\n")),
            ("/etc/hosts", format!("127.0.0.1\tlocalhost\n{address}\t{hostname}\n")),
            ("/etc/resolv.conf", format!("search {search}\nnameserver 10.96.0.10\noptions ndots:5\n")),
        ];
        self.files.extend(files.map(|(path, text)| (path.to_owned(), text.into_bytes())));
        self.folders.extend(["/root".to_owned(), "/tmp".to_owned()]);
    }

    fn mount(&mut self, mount: &VolumeMount, contents: Contents) {
        let at = format!("/{}", mount.mount_path.trim_matches('/'));
        match mount.sub_path.as_deref().filter(|path| !path.is_empty()) {
            Some(path) => {
                let only = contents.get(path).cloned();
                self.files.extend(only.map(|bytes| (at, bytes)));
            }
            None => {
                self.files.extend(contents.into_iter().map(|(path, bytes)| (format!("{at}/{path}"), bytes)));
                self.folders.insert(at);
            }
        }
    }
}

/// What a volume holds; nothing if it is of a kind that holds nothing here.
fn contents(volume: &Volume, container: &Container, sources: &Sources<'_>) -> Contents {
    let mut contents = Contents::new();
    if let Some(source) = &volume.config_map {
        contents.extend(of_config_map(&source.name, source.items.as_deref(), sources));
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or_default();
        contents.extend(of_secret(name, source.items.as_deref(), sources));
    }
    if let Some(source) = &volume.downward_api {
        contents.extend(of_pod(source.items.as_deref().unwrap_or_default(), container, sources));
    }
    for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
        if let Some(source) = &source.config_map {
            contents.extend(of_config_map(&source.name, source.items.as_deref(), sources));
        }
        if let Some(source) = &source.secret {
            contents.extend(of_secret(&source.name, source.items.as_deref(), sources));
        }
        if let Some(source) = &source.downward_api {
            contents.extend(of_pod(source.items.as_deref().unwrap_or_default(), container, sources));
        }
    }
    contents
}

fn of_config_map(name: &str, items: Option<&[KeyToPath]>, sources: &Sources<'_>) -> Contents {
    let Some(found) = (sources.config_map)(name) else { return Contents::new() };
    let ConfigMap { data, binary_data, .. } = &*found;
    let texts = data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
    let others = binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    chosen(texts.chain(others).collect(), items)
}

fn of_secret(name: &str, items: Option<&[KeyToPath]>, sources: &Sources<'_>) -> Contents {
    let Some(found) = (sources.secret)(name) else { return Contents::new() };
    let Secret { data, .. } = &*found;
    chosen(data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect(), items)
}

/// All entries, or those that are named, where they are named to be.
fn chosen(all: Contents, items: Option<&[KeyToPath]>) -> Contents {
    match items {
        Some(items) if !items.is_empty() => {
            let named =
                items.iter().filter_map(|item| Some((item.path.clone(), all.get(&item.key)?.clone())));
            named.collect()
        }
        _ => all,
    }
}

fn of_pod(items: &[DownwardAPIVolumeFile], container: &Container, sources: &Sources<'_>) -> Contents {
    let text = |item: &DownwardAPIVolumeFile| -> Option<String> {
        let path = item.field_ref.as_ref().map(|field| field.field_path.as_str());
        match path {
            Some("metadata.labels") => Some(listed(sources.pod, false)),
            Some("metadata.annotations") => Some(listed(sources.pod, true)),
            Some(_) => environment::field(item.field_ref.as_ref()?, sources).ok(),
            None => environment::resource(item.resource_field_ref.as_ref()?, container).ok(),
        }
    };
    items.iter().filter_map(|item| Some((item.path.clone(), text(item)?.into_bytes()))).collect()
}

/// One `key="value"` a line.
fn listed(pod: &Pod, annotations: bool) -> String {
    let entries = if annotations { &pod.metadata.annotations } else { &pod.metadata.labels };
    let lines = entries.iter().flatten().map(|(key, value)| format!("{key}={value:?}"));
    lines.collect::<Vec<_>>().join("\n")
}

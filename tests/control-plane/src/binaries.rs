//! Where the programs are: in the folder that `KUBEBUILDER_ASSETS` names, else where `tests/control-plane/build` puts them.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Programs and versions, one a line; the build script reads the same file.
const VERSIONS: &str = include_str!("../versions");

/// Finds a program: `etcd`, `kube-apiserver`, `kube-controller-manager`, `kubectl`, `helm`, `kwok` or `informer`.
///
/// # Errors
/// If it is in neither place; the text says what to do.
pub fn find(name: &str) -> Result<PathBuf> {
    find_in(name, &places())
}

/// The version of `kubernetes`, `etcd`, `helm` or `kwok` that the build script builds, like `v1.36.3`.
pub fn version(name: &str) -> Option<&'static str> {
    VERSIONS.lines().filter_map(|line| line.split_once(' ')).find(|(known, _)| *known == name).map(|(_, v)| v)
}

/// The folders that are looked into, the first before the second.
pub fn places() -> Vec<PathBuf> {
    let given = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    given.into_iter().chain(cache().map(|cache| cache.join(folder()).join("bin"))).collect()
}

pub(crate) fn find_in(name: &str, places: &[PathBuf]) -> Result<PathBuf> {
    let found = places.iter().map(|folder| folder.join(name)).find(|file| is_program(file));
    found.ok_or_else(|| {
        let places: Vec<_> = places.iter().map(|folder| folder.display().to_string()).collect();
        Error::NoBinary { name: name.into(), places: places.join(" or ") }
    })
}

/// `control-plane-v1.36.3-v3.6.8-...`: other versions are built beside these.
fn folder() -> String {
    let versions = VERSIONS.lines().filter_map(|line| line.split_once(' ')).map(|(_, version)| version);
    versions.fold("control-plane".to_owned(), |name, version| format!("{name}-{version}"))
}

/// `$XDG_CACHE_HOME/verdigris`, else `~/.cache/verdigris`.
fn cache() -> Option<PathBuf> {
    let value = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = value("XDG_CACHE_HOME").or_else(|| Some(value("HOME")?.join(".cache")))?;
    Some(caches.join("verdigris"))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_what_to_do() {
        let error = find_in("etcd", &["/nowhere".into(), "/neither".into()]).unwrap_err().to_string();
        for part in
            ["etcd", "/nowhere or /neither", "tests/control-plane/build", "Go 1.26", "KUBEBUILDER_ASSETS"]
        {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_go_module_requires_the_versions_that_name_the_cache() {
        let module = include_str!("../go.mod");
        for (package, name) in [("k8s.io/kubernetes", "kubernetes"), ("go.etcd.io/etcd/server/v3", "etcd")] {
            let wanted = format!("{package} {}", version(name).unwrap());
            assert!(module.contains(&wanted), "go.mod does not require {wanted}");
        }
        let staged = version("kubernetes").unwrap().replacen("v1.", "v0.", 1);
        let replaced = module.lines().filter(|line| line.contains(" => "));
        for line in replaced {
            assert!(line.ends_with(&staged), "{line}: the staging modules of Kubernetes are {staged}");
        }
    }
}

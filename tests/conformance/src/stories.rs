//! The files of exchanges in this crate, and what they presuppose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use kube::{
    Api,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
};

use crate::{exchange::Story, server::Server};

/// All files whose path has one of these parts (or all, if there are none), by path.
///
/// # Errors
/// If one cannot be read.
pub fn all(parts: &[String]) -> anyhow::Result<Vec<(PathBuf, Story)>> {
    let mut paths = Vec::new();
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("exchanges"), &mut paths)?;
    paths.sort();
    let wanted = |path: &PathBuf| {
        let path = path.to_string_lossy();
        parts.is_empty() || parts.iter().any(|part| path.contains(part.as_str()))
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let story = Story::parse(&text).with_context(|| format!("in {}", path.display()))?;
        Ok((path, story))
    };
    paths.into_iter().filter(wanted).map(read).collect()
}

/// Gives a server what stories take for granted: the CustomResourceDefinitions that we ship.
///
/// # Errors
/// If it refuses them.
pub async fn prepare(server: &Server) -> anyhow::Result<()> {
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let api: Api<DynamicObject> = Api::all_with(server.client(), &ApiResource::from_gvk(&kind));
    let definition: DynamicObject = serde_saphyr::from_str(verdigris_crds::manifest::ROLLOUT_YAML)?;
    match api.create(&PostParams::default(), &definition).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("creating our CRDs on the {} server", server.name)),
    }
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "http") {
            paths.push(path);
        }
    }
    Ok(())
}

//! Our images, assembled from what cargo built for the tests.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::process::Command;

use super::{registry::Registry, run::run};
use crate::programs::program;

/// An image in a registry.
pub struct Image {
    name: String,
    reference: String,
    config: Value,
    files: PathBuf,
}

impl Image {
    /// Assembles the image of this program with `images/assemble`, uploads it, and takes it back from the registry.
    ///
    /// # Errors
    /// If the image is not one, in the registry's eyes.
    pub async fn publish(name: &str, registry: &Registry, folder: &Path) -> Result<Self> {
        let layout = folder.join(format!("{name}.layout"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/assemble");
        // Compressing as well as possible would take longer than all the rest.
        let mut assemble = Command::new("bash");
        run(assemble.arg(script).args(["--level", "1"]).arg(program(name)).arg(&layout)).await?;
        let reference = format!("{}/{name}:{}", registry.address(), env!("CARGO_PKG_VERSION"));
        registry.crane(&["push", &layout.to_string_lossy(), &reference]).await?;
        registry.crane(&["validate", "--remote", &reference]).await?;
        let config = registry.crane(&["config", &reference]).await?;
        let config = serde_json::from_str(&config).context("reading the configuration of an image")?;
        let files = folder.join(format!("{name}.tar"));
        registry.crane(&["export", &reference, &files.to_string_lossy()]).await?;
        Ok(Self { name: name.to_owned(), reference, config, files })
    }

    /// The program's name, which is the image's too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `REGISTRY/NAME:TAG`.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// What it says of how to be run: the field `config` of its configuration.
    pub fn config(&self) -> &Value {
        &self.config["config"]
    }

    /// Whether a manifest means this one: the registry is the user's to say.
    pub fn is_meant_by(&self, image: &str) -> bool {
        let tagged = format!("{}:{}", self.name, env!("CARGO_PKG_VERSION"));
        image.rsplit('/').next() == Some(&tagged)
    }

    /// Makes a folder its root.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub async fn unpack(&self, root: &Path) -> Result<()> {
        std::fs::create_dir(root).with_context(|| format!("making {}", root.display()))?;
        let mut unpack = Command::new("tar");
        run(unpack.arg("-xf").arg(&self.files).arg("-C").arg(root).arg("--no-same-owner")).await?;
        // Nothing in an image can be written, and neither could it be removed by us.
        run(Command::new("chmod").args(["-R", "u+w"]).arg(root)).await.map(drop)
    }
}

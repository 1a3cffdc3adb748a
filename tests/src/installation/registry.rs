//! A real registry, for images and charts.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::{Duration, timeout},
};

use super::run::run;

/// The Go module that pins crane; its version is in the program's name.
const MODULE: &str = include_str!("../../registry/go.mod");
const PACKAGE: &str = "github.com/google/go-containerregistry";
/// How long it may take to listen.
const UP_MAX: Duration = Duration::from_secs(30);

/// A registry on loopback, without TLS. Dropping it ends it.
pub struct Registry {
    crane: PathBuf,
    address: String,
    /// What it says from here on: if nobody could hear it, it would end.
    _running: (Lines<BufReader<ChildStderr>>, Child),
}

impl Registry {
    /// Starts one.
    ///
    /// # Errors
    /// If crane is not built, or does not listen.
    pub async fn start() -> Result<Self> {
        let crane = crane()?;
        let mut child = Command::new(&crane)
            .args(["registry", "serve", "--address", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", crane.display()))?;
        let mut lines = BufReader::new(child.stderr.take().context("crane has no output")?).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, port)) = line.split_once("serving on port ") {
                    return Ok(format!("127.0.0.1:{port}"));
                }
            }
            anyhow::bail!("crane registry serve ended before it listened")
        };
        let address = timeout(UP_MAX, listening).await.context("waiting for crane to listen")??;
        Ok(Self { crane, address, _running: (lines, child) })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs `crane ARGUMENTS`.
    ///
    /// # Errors
    /// What crane complains of.
    pub async fn crane(&self, arguments: &[&str]) -> Result<String> {
        run(Command::new(&self.crane).args(arguments)).await
    }
}

fn crane() -> Result<PathBuf> {
    let required = MODULE.lines().find_map(|line| line.strip_prefix("require ")?.strip_prefix(PACKAGE));
    let version = required.context("tests/registry/go.mod does not require crane")?.trim();
    let value = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = value("XDG_CACHE_HOME").or_else(|| Some(value("HOME")?.join(".cache")));
    let program = cache.unwrap_or_else(|| "/tmp/.cache".into()).join(format!("verdigris/crane-{version}"));
    ensure!(
        program.is_file(),
        "{} is not there: run `bash tests/registry/build` (Go 1.26 or newer)",
        program.display()
    );
    Ok(program)
}

//! Commands in a folder of their own, against one server.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{process::Command, time};

use super::{normal::Normaliser, transcript::Transcript};
use crate::server::Server;

/// How long a command may take, and how long one may be tried again.
const PATIENCE: Duration = Duration::from_secs(45);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// The programs that commands find by their names.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder with `kubectl` and the others; first on the PATH.
    pub folder: PathBuf,
    /// A word about them, for names and messages.
    pub label: String,
}

/// Commands in a folder of their own, against one server. Dropping it removes the folder.
pub struct Session {
    folder: PathBuf,
    path: OsString,
    server: &'static str,
    namespace: String,
}

/// What a command said, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it ended; nothing if it was ended.
    pub code: Option<i32>,
    /// Its answer.
    pub stdout: Vec<String>,
    /// Its complaints.
    pub stderr: Vec<String>,
}

impl Session {
    /// A folder with the transcript's files, and a kubeconfig whose namespace is the transcript's.
    ///
    /// # Errors
    /// If the folder or a file cannot be written.
    pub fn open(
        server: &Server,
        programs: &Programs,
        transcript: &Transcript,
        namespace: &str,
    ) -> anyhow::Result<Self> {
        let name = format!("verdigris-text-{}-{}-{namespace}", std::process::id(), server.name);
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut path = programs.folder.clone().into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        let session = Self { folder, path, server: server.name, namespace: namespace.to_owned() };
        for (name, content) in &transcript.files {
            session.write(name, content)?;
        }
        let config = fs::read_to_string(server.kubeconfig()).context("reading the server's kubeconfig")?;
        session.write(".kubeconfig", &in_namespace(&config, namespace)?)?;
        Ok(session)
    }

    /// Runs a command once.
    ///
    /// # Errors
    /// If it cannot be started or does not end in time.
    pub async fn run(&self, command: &str, normaliser: &Normaliser) -> anyhow::Result<Said> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        shell.env("PATH", &self.path).env("HOME", &self.folder).env("TZ", "UTC").env("LC_ALL", "C");
        shell.env("KUBECONFIG", self.folder.join(".kubeconfig")).env("SERVER", self.server);
        shell.env("NAMESPACE", &self.namespace);
        shell.env("CRDS", concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/yaml"));
        shell.env("FIXTURES", concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        for unwanted in ["KUBE_EDITOR", "EDITOR", "KUBECACHEDIR", "NO_PROXY", "HTTPS_PROXY"] {
            shell.env_remove(unwanted);
        }
        let output = time::timeout(PATIENCE, shell.output())
            .await
            .with_context(|| {
                format!("on the {} server, `{command}` did not end within {PATIENCE:?}", self.server)
            })?
            .with_context(|| format!("starting `{command}`"))?;
        let here = self.folder.to_string_lossy();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(&*here, "FOLDER");
            let lines = normaliser.normalise(&text);
            // Which of its watches a program complains of when it ends is chance.
            lines.into_iter().filter(|line| !line.starts_with("LOG reflector.go")).collect()
        };
        Ok(Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs a command again and again until it succeeds.
    ///
    /// # Errors
    /// If it does not in time; the text has what it said last.
    pub async fn until_success(&self, command: &str, normaliser: &Normaliser) -> anyhow::Result<Said> {
        let started = time::Instant::now();
        loop {
            let said = self.run(command, normaliser).await?;
            if said.code == Some(0) {
                return Ok(said);
            }
            if started.elapsed() > PATIENCE {
                let Said { stdout, stderr, .. } = said;
                let last = [stdout, stderr].concat().join("\n");
                anyhow::bail!(
                    "on the {} server, `{command}` did not succeed within {PATIENCE:?}; last it said: {last}",
                    self.server
                );
            }
            time::sleep(PAUSE).await;
        }
    }

    fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The same kubeconfig, with a namespace in each context.
fn in_namespace(kubeconfig: &str, namespace: &str) -> anyhow::Result<String> {
    let mut config: serde_json::Value =
        serde_saphyr::from_str(kubeconfig).context("the server's kubeconfig is no YAML")?;
    let contexts = config.pointer_mut("/contexts").and_then(serde_json::Value::as_array_mut);
    for context in contexts.into_iter().flatten() {
        if let Some(context) = context.pointer_mut("/context").and_then(serde_json::Value::as_object_mut) {
            context.insert("namespace".to_owned(), namespace.into());
        }
    }
    Ok(config.to_string())
}

/// A folder in which `kubectl` (and what else is given) are links to the programs.
///
/// # Errors
/// If the folder or a link cannot be made.
pub fn link_programs(folder: &Path, programs: &[(&str, &Path)]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, program) in programs {
        let link = folder.join(name);
        std::os::unix::fs::symlink(program, &link)
            .with_context(|| format!("linking {} to {}", link.display(), program.display()))?;
    }
    Ok(())
}

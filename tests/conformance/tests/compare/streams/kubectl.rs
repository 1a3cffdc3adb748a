//! The kubectls that are tried, and what they say.

use std::{fmt, path::PathBuf, process::Stdio};

use anyhow::Context as _;
use regex::Regex;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::timeout,
};
use verdigris_control_plane::binaries;

use super::place::{PATIENCE, Place, cache_of};

/// What differs from run to run, and what stands for it.
const VARYING: [(&str, &str); 9] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"web-[a-z0-9]{6,10}-[a-z0-9]{5}", "web-POD"),
    (r#"pod-template-hash="[a-z0-9]+""#, r#"pod-template-hash="HASH""#),
    (r"(127\.0\.0\.1|localhost|\[::1\]):\d{5}", "$1:PORT"),
    (r"connection for \d+|forwarding \d+ ->", "connection from PORT"),
    (r"E\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [a-z0-9_]+\.go:\d+\]", "LOG"),
    (r"10\.244\.\d+\.\d+", "ADDRESS"),
    // A kubelet says the first just after it has tried, and the second until it tries again.
    ("image can't be pulled|trying and failing to pull image", "trying and failing to pull image"),
];

/// A program and how it speaks.
pub struct Kubectl {
    name: &'static str,
    program: PathBuf,
    spdy: bool,
}

impl fmt::Display for Kubectl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.name, if self.spdy { " over SPDY" } else { "" })
    }
}

/// The newest first.
pub fn clients() -> Vec<Kubectl> {
    let newest = binaries::find("kubectl").unwrap();
    let usual =
        on_path().expect("no kubectl on the PATH: install one (https://kubernetes.io/docs/tasks/tools/)");
    vec![
        Kubectl { name: "the newest kubectl", program: newest.clone(), spdy: false },
        Kubectl { name: "the kubectl on the PATH", program: usual, spdy: false },
        Kubectl { name: "the newest kubectl", program: newest, spdy: true },
    ]
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
}

impl Kubectl {
    /// Runs a line and gives its exit code, its output, and its complaints after `!`.
    pub async fn run(&self, place: &Place, line: &str, typed: &str) -> anyhow::Result<String> {
        let mut child = self.start(place, line)?;
        let mut stdin = child.stdin.take().context("kubectl has no input")?;
        let typing = async {
            // A command that does not read may be gone.
            let _ = stdin.write_all(typed.as_bytes()).await;
            drop(stdin);
        };
        let ended = async { tokio::join!(typing, child.wait_with_output()).1 };
        let output = timeout(PATIENCE, ended)
            .await
            .with_context(|| format!("{}: kubectl {line} did not end within {PATIENCE:?}", place.name))??;
        let mut said = format!("[{}]\n", output.status.code().unwrap_or(-1));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        for complaint in String::from_utf8_lossy(&output.stderr).lines() {
            said.push_str(&format!("! {complaint}\n"));
        }
        let said = steady(&said);
        // In which order logs of several containers come is up to kubectl's luck.
        let several = ["--all-containers", "-l "].iter().any(|option| line.contains(option));
        Ok(if several { sorted(&said) } else { said })
    }

    /// Runs a line that must end well.
    pub async fn done(&self, place: &Place, line: &str, typed: &str) -> anyhow::Result<()> {
        let said = self.run(place, line, typed).await?;
        anyhow::ensure!(said.starts_with("[0]"), "{}: kubectl {line}: {said}", place.name);
        Ok(())
    }

    /// Starts a line; it ends with the handle.
    pub fn start(&self, place: &Place, line: &str) -> anyhow::Result<Child> {
        let spoken = if self.spdy { "false" } else { "true" };
        Command::new(&self.program)
            .arg("--namespace=streams")
            .args(words(line))
            .env("KUBECONFIG", place.kubeconfig())
            .env("KUBECACHEDIR", cache_of(place.kubeconfig()))
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", spoken)
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", spoken)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))
    }
}

/// Without what differs from run to run.
pub fn steady(said: &str) -> String {
    VARYING.iter().fold(said.to_owned(), |said, (pattern, stands_for)| {
        Regex::new(pattern).unwrap().replace_all(&said, *stands_for).into_owned()
    })
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Words between spaces; single quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        let mut pieces = part.split(' ');
        words.last_mut().unwrap().push_str(pieces.next().unwrap_or_default());
        words.extend(pieces.map(ToOwned::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

//! One of several replicas of our controller as a process: the program that is shipped, as a pod starts it.

use std::{
    net::Ipv4Addr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::{Instant, sleep, timeout},
};

use crate::programs::program;

/// How long anything that has no delay of its own may take, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);
/// How long one question about its health may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A line of its log, and when it was read.
#[derive(Clone, Debug)]
pub struct Said {
    /// When.
    pub at: Instant,
    /// The fields.
    pub line: Value,
}

/// A running replica. Dropping it kills it.
pub struct ReplicaProcess {
    child: Child,
    said: Arc<Mutex<Vec<Said>>>,
    health_port: u16,
}

impl ReplicaProcess {
    /// Starts one, and waits until it serves its health.
    ///
    /// # Errors
    /// If it does not.
    pub async fn start(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program("verdigris-controller"))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--logformat", "json", "--healthzPort", "0", "--metricsPort", "0"])
            .args(arguments)
            .env("POD_NAMESPACE", namespace)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting verdigris-controller")?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let log = child.stderr.take().context("a log")?;
        tokio::spawn(read(log, Arc::clone(&said)));
        let mut replica = Self { child, said, health_port: 0 };
        let listens = replica.says("listens", |line| line["what"] == "health").await?;
        let port = listens.line["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        replica.health_port = port.context("the log names the port")?;
        Ok(replica)
    }

    /// Waits until it has said this, in a line of which the rest holds.
    ///
    /// # Errors
    /// If it does not, with what it said instead.
    pub async fn says(&mut self, message: &str, holds: impl Fn(&Value) -> bool) -> Result<Said> {
        let end = Instant::now() + SOON;
        loop {
            let is_it = |said: &&Said| said.line["message"] == message && holds(&said.line);
            if let Some(said) = lock(&self.said).iter().find(is_it) {
                return Ok(said.clone());
            }
            let ended = self.child.try_wait().context("looking after a replica")?;
            if ended.is_some() || Instant::now() > end {
                bail!("a replica did not say '{message}' within {SOON:?} (ended: {ended:?}): {}", self.log());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        lock(&self.said).iter().fold(String::new(), |text, said| format!("{text}\n{}", said.line))
    }

    /// What it answers to this question about its health.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn asked(&self, path: &str) -> Result<(u16, String)> {
        let exchange = async {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.health_port)).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = timeout(ANSWER_MAX, exchange).await.context("no answer in time")??;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a code")?;
        Ok((code, body.to_owned()))
    }

    /// Waits until it answers this question with this code, and a text of which the rest holds.
    ///
    /// # Errors
    /// If it does not, with what it answered last.
    pub async fn comes_to(&self, path: &str, code: u16, holds: impl Fn(&str) -> bool) -> Result<String> {
        let end = Instant::now() + SOON;
        loop {
            let (last, text) = self.asked(path).await?;
            if last == code && holds(&text) {
                return Ok(text);
            }
            if Instant::now() > end {
                bail!("{path} did not become {code} within {SOON:?}; last: {last} {text}; {}", self.log());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP` or `CONT`.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn signal(&self, signal: &str) -> Result<()> {
        let id = self.child.id().context("the replica has ended")?.to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().await.context("starting kill")?;
        anyhow::ensure!(sent.success(), "kill -s {signal} {id}: {sent}");
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not, or not well.
    pub async fn ends_well(&mut self) -> Result<()> {
        let ended = timeout(SOON, self.child.wait()).await.context("a replica does not end")??;
        anyhow::ensure!(ended.success(), "{ended}: {}", self.log());
        Ok(())
    }

    /// Its resident memory in MiB.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident_mib(&self) -> Result<f64> {
        let id = self.child.id().context("the replica has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("reading its status")?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: f64 = kib.trim().trim_end_matches(" kB").parse().context("a number")?;
        Ok(kib / 1024.0)
    }
}

async fn read(log: ChildStderr, said: Arc<Mutex<Vec<Said>>>) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        let line = serde_json::from_str(&text).unwrap_or(Value::String(text));
        lock(&said).push(Said { at: Instant::now(), line });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

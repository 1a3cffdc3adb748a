//! A real Prometheus that scrapes one address, and questions to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{Duration, timeout},
};

use crate::playing::until;

/// How long one question may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A Prometheus that runs. Dropping it ends it.
pub struct Prometheus {
    address: SocketAddr,
    folder: PathBuf,
    _child: Child,
}

impl Prometheus {
    /// Starts one that scrapes this port every half second, with our alert rules.
    ///
    /// # Errors
    /// If there is none on this machine, or it does not come up.
    pub async fn start(name: &str, port: u16) -> Result<Self> {
        let program = find("prometheus")?;
        let folder = std::env::temp_dir().join(format!("verdigris-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("making a folder for Prometheus")?;
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/monitoring/rules.yaml");
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n\
             - {{job_name: verdigris, honor_labels: true, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n",
            rules.canonicalize().context("finding the alert rules")?.display()
        );
        std::fs::write(folder.join("prometheus.yml"), config).context("writing its configuration")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let log = std::fs::File::create(folder.join("log")).context("making a file for its log")?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting Prometheus")?;
        let prometheus = Self { address, folder, _child: child };
        let ready = until("Prometheus to be ready", async || {
            get(address, "/-/ready").await.is_ok_and(|(code, _)| code == 200)
        });
        ready.await.with_context(|| prometheus.log())?;
        Ok(prometheus)
    }

    /// What a query gives now: labels and value of each element.
    ///
    /// # Errors
    /// If it is no query.
    pub async fn query(&self, query: &str) -> Result<Vec<(Value, f64)>> {
        let answer = self.ask(&format!("/api/v1/query?query={}", encoded(query))).await?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        let elements = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let read = |element: &Value| {
            let value = element["value"][1].as_str().and_then(|text| text.parse().ok());
            (element["metric"].clone(), value.unwrap_or(f64::NAN))
        };
        Ok(elements.iter().map(read).collect())
    }

    /// Asks its API.
    ///
    /// # Errors
    /// If the answer is no JSON.
    pub async fn ask(&self, path: &str) -> Result<Value> {
        let (_, body) = get(self.address, path).await?;
        serde_json::from_str(&body).with_context(|| format!("{path} of Prometheus: {body}"))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // What it still writes goes with the folder, or stays in the folder of temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A program of Debian's package `prometheus`: on the PATH, or where `tests/run` unpacks it.
///
/// # Errors
/// What to do if it is not there.
pub fn find(name: &str) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let unpacked = cache.map(|cache| cache.join("verdigris/prometheus/usr/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(unpacked)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "no {name} on the PATH: run `bash tests/run e2e`, which unpacks Debian's, or install Prometheus"
        )
    })
}

/// Asks a server on this machine: the code, and the body.
///
/// # Errors
/// If it does not answer in time.
pub async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    // Of this version, so that the body comes in one piece and then ends.
    send(address, &format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n")).await
}

/// The same with any request.
///
/// # Errors
/// If it does not answer in time.
pub async fn send(address: SocketAddr, request: &str) -> Result<(u16, String)> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = timeout(ANSWER_MAX, exchange).await.context("waiting for an answer")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    let code =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("an answer without a code")?;
    Ok((code, body.to_owned()))
}

/// A port that nobody listens on now.
fn free_port() -> Result<u16> {
    let listener =
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

fn encoded(query: &str) -> String {
    let letter = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    query.bytes().map(letter).collect()
}

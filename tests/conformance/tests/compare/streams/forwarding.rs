//! Forwarded ports, and logs that are followed: commands that go on until they are stopped.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout},
    task::JoinSet,
    time::timeout,
};

use super::{
    kubectl::{Kubectl, steady},
    place::{PATIENCE, Place},
};

/// Connections at a time.
const SIDE_BY_SIDE: usize = 8;

/// A command that goes on.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(place: &Place, client: &Kubectl, line: &str) -> anyhow::Result<Self> {
        let mut child = client.start(place, line)?;
        let stdout = child.stdout.take().context("kubectl has no output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// Waits for a line that says this.
    async fn says(&mut self, wanted: &str) -> anyhow::Result<String> {
        let found = async {
            while let Some(line) = self.lines.next_line().await? {
                if line.contains(wanted) {
                    return Ok(line);
                }
            }
            let mut complaints = String::new();
            if let Some(stderr) = &mut self.child.stderr {
                stderr.read_to_string(&mut complaints).await?;
            }
            anyhow::bail!("it ended without saying {wanted:?}: {complaints}")
        };
        timeout(PATIENCE, found).await.with_context(|| format!("waited {PATIENCE:?} for {wanted:?}"))?
    }

    /// Waits for its end; gives the exit code and the complaints.
    async fn ends(mut self) -> anyhow::Result<(Option<i32>, String)> {
        let mut complaints = String::new();
        let stderr = self.child.stderr.as_mut().context("kubectl has no complaints")?;
        let ended = async {
            while self.lines.next_line().await?.is_some() {}
            stderr.read_to_string(&mut complaints).await
        };
        timeout(PATIENCE, ended).await.with_context(|| format!("it did not end within {PATIENCE:?}"))??;
        let status = self.child.wait().await?;
        Ok((status.code(), complaints))
    }
}

async fn forwarded(place: &Place, client: &Kubectl, what: &str) -> anyhow::Result<(Running, SocketAddr)> {
    let mut running = Running::start(place, client, &format!("port-forward {what}"))?;
    let line = running.says("Forwarding from 127.0.0.1").await?;
    let address = line.split(' ').nth(2).context("no address")?.parse()?;
    Ok((running, address))
}

/// An answer to one request, on a connection of its own that says at once that no more requests come.
async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        stream.shutdown().await?;
        all(&mut stream).await
    };
    timeout(PATIENCE, asked).await.with_context(|| format!("{path} was not answered within {PATIENCE:?}"))?
}

async fn all(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// Whether many connections, some at a time, come through.
pub async fn reaches(place: &Place, client: &Kubectl, what: &str) -> anyhow::Result<()> {
    let about = || format!("{client}, {}: port-forward {what}", place.name);
    let (running, address) = forwarded(place, client, what).await.with_context(about)?;
    let mut asking = JoinSet::new();
    for number in 0..SIDE_BY_SIDE * 4 {
        if asking.len() >= SIDE_BY_SIDE {
            let answer: anyhow::Result<String> = asking.join_next().await.context("nothing asked")??;
            let answer = answer.with_context(about)?;
            ensure!(answer.starts_with("HTTP/1.0 200 OK"), "{}: {answer:?}", about());
        }
        // Some take their time, so that others overtake them.
        let path = if number % 3 == 0 { "/sleep/50".to_owned() } else { format!("/{number}") };
        asking.spawn(async move { ask(address, &path).await });
    }
    while let Some(answer) = asking.join_next().await {
        let answer = answer?.with_context(about)?;
        ensure!(answer.contains("\npod "), "{}: {answer:?}", about());
    }
    drop(running);
    Ok(())
}

/// Whether a port that nobody listens on is said to be closed, in a kubelet's words.
pub async fn says_what_is_closed(place: &Place, client: &Kubectl) -> anyhow::Result<()> {
    let (running, address) = forwarded(place, client, "pod/two :9999").await?;
    // How the connection ends is up to the system.
    let answer = ask(address, "/").await.unwrap_or_default();
    ensure!(answer.is_empty(), "something answers on a closed port: {answer}");
    let (code, complaints) = running.ends().await?;
    let complaints = steady(&complaints);
    ensure!(
        code == Some(1) && complaints.ends_with("error: lost connection to pod\n"),
        "{code:?} {complaints}"
    );
    for part in [
        "error forwarding port 9999 to pod two, uid UID: ",
        "dial tcp4 127.0.0.1:9999: connect: connection refused",
    ] {
        ensure!(complaints.contains(part), "{client}, {}: {complaints}", place.name);
    }
    Ok(())
}

/// Whether a follower sees what happens, and the pod's end.
pub async fn is_followed(place: &Place, client: &Kubectl) -> anyhow::Result<()> {
    client.done(place, "wait --timeout=60s --for=condition=Ready pod/followed", "").await?;
    let mut following = Running::start(place, client, "logs -f followed")?;
    let first = following.says("example/app:v1 runs as followed, on port 8080").await?;
    ensure!(steady(&first).starts_with("TIME "), "{first}");
    let mut attached = Running::start(place, client, "attach followed")?;
    let (forwarding, address) = forwarded(place, client, "pod/followed :8080").await?;
    ask(address, "/from/afar").await?;
    following.says("GET /from/afar 200").await?;
    // Who is attached may have come later; until then, something is said now and again.
    let repeating = async {
        loop {
            ask(address, "/again").await?;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { biased;
        said = attached.says("GET /again 200") => drop(said?),
        failed = repeating => return failed,
    }
    drop(forwarding);
    client.done(place, "delete pod followed --timeout=60s", "").await?;
    let (code, complaints) = following.ends().await?;
    ensure!(code == Some(0), "{}: kubectl logs -f ended with {code:?}: {complaints}", place.name);
    let (code, complaints) = attached.ends().await?;
    ensure!(code == Some(0), "{}: kubectl attach ended with {code:?}: {complaints}", place.name);
    Ok(())
}

//! `/exec/{namespace}/{pod}/{container}` and `/attach/...`: a command in a container, or its own process.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};
use tracing::debug;
use verdigris_playground_streams::{Channel, Console, Input, Wanted, Wire};

use super::{Body, Query, plain, upgrade::Offer};
use crate::kubelet::{
    Kubelet,
    inside::Inside,
    log::Log,
    shell::{self, Pipes},
};

const V5: &str = "v5.channel.k8s.io";
const V4: &str = "v4.channel.k8s.io";
/// How long a process takes to start. kubectl up to 1.33 loses what comes before it has set up its side, so nothing may
/// come at once.
const STARTUP: Duration = Duration::from_millis(100);
/// How much is read at a time.
const BUFFER_BYTES: usize = 16 << 10;
/// How many pieces wait between a client and its command.
const PIECES_MAX: usize = 8;

/// What is to be run.
pub(super) enum Run {
    /// A command.
    Command(Vec<String>, Inside),
    /// Nothing: what the container's own process writes is shown.
    Attach(Arc<Log>),
}

/// Begins to run it, or says why not.
pub(super) fn answer(
    kubelet: &Arc<Kubelet>,
    (namespace, pod, container): (&str, &str, &str),
    query: &Query,
    attach: bool,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let tty = query.flag("tty");
    let wanted = Wanted {
        stdin: query.flag("input"),
        stdout: query.flag("output"),
        stderr: query.flag("error") && !tty,
        tty,
    };
    if !wanted.stdin && !wanted.stdout && !wanted.stderr {
        return plain(StatusCode::BAD_REQUEST, "you must specify at least 1 of stdin, stdout, stderr");
    }
    let Some(shown) = kubelet.shown.get(namespace, pod) else {
        return plain(StatusCode::NOT_FOUND, "pod does not exist");
    };
    let running = shown.containers.get(container).filter(|container| container.running);
    let run = running.and_then(|one| {
        if attach {
            one.log(pod, container, false).ok().cloned().map(Run::Attach)
        } else {
            let inside = kubelet.inside(namespace, pod, container, &shown, one)?;
            Some(Run::Command(query.all("command"), inside))
        }
    });
    let Some(run) = run else {
        let missing = format!("container not found (\"{container}\")");
        return plain(StatusCode::INTERNAL_SERVER_ERROR, missing);
    };
    let Some(offer) = Offer::of(request.headers()) else {
        return plain(StatusCode::BAD_REQUEST, "Upgrade request required");
    };
    let web_socket = matches!(offer, Offer::WebSocket { .. });
    let ours: &[&'static str] = if web_socket { &[V5, V4] } else { &[V4] };
    let Some(protocol) = offer.choose(ours) else { return offer.refuse(ours) };
    let upgraded = hyper::upgrade::on(&mut request);
    kubelet.hub.spawn(async move {
        let console = if web_socket {
            Console::web_socket(wanted, protocol == V5)
        } else {
            Console::spdy(wanted, Wire::Plain)
        };
        match upgraded.await {
            Ok(stream) => {
                tokio::time::sleep(STARTUP).await;
                converse(TokioIo::new(stream), console, run, wanted).await;
            }
            Err(error) => debug!(%error, "a client went away before its command ran"),
        }
    });
    offer.accept(protocol)
}

/// Runs it until it ends or the client is gone.
async fn converse<S>(mut client: S, mut console: Console, run: Run, wanted: Wanted)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (stdin, input) = mpsc::channel(PIECES_MAX);
    let (output, mut said) = mpsc::channel(PIECES_MAX);
    let mut client_side = ClientSide { stdin: wanted.stdin.then_some(stdin), ..ClientSide::default() };
    // It begins when the client has opened all it wants to use.
    let mut running = Box::pin(outcome(run, Pipes::new(input, output, wanted.tty)));
    let mut buffer = vec![0; BUFFER_BYTES];
    client_side.take(console.receive(&[]));
    let status = loop {
        if client.write_all(&console.take_output()).await.is_err() || client.flush().await.is_err() {
            return;
        }
        tokio::select! { biased;
            Some((channel, bytes)) = said.recv() => console.send(channel, &bytes),
            status = &mut running, if client_side.ready => break status,
            () = client_side.pass_on(), if !client_side.waiting.is_empty() => {}
            read = client.read(&mut buffer), if client_side.waiting.is_empty() => {
                let count = read.unwrap_or(0);
                client_side.take(console.receive(&buffer[..count]));
                if count == 0 || client_side.gone {
                    return;
                }
            }
        }
    };
    // What it wrote last is still on its way.
    while let Ok((channel, bytes)) = said.try_recv() {
        console.send(channel, &bytes);
    }
    console.finish(status.to_string().as_bytes());
    let _ = client.write_all(&console.take_output()).await;
    let _ = client.shutdown().await;
}

/// What the client has sent and the command has not yet taken.
#[derive(Default)]
struct ClientSide {
    ready: bool,
    gone: bool,
    stdin: Option<mpsc::Sender<Vec<u8>>>,
    /// Nothing stands for the end.
    waiting: VecDeque<Vec<u8>>,
}

impl ClientSide {
    fn take(&mut self, received: Result<Vec<Input>, verdigris_playground_streams::StreamError>) {
        let inputs = received.unwrap_or_else(|error| {
            debug!(%error, "a client is not understood");
            vec![Input::Closed]
        });
        for input in inputs {
            match input {
                Input::Ready => self.ready = true,
                Input::Data(Channel::Stdin, bytes) if self.stdin.is_some() => self.waiting.push_back(bytes),
                Input::Finished(Channel::Stdin) => self.waiting.push_back(Vec::new()),
                // The size of the terminal changes nothing here.
                Input::Data(..) | Input::Finished(_) => {}
                Input::Closed => self.gone = true,
            }
        }
    }

    /// Hands the next piece to the command, as soon as it takes it.
    async fn pass_on(&mut self) {
        let Some(stdin) = &self.stdin else { return self.waiting.clear() };
        let Some(first) = self.waiting.front() else { return };
        if first.is_empty() {
            self.stdin = None;
            return self.waiting.clear();
        }
        match stdin.reserve().await {
            Ok(permit) => {
                if let Some(bytes) = self.waiting.pop_front() {
                    permit.send(bytes);
                }
            }
            // The command does not read.
            Err(_) => self.waiting.clear(),
        }
    }
}

/// Runs it, and gives the `Status` that the client is told.
async fn outcome(run: Run, mut pipes: Pipes) -> Value {
    match run {
        Run::Command(command, inside) => match shell::run(&command, &inside, &mut pipes).await {
            Ok(0) => success(),
            Ok(code) => exited(code),
            Err(why) => not_started(&why),
        },
        Run::Attach(log) => {
            follow(&log, &mut pipes).await;
            success()
        }
    }
}

/// Shows what is written from now on.
async fn follow(log: &Log, pipes: &mut Pipes) {
    let mut changes = log.changes();
    let mut next = log.read(u64::MAX).next;
    loop {
        changes.mark_unchanged();
        let batch = log.read(next);
        next = batch.next;
        for line in &batch.lines {
            pipes.write(&format!("{}\n", line.text)).await;
        }
        if batch.ended || changes.changed().await.is_err() {
            return;
        }
    }
}

fn success() -> Value {
    json!({"metadata": {}, "status": "Success"})
}

fn exited(code: u8) -> Value {
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

fn not_started(why: &str) -> Value {
    let why = format!(
        "error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec \
         failed: exec failed: unable to start container process: {why}: unknown"
    );
    json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!("Internal error occurred: {why}"),
        "details": {"causes": [{"message": why}]},
    })
}

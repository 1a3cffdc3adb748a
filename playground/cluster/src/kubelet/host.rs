//! What runs a container's process: real listeners on loopback, or nothing but the pretence.

use std::{
    collections::BTreeMap, fmt::Debug, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc,
    time::Duration,
};

use super::log::Output;

/// The process that a container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The first line of every answer: the container's `WELCOME` variable.
    pub welcome: String,
    /// The pod's name.
    pub pod: String,
    /// The container's image.
    pub image: String,
    /// The hash that names the pod's revision; empty if its labels give none.
    pub revision: String,
    /// The ports to listen on, as the pod numbers them.
    pub ports: Vec<u16>,
    /// Whether it answers well; else with status 500.
    pub healthy: bool,
}

impl App {
    /// What it writes when it starts.
    #[must_use]
    pub fn greeting(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        let ports =
            if ports.is_empty() { "no port".to_owned() } else { format!("port {}", ports.join(", ")) };
        format!("{} runs as {}, on {ports}", self.image, self.pod)
    }
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Does a GET of this path on this port answer with a status from 200 to 399?
    Http {
        /// The pod's port.
        port: u16,
        /// The path with its query.
        path: String,
    },
    /// Is this port open?
    Tcp {
        /// The pod's port.
        port: u16,
    },
    /// Is the process well? Stands for commands and gRPC.
    Health,
}

/// Called when a process that was told to stop has answered its last request.
pub type WhenDrained = Arc<dyn Fn() + Send + Sync>;
/// The answer of a probe, some time from now: nothing if it went well, else what went wrong.
pub type Probing<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Starts processes.
pub trait PodHost: Send + Sync {
    /// Starts `app`, which writes to `output`.
    ///
    /// # Errors
    /// The system's, if a listener cannot be opened.
    fn start(&self, app: App, output: Output, when_drained: WhenDrained) -> io::Result<Box<dyn Process>>;
}

/// A process. Dropping it kills it: connections that are open then break.
pub trait Process: Send + Sync + Debug {
    /// Where the pod's ports really listen.
    fn listeners(&self) -> BTreeMap<u16, SocketAddr>;
    /// Refuses new connections. Requests under way are answered, and connections kept alive are told to close with
    /// their next answer.
    fn stop(&self);
    /// Closes the connections on which nothing is under way.
    fn close_idle(&self);
    /// Whether it was stopped and no connection is left.
    fn is_drained(&self) -> bool;
    /// Runs a probe.
    fn probe(&self, check: Check, timeout: Duration) -> Probing<'_>;
}

/// Runs nothing: no socket is opened, so a simulation may pause the clock. Readiness is that of the app.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pretence;

impl PodHost for Pretence {
    fn start(&self, app: App, output: Output, _when_drained: WhenDrained) -> io::Result<Box<dyn Process>> {
        output.line(&app.greeting());
        Ok(Box::new(Pretended { app }))
    }
}

#[derive(Debug)]
struct Pretended {
    app: App,
}

impl Process for Pretended {
    fn listeners(&self) -> BTreeMap<u16, SocketAddr> {
        BTreeMap::new()
    }

    fn stop(&self) {}

    fn close_idle(&self) {}

    fn is_drained(&self) -> bool {
        true
    }

    fn probe(&self, check: Check, _timeout: Duration) -> Probing<'_> {
        let open = |port: &u16| self.app.ports.contains(port);
        let well = match check {
            Check::Http { port, .. } if !open(&port) => Err("connection refused".to_owned()),
            Check::Tcp { port } if !open(&port) => Err("connection refused".to_owned()),
            Check::Http { .. } if !self.app.healthy => {
                Err("HTTP probe failed with statuscode: 500".to_owned())
            }
            Check::Health if !self.app.healthy => Err("command exited with 1".to_owned()),
            Check::Http { .. } | Check::Tcp { .. } | Check::Health => Ok(()),
        };
        Box::pin(std::future::ready(well))
    }
}

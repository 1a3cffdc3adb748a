//! What can go wrong with a control plane.

use std::{error::Error as _, fmt, io, path::PathBuf, time::Duration};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no control plane, or not any more.
#[derive(thiserror::Error)]
pub enum Error {
    /// A program is nowhere.
    #[error(
        "there is no {name} in {places}: run `bash tests/control-plane/build` (it needs Go 1.26 or newer, \
         https://go.dev/dl/), or name a folder that has it in KUBEBUILDER_ASSETS"
    )]
    NoBinary {
        /// The program.
        name: String,
        /// The folders that were looked into.
        places: String,
    },
    /// A file of ours cannot be made.
    #[error("{what} {path}")]
    File {
        /// What we were doing.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program cannot be started.
    #[error("starting {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No port is free.
    #[error("looking for free ports on 127.0.0.1")]
    Ports(#[source] io::Error),
    /// A program ended by itself.
    #[error("{name} ended ({outcome}) while we waited for {waited_for}; the end of its log says:\n{log}")]
    Ended {
        /// The program.
        name: &'static str,
        /// How it ended.
        outcome: String,
        /// What we waited for.
        waited_for: String,
        /// Its last words.
        log: String,
    },
    /// A program was stopped, on purpose, and is missed now.
    #[error("{name} was stopped, and we waited for {waited_for}")]
    Stopped {
        /// The program.
        name: &'static str,
        /// What we waited for.
        waited_for: String,
    },
    /// Something did not happen in time.
    #[error("waited {within:?} for {waited_for}; last seen: {last}")]
    TooLate {
        /// What we waited for.
        waited_for: String,
        /// For how long.
        within: Duration,
        /// What was seen last.
        last: String,
    },
    /// A key or certificate cannot be made.
    #[error("making keys and certificates")]
    Identity(#[from] rcgen::Error),
    /// The operating system gives no randomness.
    #[error("drawing tokens: {0}")]
    Secret(String),
    /// The kubeconfig is not understood.
    #[error("reading our kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The API refused something.
    #[error("{what}")]
    Api {
        /// What we were doing.
        what: String,
        /// The refusal.
        source: Box<kube::Error>,
    },
    /// A line of the audit log is not what Kubernetes writes.
    #[error("reading line {line} of the audit log")]
    Audit {
        /// Which line, from 1.
        line: usize,
        /// Why not.
        source: serde_json::Error,
    },
}

/// In words, with all causes: this is what a test shows that unwraps.
impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

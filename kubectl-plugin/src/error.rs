//! What can go wrong, in words for people.

use verdigris_connection::ConnectionError;
use verdigris_core::action::{ImageError, Refusal};
use verdigris_dashboard::{NoRandomness, ServeError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The async runtime did not start.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    /// There is no way to the cluster.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The cluster said no, or nothing.
    #[error("{0}")]
    Api(String),
    /// There is no such rollout.
    #[error("{message}\nSee which there are: {list}")]
    NoSuchRollout {
        /// The server's words.
        message: String,
        /// The command that lists rollouts.
        list: String,
    },
    /// The cluster does not know the kind.
    #[error(
        "this cluster has no Rollouts: rollouts.argoproj.io is not installed. Install Verdigris (or its CRDs) first"
    )]
    NoCrd,
    /// What was asked for makes no sense now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The image was not set.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An object that the plugin cannot read.
    #[error("{what}: {error}")]
    Unreadable {
        /// Which object.
        what: String,
        /// Why.
        error: serde_json::Error,
    },
    /// An argument that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// `status`: the peer's text.
    #[error("The rollout is in a degraded state with message: {0}")]
    Degraded(String),
    /// `status`: the peer's text.
    #[error("Rollout status watch exceeded timeout")]
    WatchTimeout,
    /// The rollout went away while it was watched.
    #[error("rollout '{0}' was deleted")]
    Deleted(String),
    /// The dashboard cannot be served.
    #[error("{}", with_cause(.0))]
    Dashboard(#[from] ServeError),
    /// The dashboard has no secret to sign with.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Nobody reads our output any more (`| head`): not a failure.
    #[error("nobody reads the output")]
    Closed,
    /// Output failed.
    #[error("writing output: {0}")]
    Output(std::io::Error),
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Output(error) }
    }
}

/// An answer of the API, or the lack of one, in words: what was being done, and what came back from where.
pub fn explain(doing: &str, error: &kube::Error, address: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 401 => {
            format!(
                "{doing}: the cluster does not accept the credentials (Unauthorized); check the kubeconfig's user"
            )
        }
        kube::Error::Api(status) if status.message.is_empty() => {
            format!("{doing}: {} {}", status.code, status.reason)
        }
        kube::Error::Api(status) => format!("{doing}: {}", status.message),
        error => format!("{doing}: cannot reach the cluster at {address}: {}", root(error)),
    }
}

fn with_cause(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Why no client could be made: mostly a login command (kubelogin and the like) that is not there or fails.
pub fn explain_login(error: &kube::Error, command: Option<&str>) -> String {
    use kube::client::AuthError;
    match (error, command) {
        (kube::Error::Auth(AuthError::AuthExecStart(error)), Some(command)) => {
            format!("the kubeconfig's login command {command} cannot be run: {error}")
        }
        (kube::Error::Auth(AuthError::AuthExecRun { out, .. }), Some(command)) => {
            let said = String::from_utf8_lossy(&out.stderr);
            format!("the kubeconfig's login command {command} failed ({}): {}", out.status, said.trim())
        }
        _ => format!("the kubeconfig cannot be used: {}", root(error)),
    }
}

/// The words of the innermost error: those around it only say that a request failed.
pub fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(error) = innermost.source() {
        innermost = error;
    }
    innermost.to_string()
}

/// Whether the answer means that something is not there.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether the answer means that the kind is not there: not an object of it, but the path.
pub fn is_missing_kind(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let of_an_api_server = ["404 page not found", "the server could not find the requested resource"]
        .contains(&status.message.trim());
    status.code == 404 && of_an_api_server
}

/// Whether somebody else wrote in between: a resourceVersion is not the newest any more (409), or the `test` of a JSON
/// patch failed (422 without a cause; a value that is not allowed has causes).
pub fn is_conflict(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let no_cause = status.details.as_ref().is_none_or(|details| details.causes.is_empty());
    status.code == 409 || (status.code == 422 && no_cause)
}

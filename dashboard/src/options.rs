//! What the dashboard is told when it starts.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;

/// Where the time comes from. Pages show it and approvals record it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The port that the peer's dashboard uses too.
pub const DEFAULT_PORT: u16 = 3100;

/// The path that the peer's dashboard uses too.
pub const DEFAULT_ROOT_PATH: &str = "rollouts";

/// How to serve the dashboard.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Only loopback addresses are accepted. Port 0 takes a free one.
    pub address: SocketAddr,
    /// The first part of every path, without slashes around it; empty serves at `/`.
    pub root_path: String,
    /// Show this namespace only, and ask the API for nothing else; `None` shows all.
    pub namespace: Option<String>,
    /// Who acts, as far as is known (for example the kubeconfig's user). It is recorded in approvals; nobody
    /// verifies it.
    pub user: Option<String>,
    /// The word in front of a name that the page tells people to type, for example `kubectl rollouts`.
    pub command: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)),
            root_path: DEFAULT_ROOT_PATH.to_owned(),
            namespace: None,
            user: None,
            command: "kubectl rollouts".to_owned(),
        }
    }
}

/// Why these options cannot be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadOptions {
    /// Everybody in the network could promote and abort: there is no login yet.
    #[error(
        "the dashboard has no login, so it listens on loopback only; {0} can be reached from other machines: use \
         127.0.0.1 (or ::1), and `ssh -L` or `kubectl port-forward` to come from elsewhere"
    )]
    NotLoopback(std::net::IpAddr),
    /// The root path would not survive in a URL as it is.
    #[error(
        "the root path {0:?} must consist of letters, digits, '.', '-', '_' and '/', without '..' or empty parts"
    )]
    RootPath(String),
}

impl Options {
    /// Checks what a caller may get wrong and brings the root path into its one form: `` or `/some/path`.
    pub(crate) fn root(&self) -> Result<String, BadOptions> {
        if !self.address.ip().is_loopback() {
            return Err(BadOptions::NotLoopback(self.address.ip()));
        }
        let trimmed = self.root_path.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(String::new());
        }
        let good = trimmed.split('/').all(|part| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        });
        if good { Ok(format!("/{trimmed}")) } else { Err(BadOptions::RootPath(self.root_path.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served() {
        for good in ["127.0.0.1:0", "127.8.0.1:80", "[::1]:3100"] {
            let options = Options { address: good.parse().expect("address"), ..Options::default() };
            assert_eq!(options.root(), Ok("/rollouts".to_owned()), "{good}");
        }
        for bad in ["0.0.0.0:3100", "[::]:3100", "10.0.0.7:3100", "[fe80::1]:1"] {
            let address: SocketAddr = bad.parse().expect("address");
            let refused = Options { address, ..Options::default() }.root();
            assert_eq!(refused, Err(BadOptions::NotLoopback(address.ip())), "{bad}");
        }
    }

    #[test]
    fn the_root_path_has_one_form() {
        let root = |path: &str| Options { root_path: path.to_owned(), ..Options::default() }.root();
        assert_eq!(root(""), Ok(String::new()));
        assert_eq!(root("/"), Ok(String::new()));
        assert_eq!(root("/a/b/"), Ok("/a/b".to_owned()));
        for bad in ["a//b", "../a", "a b", "a?b", "{x}", "é"] {
            assert_eq!(root(bad), Err(BadOptions::RootPath(bad.to_owned())));
        }
    }
}

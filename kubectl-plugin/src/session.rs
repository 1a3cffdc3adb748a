//! What every verb works with: the way to the cluster (found when it is first needed), output, and who we are.

use jiff::Timestamp;
use kube::Client;
use verdigris_connection::{Connection, ConnectionArgs};
use verdigris_core::action::Who;

use crate::{
    args::Program,
    cluster::Cluster,
    error::{Error, explain_login},
};

/// One run of the program.
pub struct Session {
    connection: ConnectionArgs,
    program: Program,
}

/// The time now: the one place in this program that reads the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a program for people at a terminal: ages and approvals are of now"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

impl Session {
    /// A run with these connection flags, under this name.
    pub const fn new(connection: ConnectionArgs, program: Program) -> Self {
        Self { connection, program }
    }

    /// The name that the program was called by.
    pub const fn program(&self) -> Program {
        self.program
    }

    /// The namespace that the flags ask for.
    pub fn namespace_flag(&self) -> Option<&str> {
        self.connection.namespace.as_deref()
    }

    /// The way to the cluster.
    pub async fn cluster(&self) -> Result<Cluster, Error> {
        let Connection { config, user } = self.connection.connection().await?;
        let namespace = config.default_namespace.clone();
        let address = config.cluster_url.to_string();
        let login = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
        let client =
            Client::try_from(config).map_err(|error| Error::Api(explain_login(&error, login.as_deref())))?;
        Ok(Cluster::new(client, namespace, user, address, self.program))
    }

    /// Who acts: the user as the API server knows them; else, marked as such, as the kubeconfig or the machine does.
    pub async fn who(&self, cluster: &Cluster) -> Who {
        let user = match cluster.whoami().await {
            Some(user) => Some(user),
            None => cluster
                .kubeconfig_user()
                .map(|user| format!("{user} (kubeconfig)"))
                .or_else(|| std::env::var("USER").ok().map(|user| format!("{user} (local)"))),
        };
        Who { user, by: self.program.file().into(), now: now() }
    }
}

//! kubectl's connection flags, and the kubeconfig that they change.

use std::{env, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use kube::config::{
    AuthInfo, Cluster, Config, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo,
    NamedCluster, NamedContext,
};

use crate::{go_bool, go_duration, proxy};

/// For how long an answer that is awaited may be silent, unless `--request-timeout` says less or more; then its connection is
/// given up. Where the other end is gone without a word (a node that lost its network, a load balancer that forgot the
/// connection), a watch looks as if nothing happened in the cluster: for five minutes, were it for kube-runtime alone.
/// kube-apiserver sends each watch a bookmark once a minute, however quiet the cluster is. Where a server sends none, a watch
/// begins anew from where it was, which costs one request.
pub const SILENCE_MAX: Duration = Duration::from_secs(100);

/// kubectl's connection flags, in one table.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Namespace to look in. Default: the context's
    #[arg(long, short = 'n', global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Cluster of the kubeconfig to use
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig to use
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(long, short = 's', global = true, hide_short_help = true, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(long, global = true, hide_short_help = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Name for basic authentication with the API server
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub username: Option<String>,
    /// Password for basic authentication with the API server
    #[arg(long, global = true, hide_short_help = true, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// User to act as
    #[arg(long = "as", global = true, hide_short_help = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to act as; may be given more than once
    #[arg(long, global = true, hide_short_help = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// UID to act as
    #[arg(long, global = true, hide_short_help = true, value_name = "UID")]
    pub as_uid: Option<String>,
    /// Certificate authority's file for the API server
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub certificate_authority: Option<String>,
    /// Client certificate's file for TLS
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub client_certificate: Option<String>,
    /// Client key's file for TLS
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub client_key: Option<String>,
    /// Do not check the API server's certificate
    #[arg(long, global = true, hide_short_help = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, hide_default_value = true, action = ArgAction::Set, value_parser = go_bool::parse, value_name = "BOOL")]
    pub insecure_skip_tls_verify: bool,
    /// Name that the API server's certificate must be for
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Proxy on the way to the API server
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub proxy_url: Option<String>,
    /// How long to wait for one answer: 5s, 2m; 0 waits for ever
    #[arg(long, global = true, hide_short_help = true, value_name = "DURATION", default_value = "0", value_parser = go_duration::parse)]
    pub request_timeout: Duration,
    /// Do not ask for compressed answers
    #[arg(long, global = true, hide_short_help = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, hide_default_value = true, action = ArgAction::Set, value_parser = go_bool::parse, value_name = "BOOL")]
    pub disable_compression: bool,
    /// Accepted for kubectl's sake; nothing is cached
    #[arg(long, global = true, hide_short_help = true, value_name = "DIRECTORY")]
    pub cache_dir: Option<PathBuf>,
}

/// Why no connection could even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// No kubeconfig, no flags, and not inside a cluster.
    #[error(
        "no cluster to talk to: there is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config) and this is not a pod"
    )]
    NoCluster,
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The kubeconfig says something that cannot be used.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(KubeconfigError),
}

/// A way to reach a cluster.
pub struct Connection {
    /// For the client.
    pub config: Config,
    /// The name of the kubeconfig's user.
    pub user: Option<String>,
}

/// What the flags select of a kubeconfig.
struct Chosen {
    user: Option<String>,
    names_proxy: bool,
}

impl From<KubeconfigError> for ConnectionError {
    fn from(error: KubeconfigError) -> Self {
        match error {
            KubeconfigError::ReadConfig(error, path) => Self::Unreadable { path, error },
            error => Self::Kubeconfig(error),
        }
    }
}

impl ConnectionArgs {
    /// Reads the kubeconfig, or finds the cluster around this pod, and applies the flags to it.
    ///
    /// # Errors
    /// If there is neither, or the kubeconfig cannot be used.
    pub async fn connection(&self) -> Result<Connection, ConnectionError> {
        let Some(mut kubeconfig) = self.read()? else {
            let mut config = Config::incluster().map_err(|_| ConnectionError::NoCluster)?;
            self.apply_to_config(&mut config);
            return Ok(Connection { config, user: None });
        };
        let Chosen { user, names_proxy } = self.apply_to_kubeconfig(&mut kubeconfig);
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        if !names_proxy {
            ignore_proxy_where_told(&mut config);
        }
        self.apply_to_config(&mut config);
        Ok(Connection { config, user })
    }

    /// The kubeconfig; `None` if there is none and no flag stands in for it.
    fn read(&self) -> Result<Option<Kubeconfig>, ConnectionError> {
        if let Some(path) = &self.kubeconfig {
            return Ok(Some(Kubeconfig::read_from(path)?));
        }
        match Kubeconfig::read() {
            Ok(found) if !found.contexts.is_empty() => Ok(Some(found)),
            Ok(_) | Err(KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath) => {
                Ok(self.server.is_some().then(Kubeconfig::default))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes what the flags select.
    fn apply_to_kubeconfig(&self, kubeconfig: &mut Kubeconfig) -> Chosen {
        if kubeconfig.contexts.is_empty() {
            add_empty_context(kubeconfig);
        }
        let chosen = self.context.as_ref().or(kubeconfig.current_context.as_ref());
        let context = kubeconfig.contexts.iter().find(|context| Some(&context.name) == chosen);
        let Some(context) = context.and_then(|named| named.context.clone()) else {
            return Chosen { user: None, names_proxy: false };
        };
        let cluster_name = self.cluster.clone().unwrap_or(context.cluster);
        let user_name = self.user.clone().or(context.user).unwrap_or_default();
        let cluster = kubeconfig.clusters.iter_mut().find(|cluster| cluster.name == cluster_name);
        let mut names_proxy = false;
        if let Some(cluster) = cluster.and_then(|named| named.cluster.as_mut()) {
            self.apply_to_cluster(cluster);
            names_proxy = cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty());
        }
        // kubectl accepts a context whose user is not there; flags may make it one.
        if !kubeconfig.auth_infos.iter().any(|user| user.name == user_name) {
            kubeconfig.auth_infos.push(NamedAuthInfo { name: user_name.clone(), ..NamedAuthInfo::default() });
        }
        let users = kubeconfig.auth_infos.iter_mut().filter(|user| user.name == user_name);
        users.for_each(|user| self.apply_to_user(user.auth_info.get_or_insert_with(AuthInfo::default)));
        Chosen { user: Some(user_name).filter(|name| !name.is_empty()), names_proxy }
    }

    fn apply_to_cluster(&self, cluster: &mut Cluster) {
        if let Some(server) = &self.server {
            cluster.server = Some(server.clone());
        }
        if let Some(file) = &self.certificate_authority {
            cluster.certificate_authority = Some(file.clone());
            cluster.certificate_authority_data = None;
        }
        if let Some(url) = &self.proxy_url {
            cluster.proxy_url = Some(url.clone());
        }
        if let Some(name) = &self.tls_server_name {
            cluster.tls_server_name = Some(name.clone());
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
        }
        if self.disable_compression {
            cluster.disable_compression = Some(true);
        }
    }

    fn apply_to_user(&self, user: &mut AuthInfo) {
        if let Some(token) = &self.token {
            user.token = Some(token.clone().into());
            user.exec = None;
            user.auth_provider = None;
        }
        if let Some(name) = &self.username {
            user.username = Some(name.clone());
            user.password = self.password.clone().map(Into::into);
        }
        if let Some(file) = &self.client_certificate {
            user.client_certificate = Some(file.clone());
            user.client_certificate_data = None;
        }
        if let Some(file) = &self.client_key {
            user.client_key = Some(file.clone());
            user.client_key_data = None;
        }
        if let Some(name) = &self.as_user {
            user.impersonate = Some(name.clone());
        }
        if let Some(uid) = &self.as_uid {
            user.impersonate_uid = Some(uid.clone());
        }
        if !self.as_group.is_empty() {
            user.impersonate_groups = Some(self.as_group.clone());
        }
    }

    fn apply_to_config(&self, config: &mut Config) {
        if let Some(namespace) = &self.namespace {
            config.default_namespace.clone_from(namespace);
        }
        config.read_timeout = Some(SILENCE_MAX);
        if !self.request_timeout.is_zero() {
            config.connect_timeout = Some(self.request_timeout);
            config.read_timeout = Some(self.request_timeout);
            config.write_timeout = Some(self.request_timeout);
        }
        // A connection that waited in the pool was not silent: nobody asked.
        config.reset_reader_on_write = true;
    }
}

/// The client library takes a proxy from the environment whatever the cluster's address is.
fn ignore_proxy_where_told(config: &mut Config) {
    let no_proxy = env::var("NO_PROXY").or_else(|_| env::var("no_proxy")).unwrap_or_default();
    if config.cluster_url.host().is_some_and(|host| proxy::bypasses(host, &no_proxy)) {
        config.proxy_url = None;
    }
}

/// `--server` (and perhaps `--token`) without a kubeconfig: one context with nothing in it.
fn add_empty_context(kubeconfig: &mut Kubeconfig) {
    let name = String::from("flags");
    kubeconfig.clusters.push(NamedCluster {
        name: name.clone(),
        cluster: Some(Cluster::default()),
        ..NamedCluster::default()
    });
    kubeconfig.auth_infos.push(NamedAuthInfo {
        name: name.clone(),
        auth_info: Some(AuthInfo::default()),
        ..NamedAuthInfo::default()
    });
    let context = Context { cluster: name.clone(), user: Some(name.clone()), ..Context::default() };
    kubeconfig.contexts.push(NamedContext {
        name: name.clone(),
        context: Some(context),
        ..NamedContext::default()
    });
    kubeconfig.current_context = Some(name);
}

#[cfg(test)]
mod tests;

//! Where a world's API is, and how the parts of the world reach it.

use std::{net::Ipv4Addr, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::Client;
use tokio::net::TcpListener;
use verdigris_playground_apiserver::{http_server::Listening, server::ApiServer};

use super::{USER, now};
use crate::tls::Identity;

/// An API server.
pub struct Place {
    /// Where it listens.
    pub url: String,
    /// What kubectl needs to reach it.
    pub kubeconfig: String,
    /// How the parts of the world reach it.
    pub clients: Clients,
    _embedded: Option<Listening>,
}

/// A client for each part of a world: what each may do is the API's to say.
pub struct Clients {
    /// Whoever looks at the world; it may do everything.
    pub user: Client,
    /// The nodes, and the controllers where the API has none of its own.
    pub cluster: Client,
    /// Our controller.
    pub controller: Client,
    /// The dashboard.
    pub dashboard: Client,
}

impl Place {
    /// An API server that runs elsewhere.
    pub fn elsewhere(url: String, kubeconfig: String, clients: Clients) -> Self {
        Self { url, kubeconfig, clients, _embedded: None }
    }

    /// The embedded API server with our CRD, listening on this port; 0 takes a free one.
    pub(super) async fn embedded(
        port: u16,
        token: &str,
        kubelet_token: &str,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let server = ApiServer::new(Arc::new(now), seed);
        server.introduce_to_kubelets(kubelet_token.to_owned());
        let applied = server.apply_crd(verdigris_crds::manifest::ROLLOUT_YAML);
        applied.map_err(|error| anyhow::anyhow!("applying the CRD of Rollouts: {error:?}"))?;
        for yaml in verdigris_crds::manifest::ANALYSIS_YAMLS {
            let applied = server.apply_crd(yaml);
            applied.map_err(|error| anyhow::anyhow!("applying a CRD of analyses: {error:?}"))?;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("listening on port {port} for the API"))?;
        let identity = Identity::new()?;
        let api = server.serve(identity.listen(listener), token)?;
        let clients = Clients {
            user: server.client(),
            cluster: server.client_named("verdigris-playground-cluster"),
            controller: server.client_named("verdigris-controller"),
            dashboard: server.client_named("verdigris-dashboard"),
        };
        Ok(Self {
            url: format!("https://{}", api.address()),
            kubeconfig: kubeconfig(api.address(), &identity.authority_pem, token),
            clients,
            _embedded: Some(api),
        })
    }
}

fn kubeconfig(address: SocketAddr, authority_pem: &str, token: &str) -> String {
    let authority = STANDARD.encode(authority_pem);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: playground\n\
         clusters:\n- name: playground\n  cluster:\n    server: https://{address}\n    \
         certificate-authority-data: {authority}\n\
         users:\n- name: {USER}\n  user:\n    token: {token}\n\
         contexts:\n- name: playground\n  context: {{cluster: playground, user: {USER}}}\n"
    )
}

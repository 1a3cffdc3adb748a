//! Where a world's API is, and how the parts of the world reach it.

use std::{net::Ipv4Addr, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
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
    let authority = base64(authority_pem.as_bytes());
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: playground\n\
         clusters:\n- name: playground\n  cluster:\n    server: https://{address}\n    \
         certificate-authority-data: {authority}\n\
         users:\n- name: {USER}\n  user:\n    token: {token}\n\
         contexts:\n- name: playground\n  context: {{cluster: playground, user: {USER}}}\n"
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|index| u32::from(chunk.get(index).copied().unwrap_or_default()));
        let group = a << 16 | b << 8 | c;
        for index in 0..4 {
            let sextet = group >> (18 - 6 * index) & 63;
            let absent = index > chunk.len();
            text.push(if absent { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}

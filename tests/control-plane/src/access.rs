//! Who may ask, and how the API is reached.

use std::path::{Path, PathBuf};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{Error, Result, folder::Folder, identity::Identity};

/// How clients reach the API.
#[derive(Debug)]
pub(crate) struct Access {
    url: String,
    authority_file: String,
    admin_token: String,
    kubeconfig: PathBuf,
}

impl Access {
    pub(crate) const MANAGER_KUBECONFIG: &str = "manager.kubeconfig";

    /// Writes keys, certificates, tokens and kubeconfigs.
    pub(crate) fn write(folder: &Folder, port: u16) -> Result<Self> {
        let identity = Identity::new()?;
        folder.write("authority.crt", &identity.authority)?;
        folder.write("server.crt", &identity.certificate)?;
        folder.write("server.key", &identity.key)?;
        folder.write("tokens.key", &identity.token_key)?;
        folder.write("tokens.pub", &identity.token_public_key)?;
        let (admin, manager) = (secret()?, secret()?);
        folder.write(
            "tokens.csv",
            &format!(
                "{admin},admin,admin,system:masters\n\
                 {manager},system:kube-controller-manager,system:kube-controller-manager\n"
            ),
        )?;
        let url = format!("https://127.0.0.1:{port}");
        let authority_file = folder.text("authority.crt");
        folder.write(Self::MANAGER_KUBECONFIG, &kubeconfig(&url, &authority_file, "manager", &manager))?;
        let kubeconfig = folder.write("kubeconfig", &kubeconfig(&url, &authority_file, "admin", &admin))?;
        Ok(Self { url, authority_file, admin_token: admin, kubeconfig })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig with this token.
    pub(crate) fn kubeconfig_as(&self, user: &str, token: &str) -> String {
        kubeconfig(&self.url, &self.authority_file, user, token)
    }

    pub(crate) async fn client_as(&self, token: &str) -> Result<Client> {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig_as("client", token))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Client::try_from(config)
            .map_err(|source| Error::Api { what: "making a client".into(), source: Box::new(source) })
    }
}

fn secret() -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| Error::Secret(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn kubeconfig(url: &str, authority_file: &str, user: &str, token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
         clusters:\n- name: real\n  cluster:\n    server: {url}\n    certificate-authority: {authority_file}\n\
         users:\n- name: {user}\n  user:\n    token: {token}\n\
         contexts:\n- name: real\n  context: {{cluster: real, user: {user}}}\n"
    )
}

//! The running control plane.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::{authentication::v1::TokenRequest, core::v1::ServiceAccount};
use kube::{Api, Client, api::PostParams};
use tokio::{
    net::TcpStream,
    time::{Duration, Instant, sleep, timeout},
};

use crate::{
    Error, Options, Result, access::Access, arguments, audit, binaries, folder::Folder, ports::Ports,
    process::Process,
};

const ETCD: &str = "etcd";
const APISERVER: &str = "kube-apiserver";
const MANAGER: &str = "kube-controller-manager";
/// How long one program may take until it answers, on a machine that is busy with other tests.
const UP_MAX: Duration = Duration::from_secs(90);
/// How long one question may take while we wait.
const ASK_MAX: Duration = Duration::from_secs(5);
/// How often a start with other ports is tried, if somebody took one of ours in between.
const STARTS_MAX: u32 = 4;

/// A running control plane. Dropping it ends everything; so does the end of this process, of whatever kind.
#[derive(Debug)]
pub struct ControlPlane {
    // In this order: no program may write into a folder that is being removed.
    manager: Mutex<Option<Process>>,
    apiserver: Mutex<Option<Process>>,
    etcd: Mutex<Option<Process>>,
    access: Access,
    ports: Ports,
    options: Options,
    folder: Folder,
}

impl ControlPlane {
    /// Starts one, and waits until it answers and, if it is to make ServiceAccounts, has made the first.
    ///
    /// # Errors
    /// If a program is missing, ends early or does not answer in time. The error has the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(options.clone()).await {
                Err(Error::Ended { log, .. })
                    if log.contains("address already in use") && options.port == 0 && tries < STARTS_MAX =>
                {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_start(options: Options) -> Result<Self> {
        let folder = Folder::new()?;
        let mut ports = Ports::free()?;
        if options.port != 0 {
            ports.api = options.port;
        }
        let access = Access::write(&folder, ports.api)?;
        folder.write("audit-policy.yaml", audit::POLICY)?;
        let plane = Self {
            manager: Mutex::new(None),
            apiserver: Mutex::new(None),
            etcd: Mutex::new(None),
            access,
            ports,
            options,
            folder,
        };
        plane.start_etcd().await?;
        plane.start_apiserver().await?;
        plane.start_manager().await?;
        Ok(plane)
    }

    /// Where the API is: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        self.access.url()
    }

    /// The token of a user in `system:masters`.
    pub fn admin_token(&self) -> &str {
        self.access.admin_token()
    }

    /// A kubeconfig with that token.
    pub fn kubeconfig(&self) -> &Path {
        self.access.kubeconfig()
    }

    /// The text of a kubeconfig with this token.
    pub fn kubeconfig_as(&self, user: &str, token: &str) -> String {
        self.access.kubeconfig_as(user, token)
    }

    /// The folder with everything that belongs to this control plane: removed with it, however that ends.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where etcd answers: `http://127.0.0.1:PORT`.
    pub fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.etcd)
    }

    /// A client with all rights.
    ///
    /// # Errors
    /// If our own kubeconfig is not understood.
    pub async fn client(&self) -> Result<Client> {
        self.client_as(self.admin_token()).await
    }

    /// A client with this token.
    ///
    /// # Errors
    /// If our own kubeconfig is not understood.
    pub async fn client_as(&self, token: &str) -> Result<Client> {
        self.access.client_as(token).await
    }

    /// A token of a ServiceAccount, as its pods get one.
    ///
    /// # Errors
    /// If there is no such ServiceAccount.
    pub async fn service_account_token(&self, namespace: &str, name: &str) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let request = TokenRequest::default();
        let made = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let made = made.map_err(|source| Error::Api {
            what: format!("requesting a token of the ServiceAccount {namespace}/{name}"),
            source: Box::new(source),
        })?;
        Ok(made.status.and_then(|status| status.token).unwrap_or_default())
    }

    /// All requests that were answered so far; empty without [`Options::audit`].
    ///
    /// # Errors
    /// If the log is not what Kubernetes writes.
    pub fn audit(&self) -> Result<Vec<audit::Entry>> {
        let path = self.folder.join("audit.log");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::File { what: "reading", path, source }),
        };
        audit::parse(&text)
    }

    /// The log of a program: `etcd`, `kube-apiserver` or `kube-controller-manager`.
    pub fn log(&self, program: &str) -> PathBuf {
        self.folder.join(&format!("{program}.log"))
    }

    /// Whether all that was started still runs: a test that waits asks, so as not to wait for what cannot come.
    ///
    /// # Errors
    /// Which program ended, and its last words.
    pub fn still_runs(&self, waited_for: &str) -> Result<()> {
        let manager = (!self.options.controllers.is_empty()).then_some((&self.manager, MANAGER));
        let programs = [Some((&self.etcd, ETCD)), Some((&self.apiserver, APISERVER)), manager];
        for (place, name) in programs.into_iter().flatten() {
            match lock(place).as_mut() {
                Some(process) => process.still_runs(waited_for)?,
                None => return Err(Error::Stopped { name, waited_for: waited_for.to_owned() }),
            }
        }
        Ok(())
    }

    /// Kills etcd: from now on the API can neither read nor write.
    pub fn stop_etcd(&self) {
        drop(lock(&self.etcd).take());
    }

    /// Starts etcd, with what it held, if it does not run.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start_etcd(&self) -> Result<()> {
        self.launch(&self.etcd, ETCD, &arguments::etcd(&self.folder, self.ports))?;
        let address = format!("127.0.0.1:{}", self.ports.etcd);
        wait_for("etcd to listen", || {
            let address = address.clone();
            async move {
                still_runs(&self.etcd, "etcd to listen")?;
                Ok(TcpStream::connect(&address).await.map(drop).map_err(|error| error.to_string()))
            }
        })
        .await
    }

    /// Kills kube-apiserver.
    pub fn stop_apiserver(&self) {
        drop(lock(&self.apiserver).take());
    }

    /// Starts kube-apiserver, at the same address, if it does not run, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start_apiserver(&self) -> Result<()> {
        let arguments = arguments::apiserver(&self.folder, self.ports, &self.options);
        self.launch(&self.apiserver, APISERVER, &arguments)?;
        let client = self.client().await?;
        wait_for("kube-apiserver to be ready", || {
            let client = client.clone();
            async move {
                still_runs(&self.apiserver, "kube-apiserver to be ready")?;
                let ready = http::Request::get("/readyz").body(Vec::new());
                let ready = ready.map_err(kube::Error::HttpError);
                Ok(match ready {
                    Ok(request) => client.request_text(request).await.map(drop).map_err(|e| e.to_string()),
                    Err(error) => Err(error.to_string()),
                })
            }
        })
        .await
    }

    /// Kills kube-apiserver and starts it again, at the same address.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn restart_apiserver(&self) -> Result<()> {
        self.stop_apiserver();
        self.start_apiserver().await
    }

    async fn start_manager(&self) -> Result<()> {
        if self.options.controllers.is_empty() {
            return Ok(());
        }
        let arguments = arguments::manager(&self.folder, self.ports, &self.options);
        self.launch(&self.manager, MANAGER, &arguments)?;
        if !self.options.makes_service_accounts() {
            return Ok(());
        }
        let waited_for = "kube-controller-manager to make the ServiceAccount default/default";
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, "default");
        wait_for(waited_for, || {
            let accounts = accounts.clone();
            async move {
                still_runs(&self.manager, waited_for)?;
                Ok(accounts.get("default").await.map(drop).map_err(|error| error.to_string()))
            }
        })
        .await
    }

    fn launch(&self, place: &Mutex<Option<Process>>, name: &'static str, arguments: &[String]) -> Result<()> {
        let mut place = lock(place);
        if place.is_none() {
            *place = Some(Process::start(name, &binaries::find(name)?, arguments, &self.log(name))?);
        }
        Ok(())
    }
}

/// A panic elsewhere leaves a process that runs or none; both are fine.
fn lock(place: &Mutex<Option<Process>>) -> MutexGuard<'_, Option<Process>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn still_runs(place: &Mutex<Option<Process>>, waited_for: &str) -> Result<()> {
    lock(place).as_mut().map_or(Ok(()), |process| process.still_runs(waited_for))
}

/// Asks until the answer is good. `ask` gives an outer error if there is no point in waiting.
async fn wait_for<F>(what: &str, mut ask: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<std::result::Result<(), String>>>,
{
    let end = Instant::now() + UP_MAX;
    let mut last = "nothing".to_owned();
    while Instant::now() < end {
        match timeout(ASK_MAX, ask()).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(seen))) => last = seen,
            Ok(Err(error)) => return Err(error),
            Err(_) => last = format!("no answer within {ASK_MAX:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(Error::TooLate { waited_for: what.into(), within: UP_MAX, last })
}

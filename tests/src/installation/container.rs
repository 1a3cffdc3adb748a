//! A container as a kubelet starts it, without a container runtime.

use std::{
    collections::BTreeSet,
    fs::File,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::{Duration, timeout},
};

use super::{image::Image, run::run};

/// Where programs find who they are.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

/// What a kubelet gives to a container besides its image.
pub struct Surroundings {
    /// `IP:PORT` of the API.
    pub api: String,
    /// The certificate that the API's is checked with.
    pub authority: String,
    /// The account's token.
    pub token: String,
    /// Arguments that take the place of a network of its own: all containers here share the machine's.
    pub ports: Vec<String>,
}

/// A running container. Dropping it kills it.
pub struct Container {
    process: Child,
    root: PathBuf,
    log: PathBuf,
    before: BTreeSet<PathBuf>,
    grace: Duration,
}

impl Container {
    /// Starts the container of this pod, which has one: its image in a root of its own, command, arguments, environment and
    /// user as the pod has them.
    ///
    /// # Errors
    /// If the pod wants what is not here, or this machine lets nobody change the root.
    pub async fn start(pod: &Value, image: &Image, given: &Surroundings, folder: &Path) -> Result<Self> {
        let name = pod["metadata"]["name"].as_str().context("a pod without a name")?;
        let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
        let wanted = container["image"].as_str().unwrap_or_default();
        ensure!(
            image.is_meant_by(wanted),
            "the pod {name} wants the image {wanted:?}, not {}",
            image.reference()
        );
        let root = folder.join(format!("{name}.root"));
        image.unpack(&root).await?;
        give_account(pod, given, &root)?;
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let mut command = in_root(&root, user(spec, container)?);
        command
            .args(
                strings(&container["command"])
                    .unwrap_or(strings(&image.config()["Entrypoint"]).unwrap_or_default()),
            )
            .args(strings(&container["args"]).unwrap_or_default())
            .args(&given.ports)
            .env_clear()
            .envs(environment(pod, container, &given.api)?)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true);
        let before = files(&root)?;
        let process = command.spawn().with_context(|| format!("starting {:?}", command.as_std()))?;
        let grace = spec["terminationGracePeriodSeconds"].as_u64().context("a pod without a grace period")?;
        Ok(Self { process, root, log, before, grace: Duration::from_secs(grace) })
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// How it ended, and what it said.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the container ended: {status}\n{}", self.said()),
        }
    }

    /// Ends it as a kubelet does, and gives what it said in its life.
    ///
    /// # Errors
    /// If it had to be killed, ended badly, or wrote into its root, which is read-only in a cluster.
    pub async fn stop(mut self) -> Result<String> {
        self.still_runs()?;
        let id = self.process.id().context("the container ended")?.to_string();
        run(Command::new("kill").args(["-TERM", &id])).await?;
        let ended = timeout(self.grace, self.process.wait()).await;
        let status: ExitStatus =
            ended.with_context(|| format!("it did not end within {:?}", self.grace))??;
        ensure!(status.success(), "the container ended badly: {status}\n{}", self.said());
        let after = files(&self.root)?;
        ensure!(after == self.before, "it wrote: {:?}", after.difference(&self.before));
        Ok(self.said())
    }
}

/// A command that runs what follows in this root, as this user and without any group or capability.
///
/// Root may do that; others may where the system lets them have a namespace of users.
fn in_root(root: &Path, user: u64) -> Command {
    if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={user}:{user}")).arg("--groups=").arg(root);
        command
    } else {
        let mut command = Command::new("unshare");
        command.arg("--user").arg(format!("--map-user={user}")).arg(format!("--map-group={user}"));
        command.arg(format!("--root={}", root.display())).arg("--wd=/");
        command
    }
}

/// The number that the pod names: an image that only knows a name could be anybody.
fn user(spec: &Value, container: &Value) -> Result<u64> {
    let own = &container["securityContext"]["runAsUser"];
    let user = own.as_u64().or_else(|| spec["securityContext"]["runAsUser"].as_u64());
    user.context("the pod does not say as which user it runs")
}

/// Token, authority and namespace, where the pod mounts them.
fn give_account(pod: &Value, given: &Surroundings, root: &Path) -> Result<()> {
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().into_iter().flatten();
    let mut paths = mounts.filter_map(|mount| mount["mountPath"].as_str());
    ensure!(paths.any(|path| path == format!("/{ACCOUNT}")), "the pod does not mount its account's token");
    let folder = root.join(ACCOUNT);
    std::fs::create_dir_all(&folder).context("making the account's folder")?;
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    for (name, text) in [("token", &*given.token), ("ca.crt", &*given.authority), ("namespace", namespace)] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// What a container runtime sets, what a kubelet sets, and what the pod sets.
fn environment(pod: &Value, container: &Value, api: &str) -> Result<Vec<(String, String)>> {
    let (host, port) = api.rsplit_once(':').context("an address without a port")?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let fixed = [
        ("PATH", path),
        ("HOME", "/"),
        ("HOSTNAME", name),
        ("KUBERNETES_SERVICE_HOST", host),
        ("KUBERNETES_SERVICE_PORT", port),
    ];
    let mut all: Vec<(String, String)> =
        fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().context("a variable without a name")?;
        let field = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
        let value = match field {
            None => &variable["value"],
            Some(path) => pod
                .pointer(&format!("/{}", path.replace('.', "/")))
                .with_context(|| format!("{name} is made from {path}, which the pod does not have"))?,
        };
        all.push((name.to_owned(), value.as_str().unwrap_or_default().to_owned()));
    }
    Ok(all)
}

fn strings(list: &Value) -> Option<Vec<String>> {
    let list = list.as_array()?;
    Some(list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path.clone());
            }
            found.insert(path);
        }
    }
    Ok(found)
}

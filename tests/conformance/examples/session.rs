//! Records what a client asks a real server, as a story.
//!
//! `cargo run -p verdigris-conformance --example session -- NAME COMMAND [ARGUMENT ...]` runs the command with a kubeconfig
//! that leads through the proxy, and writes `exchanges/sessions/NAME.http`. The example `record` then adds the answers.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use kube::{Api, api::PostParams};
use serde_json::json;
use tokio::{process::Command, time::timeout};
use verdigris_conformance::{
    proxy::{Proxy, story},
    server::{Controllers, Server},
    stories,
};

/// The longest that a client may run.
const CLIENT_MAX: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().context("say the name of the session")?;
    let program = arguments.next().context("say the command that is to be recorded")?;
    let server = Server::real(Controllers::Workloads).await?;
    stories::prepare(&server).await?;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(server.client());
    let namespace = serde_json::from_value(json!({"metadata": {"name": story::NAMESPACE}}))?;
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .context("creating the namespace of a session")?;
    let folder = std::env::temp_dir().join(format!("verdigris-session-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
    let proxy = Proxy::start(&server, &folder).await?;
    let mut client = Command::new(&program);
    client.args(arguments).env("KUBECONFIG", proxy.kubeconfig()).env("HOME", &folder).kill_on_drop(true);
    let ended = timeout(CLIENT_MAX, client.status()).await.context("the client did not end")?;
    let ended = ended.with_context(|| format!("running {program}"))?;
    let noted = proxy.noted();
    println!("{program} ended with {ended} after {} requests", noted.len());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("exchanges/sessions/{name}.http"));
    let about = format!("What {name} asks, recorded in front of a real server; each shape of request once.");
    fs::create_dir_all(file.parent().context("the folder of sessions")?)?;
    fs::write(&file, story::written(&about, &noted))?;
    fs::remove_dir_all(&folder)?;
    println!("wrote {}", file.display());
    Ok(())
}

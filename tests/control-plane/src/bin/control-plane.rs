//! A control plane to try things on: prints what kubectl needs, and ends with Enter or Ctrl-C.

use verdigris_control_plane::{ControlPlane, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> verdigris_control_plane::Result<()> {
    let plane = ControlPlane::start(Options::default().audited()).await?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    println!("logs and audit.log: {}", plane.folder().display());
    let [api, etcd] =
        [plane.url(), &plane.etcd_url()].map(|url| url.split("://").last().unwrap_or_default().to_owned());
    println!("it is up: {} {api} {etcd}", plane.folder().display());
    let mut line = String::new();
    // Whether there was a line or an end, it is the end.
    let _ = std::io::stdin().read_line(&mut line);
    Ok(())
}

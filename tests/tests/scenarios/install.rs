//! Every way to install gives a controller that releases: manifests, rights, flags, account and image, proven together. There
//! is no container runtime here; pods are Kubernetes' own, made from what was installed, and our containers are processes in
//! the root that the image gives, with the pod's arguments, user and token.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Duration,
};
use verdigris_tests::installation::{Container, Site};

const NAMESPACE: &str = "verdigris";
const CONTROLLER: &str = "verdigris-controller";
const DASHBOARD: &str = "verdigris-dashboard";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/verdigris/deployments/verdigris-controller";
/// Long enough that a proxy which still knows the old pods is met.
const PROXIES_FOLLOW_LATE: Duration = Duration::from_millis(200);
/// Where the app is that outlives the installations.
const SHOP: &str = "shop";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_install_gives_a_controller_that_releases_on_a_real_kubernetes() {
    let mut site = Site::start().await.expect("a Kubernetes and a registry");
    the_image_says_who_it_is(&site).expect("the image");
    by_helm(&mut site).await.expect("installed by Helm");
    by_manifest(&site).await.expect("installed by install.yaml");
    the_dashboard(&site).await.expect("the dashboard");
    for_one_namespace(&site).await.expect("installed by namespace-install.yaml");
}

fn the_image_says_who_it_is(site: &Site) -> Result<()> {
    let config = site.controller().config();
    ensure!(config["User"] == "65532:65532", "a name is nothing that runAsNonRoot can check: {config}");
    ensure!(config["Entrypoint"] == serde_json::json!(["/verdigris-controller"]), "{config}");
    for label in ["title", "version", "licenses", "created", "revision"] {
        let label = format!("org.opencontainers.image.{label}");
        ensure!(config["Labels"][&label].is_string(), "no label {label}: {config}");
    }
    Ok(())
}

/// From a registry; then another configuration, one that is refused, and back; and what is left at the end.
async fn by_helm(site: &mut Site) -> Result<()> {
    let charts = format!("oci://{}/charts", site.registry().address());
    for chart in ["verdigris-crds", "verdigris"] {
        let folder = site.folder().join("packages");
        let package = folder.join(format!("{chart}-{}.tgz", env!("CARGO_PKG_VERSION")));
        let source = format!("charts/helm/{chart}");
        site.helm(&["package", &source, "--destination", &folder.to_string_lossy()]).await?;
        site.helm(&["push", &package.to_string_lossy(), &charts, "--plain-http"]).await?;
    }
    let (definitions, chart) = (format!("{charts}/verdigris-crds"), format!("{charts}/verdigris"));
    let at = ["--plain-http", "--namespace", NAMESPACE, "--create-namespace"];
    site.helm(&[&["install", "verdigris-crds", &definitions], &at[..]].concat()).await?;
    site.kubectl(&["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]).await?;
    site.start_nodes(PROXIES_FOLLOW_LATE).await?;
    let image = format!("--set=image.repository={}/{CONTROLLER}", site.registry().address());
    let wait = ["--wait", "--timeout=90s"];
    site.helm(&[&["install", "verdigris", &chart, &image], &at[..], &wait].concat()).await?;

    site.kubectl(&["create", "namespace", SHOP]).await?;
    let controller = site.run(NAMESPACE, CONTROLLER).await?;
    releases(site, SHOP, ("v1", "v2")).await?;
    let before = running(site).await?;

    let upgrade =
        ["upgrade", "verdigris", &chart, "--reuse-values", "--plain-http", "--namespace", NAMESPACE];
    site.helm(&[&upgrade[..], &wait, &["--set=log.level=debug"]].concat()).await?;
    ensure!(flags(site).await?.contains("--loglevel"), "the upgrade did not change the flags");
    let refused = site.helm(&[&upgrade[..], &["--set=replicas=many"]].concat()).await;
    let complaint = refused.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(complaint.contains("at '/replicas': got string, want integer"), "{complaint}");
    ends_well(controller).await?;
    let controller = site.run(NAMESPACE, CONTROLLER).await?;
    site.helm(&[&["rollback", "verdigris", "1", "--namespace", NAMESPACE], &wait[..]].concat()).await?;
    ensure!(!flags(site).await?.contains("--loglevel"), "the rollback did not change the flags back");
    ends_well(controller).await?;
    site.nothing_was_refused_to(NAMESPACE, CONTROLLER)?;

    for release in ["verdigris", "verdigris-crds"] {
        site.helm(&["uninstall", release, "--namespace", NAMESPACE, "--wait"]).await?;
    }
    ensure!(site.get(DEPLOYMENT).await?.is_none(), "the Deployment is still there");
    ensure!(
        running(site).await? == before,
        "upgrading, rolling back or uninstalling restarted pods of the app"
    );
    Ok(())
}

/// Over what Helm has left.
async fn by_manifest(site: &Site) -> Result<()> {
    site.kubectl(&["apply", "--filename", "charts/install.yaml"]).await?;
    let controller = site.run(NAMESPACE, CONTROLLER).await?;
    let before = running(site).await?;
    releases(site, SHOP, ("v2", "v3")).await?;
    ensure!(running(site).await?.is_disjoint(&before), "v2 is still there");
    ends_well(controller).await?;
    site.nothing_was_refused_to(NAMESPACE, CONTROLLER)?;
    pods_that_may_more_are_refused(site).await
}

/// What our pods pass is really asked of them.
async fn pods_that_may_more_are_refused(site: &Site) -> Result<()> {
    site.kubectl(&["create", "deployment", "careless", "--image=careless", "--namespace", NAMESPACE]).await?;
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/careless");
    let look = async || {
        let careless = site.get(&path).await.map_err(|error| error.to_string())?.unwrap_or_default();
        let status = careless["status"].to_string();
        if status.contains("violates PodSecurity \\\"restricted:latest\\\"") { Ok(()) } else { Err(status) }
    };
    site.comes_to("Kubernetes to refuse the pods of a careless Deployment", look).await
}

async fn the_dashboard(site: &Site) -> Result<()> {
    site.kubectl(&["apply", "--filename", "charts/dashboard-install.yaml"]).await?;
    let dashboard = site.run(NAMESPACE, DASHBOARD).await?;
    let look = async || {
        let said = dashboard.said();
        let url = said.split_once("The dashboard is at http://").and_then(|(_, rest)| rest.split(' ').next());
        let (address, path) = url.and_then(|url| url.split_once('/')).ok_or_else(|| said.clone())?;
        let page = page(address, path).await.map_err(|error| error.to_string())?;
        if page.contains(&format!("/rollout/{SHOP}/web")) { Ok(()) } else { Err(page) }
    };
    site.comes_to("the dashboard to show the Rollout", look).await?;
    ends_well(dashboard).await?;
    site.nothing_was_refused_to(NAMESPACE, DASHBOARD)
}

/// With rights in that namespace, and none of those for the cluster left.
async fn for_one_namespace(site: &Site) -> Result<()> {
    site.kubectl(&["delete", "clusterrolebinding", CONTROLLER]).await?;
    site.kubectl(&["delete", "deployment", CONTROLLER, "--namespace", NAMESPACE]).await?;
    site.kubectl(&["apply", "--kustomize", "charts/kustomize/crds"]).await?;
    site.kubectl(&["label", "namespace", SHOP, "pod-security.kubernetes.io/warn=restricted"]).await?;
    site.kubectl(&["apply", "--filename", "charts/namespace-install.yaml", "--namespace", SHOP]).await?;
    let controller = site.run(SHOP, CONTROLLER).await?;
    releases(site, SHOP, ("v3", "v4")).await?;
    ends_well(controller).await?;
    site.nothing_was_refused_to(SHOP, CONTROLLER)
}

async fn releases(site: &Site, namespace: &str, versions: (&str, &str)) -> Result<()> {
    let report = site.release(namespace, versions).await?;
    ensure!(report.failed == 0, "{report}");
    Ok(())
}

async fn ends_well(container: Container) -> Result<()> {
    let said = container.stop().await?;
    ensure!(!said.contains("panicked"), "{said}");
    Ok(())
}

/// The uids of the pods of the app's promoted version.
async fn running(site: &Site) -> Result<std::collections::BTreeSet<String>> {
    let rollout = site.get(&format!("/apis/argoproj.io/v1alpha1/namespaces/{SHOP}/rollouts/web")).await?;
    let rollout = rollout.context("the Rollout is gone")?;
    let hash = rollout["status"]["stableRS"].as_str().context("nothing is promoted")?;
    let selector = format!("rollouts-pod-template-hash%3D{hash}");
    let pods = site.get(&format!("/api/v1/namespaces/{SHOP}/pods?labelSelector={selector}")).await?;
    let pods = pods.context("no list of pods")?["items"].as_array().cloned().unwrap_or_default();
    ensure!(!pods.is_empty(), "the app has no pods");
    Ok(pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str().map(str::to_owned)).collect())
}

async fn flags(site: &Site) -> Result<String> {
    let deployment = site.get(DEPLOYMENT).await?.context("no Deployment")?;
    let args: &Value = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    Ok(args.to_string())
}

async fn page(address: &str, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    connection.read_to_string(&mut page).await?;
    Ok(page)
}

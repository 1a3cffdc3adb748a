//! What the playground prints when it is up: where things are, and what to do next.

use std::{collections::BTreeMap, io::Write};

use crate::{
    home::Home,
    tour::{NAMESPACE, PREVIEW, ROLLOUT},
    world::World,
};

/// What is running.
pub(crate) fn welcome(world: &World, out: &mut impl Write) {
    let milliseconds = world.started().as_millis();
    say(out, &format!("Kubernetes API, cluster, controller and dashboard are up ({milliseconds} ms)."));
    say(out, &format!("  API         {}", world.api()));
    say(out, &format!("  dashboard   {}", world.dashboard().url()));
}

/// The tour, to be played by hand.
pub(crate) fn next(world: &World, home: &Home, out: &mut impl Write) {
    let (kubeconfig, bin, superapi) = (home.kubeconfig(), home.bin(), home.superapi());
    let (kubeconfig, bin, superapi) = (kubeconfig.display(), bin.display(), superapi.display());
    let place = format!("{ROLLOUT} -n {NAMESPACE}");
    say(
        out,
        &format!(
            "
In another terminal:
  export KUBECONFIG={kubeconfig}
  export PATH={bin}:$PATH        # kubectl rollouts, kubectl argo rollouts

The tour, one by one (`verdigris-playground tour` plays it for you):
  kubectl apply -k {superapi}                                   # deploy version 1
  kubectl rollouts get rollout {place} -w       # watch it; leave this running
  sed -i 's/from v1/from v2/' {superapi}/kustomization.yaml
  kubectl apply -k {superapi}                                   # version 2 comes up in preview, paused
  kubectl port-forward service/{PREVIEW} 8081:80 -n {NAMESPACE}   # look at it: http://localhost:8081
  kubectl rollouts promote {place}              # or in the dashboard
  kubectl rollouts undo {place}                 # the old version, in preview; promote it too
  kubectl rollouts undo {place} --now           # one step back, while the other is warm

(kubectl logs, exec and port-forward work as on any cluster.)
Services, as they appear (Ctrl-C ends everything, dashboard {}):",
            world.dashboard().url()
        ),
    );
}

/// Prints the address of each Service as it appears. Never ends.
pub(crate) async fn services(world: &World, out: &mut impl Write) {
    let Some(proxy) = world.proxy() else { return std::future::pending().await };
    let mut changes = proxy.changes();
    let mut shown = BTreeMap::new();
    loop {
        changes.mark_unchanged();
        let now = proxy.addresses();
        for ((service, port), address) in &now {
            if shown.get(&(service.clone(), *port)) != Some(address) {
                say(out, &format!("  {service} port {port}   http://{address}"));
            }
        }
        shown = now;
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// A reader who has gone away does not stop the playground.
fn say(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

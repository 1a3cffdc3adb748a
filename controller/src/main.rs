//! `verdigris-controller`: the controller as a program, in a cluster or beside one.

mod args;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use futures::FutureExt;
use tracing::{info, warn};
use verdigris_controller::{
    Controller, Options, Ports, SystemClock, connect,
    health::{self, Health},
    http::Listening,
    lease::{
        Elector, Fence, Lookout, Place, elect_and_run,
        place::{self, BadName},
    },
    logging::{self, Format, Switch},
    metrics::{Metrics, scrape},
};

use args::{Args, LogFormat};

/// Where a pod is told the namespace of its service account.
const ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Where Linux says what the machine is called; a pod is called by its name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

fn main() -> ExitCode {
    let is_set = |variable: &str| std::env::var_os(variable).is_some();
    let args = match args::parse(std::env::args_os(), is_set) {
        Ok(args) => args,
        Err(message) => return message.print(),
    };
    let log = log(&args);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.context("starting").and_then(|runtime| runtime.block_on(run(args, log)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, log: Switch) -> anyhow::Result<()> {
    for sentence in &args.without_effect {
        warn!("{sentence}");
    }
    let metrics = Arc::new(Metrics::default());
    let requests = Arc::clone(&metrics.requests);
    let (client, namespace) = connect::connect_counted(&args.connection, requests).await?;
    let options = Options { installed_in: installed_in(), ..args.options(namespace) };
    // The dice only spread reconnects, so the time of the start is random enough.
    let ports = Ports { client, clock: Arc::new(SystemClock), dice: fastrand::Rng::with_seed(seed()) };
    let stop = stop_signal().context("listening for signals")?;
    let for_health = Listening::on(args.healthz_port, "health", "--healthzPort").await?;
    let for_metrics = Listening::on(args.metrics_port, "metrics", "--metricsPort").await?;
    let scope = options.namespace.clone();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        namespace = options.namespace.as_deref().unwrap_or("all"),
        instance_id = options.instance_id.as_deref().unwrap_or("none"),
        observe = options.observe,
        "verdigris-controller started"
    );
    let controller = Controller::new(ports, options).measured_by(Arc::clone(&metrics));
    let health = controller.health();
    let health_page = for_health.serve(health::router(Arc::clone(&health)), std::future::pending());
    let pages = scrape::router(Arc::clone(&metrics)).merge(logging::router(log));
    let metrics_page = for_metrics.serve(pages, std::future::pending());
    let lookout = if args.leader_elect || args.observe {
        None
    } else {
        lookout(&args, scope, &metrics, &health).await?
    };
    // Who only looks on needs no leave to do so, and would keep others from working.
    let working = if args.leader_elect && !args.observe {
        let (elector, fence) = elector(&args, &metrics, health).await?;
        elect_and_run(controller.behind(fence), elector, stop).boxed()
    } else {
        controller.run(stop).boxed()
    };
    let lookout = async {
        match lookout {
            Some(lookout) => lookout.run().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! { biased;
        () = working => {}
        () = lookout => {}
        () = health_page => {}
        () = metrics_page => {}
    }
    info!("stopped");
    Ok(())
}

async fn elector(args: &Args, metrics: &Metrics, health: Arc<Health>) -> anyhow::Result<(Elector, Fence)> {
    // A client of its own: no renewal waits behind anything else.
    let requests = Arc::clone(&metrics.requests);
    let (client, _) = connect::connect_counted(&args.connection, requests).await?;
    let who = (place(args)?, identity()?, args.timing());
    Ok(Elector::new(client, who, Arc::new(SystemClock), health))
}

/// Whoever does not elect looks whether others work as well, where they can be looked for.
async fn lookout(
    args: &Args,
    scope: Option<String>,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
) -> anyhow::Result<Option<Lookout>> {
    let place = match place(args) {
        Ok(place) => place,
        Err(error) => {
            warn!(%error, "would not notice if another controller worked here as well");
            return Ok(None);
        }
    };
    let requests = Arc::clone(&metrics.requests);
    let (client, _) = connect::connect_counted(&args.connection, requests).await?;
    let told = (Arc::clone(health), Arc::clone(metrics));
    Ok(Some(Lookout::new(&client, (place, scope, identity()?), Arc::new(SystemClock), told)))
}

fn place(args: &Args) -> Result<Place, BadName> {
    let mounted = std::fs::read_to_string(ACCOUNT_NAMESPACE).ok();
    let id = Some(args.instance_id.as_str()).filter(|id| !id.is_empty());
    Place::of(id, std::env::var("POD_NAMESPACE").ok(), mounted)
}

fn identity() -> anyhow::Result<String> {
    let host = std::fs::read_to_string(HOST_NAME).ok().or_else(|| std::env::var("HOSTNAME").ok());
    let mut drawn = [0; 16];
    getrandom::fill(&mut drawn).map_err(|error| anyhow::anyhow!("drawing an identity: {error}"))?;
    Ok(place::identity(host, drawn))
}

/// The namespace of the pod that this is, if it is one: what the manifest says, else the service account's.
fn installed_in() -> Option<String> {
    let said = std::env::var("POD_NAMESPACE").ok();
    let mounted = || std::fs::read_to_string(ACCOUNT_NAMESPACE).ok();
    let namespace = said.filter(|text| !text.trim().is_empty()).or_else(mounted)?;
    Some(namespace.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the edge of the program is where dice are seeded")]
fn seed() -> u64 {
    fastrand::u64(..)
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn log(args: &Args) -> Switch {
    let format = match args.logformat {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    logging::start(&args.loglevel.to_string(), format)
}

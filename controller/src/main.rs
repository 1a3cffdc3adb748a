//! `verdigris-controller`: the controller as a program, in a cluster or beside one.

mod args;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use tracing::{info, warn};
use verdigris_controller::{Controller, Ports, SystemClock, connect};

use args::{Args, LogFormat};

fn main() -> ExitCode {
    let is_set = |variable: &str| std::env::var_os(variable).is_some();
    let args = match args::parse(std::env::args_os(), is_set) {
        Ok(args) => args,
        Err(message) => return message.print(),
    };
    log(&args);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.context("starting").and_then(|runtime| runtime.block_on(run(args)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    for sentence in &args.without_effect {
        warn!("{sentence}");
    }
    let (client, namespace) = connect::connect(&args.connection).await?;
    let options = args.options(namespace);
    // The dice only spread reconnects, so the time of the start is random enough.
    let ports = Ports { client, clock: Arc::new(SystemClock), dice: fastrand::Rng::with_seed(seed()) };
    let stop = stop_signal().context("listening for signals")?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        namespace = options.namespace.as_deref().unwrap_or("all"),
        instance_id = options.instance_id.as_deref().unwrap_or("none"),
        observe = options.observe,
        "verdigris-controller started"
    );
    Controller::new(ports, options).run(stop).await;
    info!("stopped");
    Ok(())
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

fn log(args: &Args) {
    // kube tells every failed request by itself; the controller says what matters of them.
    let filter = tracing_subscriber::EnvFilter::new(format!("off,verdigris_controller={}", args.loglevel));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    match args.logformat {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

//! From the command line to the end, however it comes.

use std::io::stdout;

use anyhow::Context as _;
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    time::Duration,
};

use crate::{
    guide,
    home::Home,
    kubectl::Kubectl,
    options::{Command, Options},
    tour::{self, Stage},
    world::{World, WorldOptions},
};

/// How long tasks may take to end; whatever still hangs then hangs on a socket that nobody reads.
const GOODBYE: Duration = Duration::from_millis(300);

/// Runs what was asked for. False if a tour did not hold what it promises.
///
/// # Errors
/// If the playground cannot be started.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    // Everything shares two threads: the world takes one, and whoever calls it from outside is not held up by it.
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_all().build().context("starting the runtime")?;
    let program = std::env::current_exe().context("finding this program")?;
    let home = Home::new(options.dir.as_deref(), &program)?;
    let held = runtime.block_on(async {
        let mut ended = Ended::new()?;
        tokio::select! { biased;
            // The ordinary end of a playground, but not of a tour.
            () = ended.wait() => Ok(options.command.is_none()),
            outcome = play(options, &home) => outcome,
        }
    });
    runtime.shutdown_timeout(GOODBYE);
    held
}

async fn play(options: &Options, home: &Home) -> anyhow::Result<bool> {
    let world = World::start(&WorldOptions::from(options), home).await?;
    match options.command {
        Some(Command::Tour { patience }) => {
            let kubectl = Kubectl::find(home).await?;
            guide::welcome(&world, &mut stdout());
            let stage = Stage { world: &world, home, kubectl: &kubectl, patience };
            Ok(tour::play(&stage, &mut stdout()).await.held())
        }
        None => {
            guide::welcome(&world, &mut stdout());
            guide::next(&world, home, &mut stdout());
            guide::services(&world, &mut stdout()).await;
            Ok(true)
        }
    }
}

/// Ctrl-C, a polite kill, or a terminal that was closed.
struct Ended {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Ended {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for Ctrl-C");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! { biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

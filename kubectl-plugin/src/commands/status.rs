//! `status NAME`

use std::time::Duration;

use clap::ArgAction;
use futures::StreamExt;
use tokio::time::sleep;
use verdigris_connection::go_duration;
use verdigris_core::view::{Phase, phase::phase_and_message};
use verdigris_crds::Rollout;

use crate::{
    cluster::Cluster,
    error::Error,
    screen,
    session::Session,
    watching::{self, World},
};

/// `status NAME [--watch=false] [--timeout DURATION]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Print how it is whenever that changes, until it is Healthy (exit 0) or Degraded (exit 1)
  kubectl rollouts status shop
  # At most five minutes
  kubectl rollouts status shop --timeout 5m
  # Once
  kubectl rollouts status shop --watch=false")]
pub struct Args {
    /// Rollout to ask about
    #[arg(value_name = "NAME")]
    name: String,
    /// Go on until it is Healthy or Degraded
    #[arg(long, short = 'w', value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    watch: bool,
    /// Give up after this long; 0 never does
    #[arg(long, short = 't', value_name = "DURATION", default_value = "0s", value_parser = go_duration::parse)]
    timeout: Duration,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let rollout = cluster.rollout(&args.name).await?;
    if args.watch {
        return watch(&cluster, &args, rollout).await;
    }
    let (phase, message) = phase_and_message(&rollout);
    match phase {
        Phase::Healthy => screen::line("Healthy"),
        Phase::Degraded => {
            screen::line("Degraded")?;
            Err(Error::Degraded(message))
        }
        phase => screen::line(&text(&phase, &message)),
    }
}

async fn watch(cluster: &Cluster, args: &Args, rollout: Rollout) -> Result<(), Error> {
    let mut said = String::new();
    if let Some(end) = say(&rollout, &mut said)? {
        return end;
    }
    let mut world = World::default();
    let mut tellings = watching::rollout(cluster, &args.name);
    let timeout = async {
        match args.timeout {
            Duration::ZERO => std::future::pending().await,
            timeout => sleep(timeout).await,
        }
    };
    tokio::pin!(timeout);
    loop {
        tokio::select! { biased;
            () = &mut timeout => return Err(Error::WatchTimeout),
            told = tellings.next() => match told {
                Some(told) => {
                    if !world.take(told) {
                        continue;
                    }
                    world.trouble.values().for_each(|why| screen::note(&format!("cannot watch just now: {why}")));
                }
                None => return Err(Error::WatchTimeout),
            },
        }
        match world.rollouts.iter().next() {
            Some(rollout) => {
                if let Some(end) = say(rollout, &mut said)? {
                    return end;
                }
            }
            None if world.rollouts.complete() => return Err(Error::Deleted(args.name.clone())),
            None => {}
        }
    }
}

/// Says how it is, if that is new. Returns how the command ends, if it does.
fn say(rollout: &Rollout, said: &mut String) -> Result<Option<Result<(), Error>>, Error> {
    let (phase, message) = phase_and_message(rollout);
    let text = text(&phase, &message);
    if text != *said {
        screen::line(&text)?;
        *said = text;
    }
    Ok(match phase {
        Phase::Healthy => Some(Ok(())),
        Phase::Degraded => Some(Err(Error::Degraded(message))),
        Phase::Progressing | Phase::Paused | Phase::Other(_) => None,
    })
}

fn text(phase: &Phase, message: &str) -> String {
    if message.is_empty() { phase.to_string() } else { format!("{phase} - {message}") }
}

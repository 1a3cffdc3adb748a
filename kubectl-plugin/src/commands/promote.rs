//! `promote NAME`

use std::time::Duration;

use tokio::time::{Instant, sleep};
use verdigris_core::action::{self, Promote, Refusal};

use crate::{
    cluster::Cluster,
    error::{Error, is_conflict},
    screen,
    session::Session,
};

/// `promote NAME [--full]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Let the version that is paused take over
  kubectl rollouts promote shop
  # From a pipeline: only if revision 7 is still the newest, and wait until it is healthy
  kubectl rollouts promote shop --revision 7 && kubectl rollouts status shop --timeout 5m
  # Without pauses and analysis
  kubectl rollouts promote shop --full

The approval names the version that is meant: a template applied meanwhile is not
promoted by it. A version that has not reached its pause yet is approved beforehand,
and becomes active as soon as it is fully available.")]
pub struct Args {
    /// Rollout to promote
    #[arg(value_name = "NAME")]
    name: String,
    /// Skip all pauses, steps and analysis that are left
    #[arg(long)]
    full: bool,
    /// Fail unless this revision is the newest
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Canary: skip the step it is at (deprecated; plain promote does it)
    #[arg(long, short = 'c')]
    skip_current_step: bool,
    /// Canary: skip all steps (deprecated; use --full)
    #[arg(long, short = 'a')]
    skip_all_steps: bool,
}

/// How long to wait for the controller to see a spec that was just applied.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let asked = Promote {
        full: args.full,
        hash: None,
        revision: args.revision,
        skip_current_step: args.skip_current_step,
        skip_all_steps: args.skip_all_steps,
    };
    promote(&cluster, session, &args.name, asked).await
}

/// `apply` and `promote` one after the other is what pipelines do, so a spec that the controller has not seen yet is
/// waited for. If somebody writes between our look and our writes, we look again; but what we have once seen as the
/// newest version is what is meant, and no later one.
async fn promote(cluster: &Cluster, session: &Session, name: &str, mut asked: Promote) -> Result<(), Error> {
    let give_up = Instant::now() + SEEN_WITHIN;
    let mut who = None;
    let mut said = false;
    loop {
        let (rollout, version) = super::rollout_and_version(cluster, name).await?;
        let who = match &who {
            Some(who) => who,
            None => who.insert(session.who(cluster).await),
        };
        match action::promote(&rollout, version.as_ref(), &asked, who) {
            Err(Refusal::NotObserved { .. }) if Instant::now() < give_up => {
                if !said {
                    screen::note("waiting for the controller to see the newest spec");
                    said = true;
                }
            }
            Err(refusal) => return Err(refusal.into()),
            // Our approval was enough, and the version is stable before we looked again.
            Ok(plan) if plan.patches.is_empty() && asked.hash.is_some() => return screen::line(&plan.done),
            Ok(plan) => match cluster.carry_out(name, &plan).await {
                Err(error) if is_conflict(&error) && Instant::now() < give_up => {
                    asked.hash = version.map(|version| version.hash);
                }
                Err(error) => return Err(cluster.about_rollout(name, "promote", &error)),
                Ok(()) => return super::report(&plan),
            },
        }
        sleep(LOOK_EVERY).await;
    }
}

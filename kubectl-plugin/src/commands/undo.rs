//! `undo NAME`

use verdigris_core::action::{self, Past, Undo};

use crate::{error::Error, session::Session};

/// `undo NAME [--to-revision N] [--now]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Bring the previous revision back; it comes up in preview and waits to be promoted
  kubectl rollouts undo shop
  # A certain one
  kubectl rollouts undo shop --to-revision 3
  # In one step: a revision that is still running takes the traffic at once
  kubectl rollouts undo shop --now")]
pub struct Args {
    /// Rollout to roll back
    #[arg(value_name = "NAME")]
    name: String,
    /// Revision to go back to; 0 is the previous one
    #[arg(long, value_name = "N", default_value_t = 0)]
    to_revision: u64,
    /// Approve it in the same request, so that it becomes active without a pause
    #[arg(long)]
    now: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let rollout = cluster.rollout(&args.name).await?;
    let replica_sets = cluster.raw_replica_sets(&rollout).await?;
    let past: Vec<Past> = replica_sets.iter().filter_map(|set| Past::of(&rollout, set)).collect();
    let who = session.who(&cluster).await;
    let asked = Undo { to_revision: Some(args.to_revision).filter(|revision| *revision != 0), now: args.now };
    let plan = action::undo(&rollout, &past, asked, &who)?;
    super::carry_out(&cluster, &args.name, "undo", &plan).await
}

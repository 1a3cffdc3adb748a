//! `retry rollout NAME...`

use verdigris_core::action;

use crate::{error::Error, session::Session};

/// What can be retried.
#[derive(clap::Subcommand, Debug)]
pub enum What {
    /// Try the aborted update of a rollout again
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(Args),
}

/// `retry rollout NAME...`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Try the aborted update again, with its pauses and analysis
  kubectl rollouts retry rollout shop")]
pub struct Args {
    /// Rollouts to retry
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    for name in &args.names {
        let (rollout, version) = super::rollout_and_version(&cluster, name).await?;
        super::carry_out(&cluster, name, "retry", &action::retry(&rollout, version.as_ref())).await?;
    }
    Ok(())
}

//! `pause NAME...`

use verdigris_core::action;

use crate::{error::Error, session::Session};

/// `pause NAME...`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Stop all progress by setting spec.paused; `promote` lets it go on
  kubectl rollouts pause shop")]
pub struct Args {
    /// Rollouts to pause
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    for name in &args.names {
        let rollout = cluster.rollout(name).await?;
        super::carry_out(&cluster, name, "pause", &action::pause(&rollout)).await?;
    }
    Ok(())
}

//! `abort NAME...`

use verdigris_core::action;

use crate::{error::Error, session::Session};

/// `abort NAME...`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Send traffic back to the stable version; the new one is scaled down after a delay
  kubectl rollouts abort shop

The rollout stays Degraded until it is retried, rolled back, or given another
template.")]
pub struct Args {
    /// Rollouts to abort
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    for name in &args.names {
        let (rollout, version) = super::rollout_and_version(&cluster, name).await?;
        super::carry_out(&cluster, name, "abort", &action::abort(&rollout, version.as_ref())).await?;
    }
    Ok(())
}

//! `restart NAME`

use std::time::Duration;

use jiff::SignedDuration;
use verdigris_connection::go_duration;
use verdigris_core::action;

use crate::{error::Error, session, session::Session};

/// `restart NAME [--in DURATION]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Restart all pods of a rollout, a few at a time
  kubectl rollouts restart shop
  # In ten minutes
  kubectl rollouts restart shop --in 10m")]
pub struct Args {
    /// Rollout to restart
    #[arg(value_name = "NAME")]
    name: String,
    /// How long to wait before
    #[arg(long = "in", short = 'i', value_name = "DURATION", default_value = "0s", value_parser = go_duration::parse)]
    delay: Duration,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let rollout = cluster.rollout(&args.name).await?;
    let delay = SignedDuration::try_from(args.delay).unwrap_or_default();
    let plan = action::restart(&rollout, delay, session::now());
    super::carry_out(&cluster, &args.name, "restart", &plan).await
}

//! `version`

use crate::{error::Error, screen, session::Session};

/// `version [--short]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Version, platform and licence
  kubectl rollouts version
  # The version in one line
  kubectl rollouts version --short")]
pub struct Args {
    /// One line only
    #[arg(long)]
    short: bool,
}

pub fn run(args: &Args, session: &Session) -> Result<(), Error> {
    screen::line(&format!("{}: v{}", session.program().file(), env!("CARGO_PKG_VERSION")))?;
    if !args.short {
        screen::line(&format!("  Platform: {}/{}", std::env::consts::OS, std::env::consts::ARCH))?;
        // Where whoever built it said so, as the images' Dockerfile does.
        if let Some(commit) = option_env!("VERDIGRIS_COMMIT").filter(|commit| !commit.is_empty()) {
            screen::line(&format!("  Commit: {commit}"))?;
        }
        screen::line(&format!("  License: {}", env!("CARGO_PKG_LICENSE")))?;
    }
    Ok(())
}

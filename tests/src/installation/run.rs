//! Programs that come to an end.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    process::Command,
    time::{Duration, timeout},
};

/// How long any may take, on a machine that is busy with other tests.
const TAKES_MAX: Duration = Duration::from_secs(120);

/// Runs a program to its end, and gives what it said.
///
/// # Errors
/// If it cannot be started, takes too long, or ends badly: with its complaint.
pub(super) async fn run(command: &mut Command) -> Result<String> {
    let shown = format!("{:?}", command.as_std());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output =
        timeout(TAKES_MAX, output).await.with_context(|| format!("{shown}: longer than {TAKES_MAX:?}"))?;
    let output = output.with_context(|| format!("starting {shown}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown}: {}: {}", output.status, complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

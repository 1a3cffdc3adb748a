//! The verbs, one file each.

mod abort;
mod completion;
mod dashboard;
mod get;
mod list;
mod pause;
mod promote;
mod restart;
mod retry;
mod set;
mod status;
mod undo;
mod version;
mod why;

use clap::Subcommand;
use verdigris_core::{
    action::{Plan, current_version},
    view::Version,
};
use verdigris_crds::Rollout;

use crate::{cluster::Cluster, error::Error, screen, session::Session};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Go back to the stable version
    Abort(abort::Args),
    /// Print a shell's completion script
    Completion(completion::Args),
    /// Serve the dashboard on this machine
    Dashboard(dashboard::Args),
    /// Show one rollout as a tree
    #[command(subcommand)]
    Get(get::What),
    /// Show which rollouts there are
    #[command(subcommand)]
    List(list::What),
    /// Stop all progress of a rollout
    Pause(pause::Args),
    /// Let the newest version of a rollout go on
    Promote(promote::Args),
    /// Restart the pods of a rollout
    Restart(restart::Args),
    /// Try an aborted update again
    #[command(subcommand)]
    Retry(retry::What),
    /// Change a rollout
    #[command(subcommand)]
    Set(set::What),
    /// Wait until a rollout is healthy, and say how it is
    Status(status::Args),
    /// Bring the template of an earlier revision back
    Undo(undo::Args),
    /// Print the version
    Version(version::Args),
    /// Say where a rollout stands, what blocks it, what comes next, and what you can do
    Why(why::Args),
}

/// Runs one verb.
pub async fn run(verb: Verb, session: Session) -> Result<(), Error> {
    match verb {
        Verb::Abort(args) => abort::run(args, &session).await,
        Verb::Completion(args) => completion::run(&args, &session),
        Verb::Dashboard(args) => dashboard::run(args, &session).await,
        Verb::Get(get::What::Rollout(args)) => get::run(args, &session).await,
        Verb::List(list::What::Rollouts(args)) => list::run(args, &session).await,
        Verb::Pause(args) => pause::run(args, &session).await,
        Verb::Promote(args) => promote::run(args, &session).await,
        Verb::Restart(args) => restart::run(args, &session).await,
        Verb::Retry(retry::What::Rollout(args)) => retry::run(args, &session).await,
        Verb::Set(set::What::Image(args)) => set::run(args, &session).await,
        Verb::Status(args) => status::run(args, &session).await,
        Verb::Undo(args) => undo::run(args, &session).await,
        Verb::Version(args) => version::run(&args, &session),
        Verb::Why(args) => why::run(args, &session).await,
    }
}

/// Carries a plan out and says what was done.
async fn carry_out(cluster: &Cluster, name: &str, doing: &str, plan: &Plan) -> Result<(), Error> {
    cluster.carry_out(name, plan).await.map_err(|error| cluster.about_rollout(name, doing, &error))?;
    report(plan)
}

fn report(plan: &Plan) -> Result<(), Error> {
    screen::line(&plan.done)?;
    plan.notes.iter().for_each(|note| screen::note(note));
    Ok(())
}

/// A Rollout, and the version that its newest spec asks for.
async fn rollout_and_version(cluster: &Cluster, name: &str) -> Result<(Rollout, Option<Version>), Error> {
    let rollout = cluster.rollout(name).await?;
    let replica_sets = cluster.replica_sets(&rollout).await?;
    let version = current_version(&rollout, &replica_sets);
    Ok((rollout, version))
}

//! `list rollouts`

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use kube::{Api, runtime::watcher};
use tokio::time::{Instant, sleep_until};
use verdigris_core::view::{CanaryView, ReplicaCounts, Strategy, phase::phase_and_message};
use verdigris_crds::Rollout;

use crate::{
    cluster::Cluster,
    columns::{Cell, LastCell, lines},
    error::Error,
    objects::{self, Format},
    screen,
    session::{Session, now},
    watching::{self, World},
};

/// What can be listed.
#[derive(clap::Subcommand, Debug)]
pub enum What {
    /// Show the rollouts of a namespace, a line each
    #[command(visible_aliases = ["ro", "rollout"])]
    Rollouts(Args),
}

/// `list rollouts [-A] [-w] [--name NAME]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Of the current namespace
  kubectl rollouts list rollouts
  # Of all namespaces, and a further line whenever one changes
  kubectl rollouts list rollouts --all-namespaces --watch --timestamps
  # Names, for a script
  kubectl rollouts list rollouts -o name")]
pub struct Args {
    /// Only the rollout of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Of all namespaces
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// Print a further line whenever a rollout changes
    #[arg(long, short = 'w')]
    watch: bool,
    /// Print the time in front of each line
    #[arg(long)]
    timestamps: bool,
    /// Print the objects instead
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT", conflicts_with = "watch")]
    output: Option<Format>,
}

/// The peer's columns, and how wide they are at least.
const COLUMNS: [(&str, usize); 9] = [
    ("NAME", 10),
    ("STRATEGY", 9),
    ("STATUS", 12),
    ("STEP", 4),
    ("SET-WEIGHT", 10),
    ("READY", 5),
    ("DESIRED", 7),
    ("UP-TO-DATE", 10),
    ("AVAILABLE", 9),
];

/// How often lines are printed while watching.
const FLUSH_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let found = cluster.raw_rollouts(args.all_namespaces, args.name.as_deref()).await?;
    if let Some(format) = args.output {
        return screen::print(&objects::list(found, format)?);
    }
    let mut table = Table::new(&args);
    let mut rollouts = Vec::new();
    for object in found {
        let what = object
            .pointer("/metadata/name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        // One that cannot be read must not hide the others.
        match serde_json::from_value::<Rollout>(object) {
            Ok(rollout) => rollouts.push(rollout),
            Err(error) => screen::note(&format!("rollout '{what}' cannot be read: {error}")),
        }
    }
    if rollouts.is_empty() && !args.watch {
        eprintln!("No resources found.");
        return Ok(());
    }
    table.print(rollouts.iter(), now())?;
    if args.watch { watch(&cluster, &args, table).await } else { Ok(()) }
}

async fn watch(cluster: &Cluster, args: &Args, mut table: Table) -> Result<(), Error> {
    let api: Api<Rollout> = if args.all_namespaces { Api::all(cluster.client()) } else { cluster.api() };
    let mut config = watcher::Config::default();
    if let Some(name) = &args.name {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut tellings = watching::rollouts(api, config);
    let mut world = World::default();
    let mut flush_at = None::<Instant>;
    loop {
        let due = flush_at.unwrap_or_else(Instant::now);
        tokio::select! { biased;
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = sleep_until(due), if flush_at.is_some() => {
                table.print(world.rollouts.iter(), now())?;
                flush_at = None;
            }
            told = tellings.next() => {
                let Some(told) = told else { return Ok(()) };
                if world.take(told) {
                    flush_at.get_or_insert_with(|| Instant::now() + FLUSH_EVERY);
                    world.trouble.values().for_each(|why| screen::note(why));
                }
            }
        }
    }
}

/// Lines that have been printed, so that only what changed is printed again.
struct Table {
    namespaces: bool,
    timestamps: bool,
    widths: Vec<usize>,
    printed: BTreeMap<(String, String), Vec<String>>,
    headed: bool,
}

impl Table {
    fn new(args: &Args) -> Self {
        let mut table = Self {
            namespaces: args.all_namespaces,
            timestamps: args.timestamps,
            widths: Vec::new(),
            printed: BTreeMap::new(),
            headed: false,
        };
        table.widths =
            table.leading(9, 20).into_iter().chain(COLUMNS.iter().map(|(_, width)| *width)).collect();
        table
    }

    /// A value for each leading column that is wanted.
    fn leading<T>(&self, namespace: T, timestamp: T) -> Vec<T> {
        let namespace = self.namespaces.then_some(namespace);
        namespace.into_iter().chain(self.timestamps.then_some(timestamp)).collect()
    }

    /// Prints a line for each Rollout whose line has changed.
    fn print<'a>(
        &mut self,
        rollouts: impl Iterator<Item = &'a Rollout>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let text = self.text(rollouts, now);
        if text.is_empty() { Ok(()) } else { screen::print(&text) }
    }

    fn text<'a>(&mut self, rollouts: impl Iterator<Item = &'a Rollout>, now: Timestamp) -> String {
        let mut rows = Vec::new();
        if !self.headed {
            let names = COLUMNS.iter().map(|(name, _)| Cell::from(*name));
            rows.push(
                self.leading(Cell::from("NAMESPACE"), "TIMESTAMP".into()).into_iter().chain(names).collect(),
            );
            self.headed = true;
        }
        for rollout in rollouts {
            let namespace = rollout.metadata.namespace.clone().unwrap_or_default();
            let row = row(rollout);
            let key = (namespace.clone(), row[0].clone());
            if self.printed.get(&key) == Some(&row) {
                continue;
            }
            let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let cells = row.iter().cloned().map(Cell::from);
            rows.push(self.leading(Cell::from(namespace), time.into()).into_iter().chain(cells).collect());
            self.printed.insert(key, row);
        }
        lines(&rows, &mut self.widths, LastCell::Filled).into_iter().map(|line| line + "\n").collect()
    }
}

fn row(rollout: &Rollout) -> Vec<String> {
    let canary = CanaryView::of(rollout, &[]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let replicas = ReplicaCounts::of(rollout);
    vec![
        rollout.metadata.name.clone().unwrap_or_default(),
        Strategy::of(rollout).as_str().into(),
        phase_and_message(rollout).0.to_string(),
        or_dash(canary.as_ref().and_then(|canary| canary.step.clone())),
        or_dash(canary.map(|canary| canary.set_weight.to_string())),
        format!("{}/{}", replicas.ready, replicas.current),
        replicas.desired.to_string(),
        replicas.updated.to_string(),
        replicas.available.to_string(),
    ]
}

#[cfg(test)]
mod tests;

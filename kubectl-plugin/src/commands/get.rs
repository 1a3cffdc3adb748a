//! `get rollout NAME`

use clap::ValueEnum;
use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use verdigris_core::view::{Around, RolloutView};
use verdigris_crds::Rollout;

use crate::{
    cluster::Cluster,
    error::Error,
    objects::{self, Format},
    paint::Paint,
    screen::{self, Picture},
    session::{Session, now},
    tree,
    watching::{self, REDRAW_AT_LEAST_EVERY, REDRAW_AT_MOST_EVERY, World},
};

/// What can be got.
#[derive(clap::Subcommand, Debug)]
pub enum What {
    /// Show a rollout, its revisions, their pods and analyses as a tree
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(Args),
}

/// `get rollout NAME [-w] [-o FORMAT]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Once
  kubectl rollouts get rollout shop
  # Live, until Ctrl-C
  kubectl rollouts get rollout shop --watch
  # With Services, and what it waits for
  kubectl rollouts get rollout shop -o wide
  # The object, for a script
  kubectl rollouts get rollout shop -o json")]
pub struct Args {
    /// Rollout to show
    #[arg(value_name = "NAME")]
    name: String,
    /// Draw it again whenever something changes
    #[arg(long, short = 'w')]
    watch: bool,
    /// No colours (NO_COLOR and a pipe have the same effect)
    #[arg(long)]
    no_color: bool,
    /// End the watch after so many seconds; 0 never does
    #[arg(long, value_name = "N", default_value_t = 0)]
    timeout_seconds: u64,
    /// Print more (wide), or the object instead
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT")]
    output: Option<Output>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The tree, where each Service sends traffic, and what the rollout waits for.
    Wide,
    /// The object as JSON.
    Json,
    /// The object as YAML.
    Yaml,
    /// The object's name.
    Name,
}

impl Output {
    const fn format(self) -> Option<Format> {
        match self {
            Self::Wide => None,
            Self::Json => Some(Format::Json),
            Self::Yaml => Some(Format::Yaml),
            Self::Name => Some(Format::Name),
        }
    }
}

/// How to draw a view.
#[derive(Clone, Copy, Debug)]
struct Style {
    paint: Paint,
    wide: bool,
}

impl Style {
    fn lines(self, view: &RolloutView) -> Vec<String> {
        let mut lines = tree::lines(view, self.paint);
        if self.wide {
            lines.extend(tree::more(view, self.paint));
        }
        lines
    }
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    if let Some(format) = args.output.and_then(Output::format) {
        if args.watch {
            return Err(Error::Usage("--watch draws the tree: leave it out, or use `-o wide`".into()));
        }
        return screen::print(&objects::one(cluster.raw_rollout(&args.name).await?, format)?);
    }
    let rollout = cluster.rollout(&args.name).await?;
    let style = Style { paint: Paint::wanted(args.no_color), wide: args.output == Some(Output::Wide) };
    if args.watch {
        return watch(&cluster, &args, &rollout, style).await;
    }
    let around = cluster.surroundings(&rollout).await;
    let view = RolloutView::new(&rollout, &around.around(), now());
    screen::print(&format!("{}\n", style.lines(&view).join("\n")))?;
    around.unreadable.iter().for_each(|note| screen::note(note));
    Ok(())
}

/// Draws whenever something changed, at most every 200 ms, and each second because ages go on.
async fn watch(cluster: &Cluster, args: &Args, rollout: &Rollout, style: Style) -> Result<(), Error> {
    let mut world = World::default();
    let mut picture = Picture::default();
    let mut tellings = watching::surroundings(cluster, rollout, &args.name);
    let mut each_second = interval(REDRAW_AT_LEAST_EVERY);
    each_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let timeout = async {
        match args.timeout_seconds {
            0 => std::future::pending().await,
            secs => sleep(std::time::Duration::from_secs(secs)).await,
        }
    };
    tokio::pin!(timeout);
    let (mut drawn_at, mut changed) = (None::<Instant>, false);
    loop {
        let due = drawn_at.map_or_else(Instant::now, |at| at + REDRAW_AT_MOST_EVERY);
        tokio::select! { biased;
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = &mut timeout => return Ok(()),
            () = sleep_until(due), if changed && world.complete() => {}
            _ = each_second.tick(), if Picture::is_live() && world.complete() => {}
            told = tellings.next() => {
                let Some(told) = told else { return Ok(()) };
                changed |= world.take(told);
                if world.rollouts.complete() && world.rollouts.iter().next().is_none() {
                    return Err(Error::Deleted(args.name.clone()));
                }
                continue;
            }
        }
        draw(&mut picture, &world, style)?;
        (drawn_at, changed) = (Some(Instant::now()), false);
    }
}

fn draw(picture: &mut Picture, world: &World, style: Style) -> Result<(), Error> {
    let Some(rollout) = world.rollouts.iter().next() else { return Ok(()) };
    let (replica_sets, pods) = (world.replica_sets.to_vec(), world.pods.to_vec());
    let (services, analysis_runs) = (world.services.to_vec(), world.runs());
    let around = Around {
        replica_sets: &replica_sets,
        pods: &pods,
        services: &services,
        analysis_runs: &analysis_runs,
    };
    let view = RolloutView::new(rollout, &around, now());
    let mut lines = style.lines(&view);
    for (kind, why) in &world.trouble {
        lines.extend([String::new(), format!("{kind} cannot be watched just now: {why}")]);
    }
    picture.draw(lines)
}

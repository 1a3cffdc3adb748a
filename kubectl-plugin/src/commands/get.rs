//! `get rollout NAME`

use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use verdigris_core::view::RolloutView;
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
    /// Show a rollout, its revisions and their pods as a tree
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
    /// Print the object instead
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT", conflicts_with = "watch")]
    output: Option<Format>,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    if let Some(format) = args.output {
        return screen::print(&objects::one(cluster.raw_rollout(&args.name).await?, format)?);
    }
    let rollout = cluster.rollout(&args.name).await?;
    let paint = Paint::wanted(args.no_color);
    if args.watch {
        return watch(&cluster, &args, &rollout, paint).await;
    }
    let around = cluster.surroundings(&rollout).await;
    let view = RolloutView::new(&rollout, &around.replica_sets, &around.pods, &around.services, now());
    screen::print(&format!("{}\n", tree::lines(&view, paint).join("\n")))?;
    around.unreadable.iter().for_each(|note| screen::note(note));
    Ok(())
}

/// Draws whenever something changed, at most every 200 ms, and each second because ages go on.
async fn watch(cluster: &Cluster, args: &Args, rollout: &Rollout, paint: Paint) -> Result<(), Error> {
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
        draw(&mut picture, &world, paint)?;
        (drawn_at, changed) = (Some(Instant::now()), false);
    }
}

fn draw(picture: &mut Picture, world: &World, paint: Paint) -> Result<(), Error> {
    let Some(rollout) = world.rollouts.iter().next() else { return Ok(()) };
    let (replica_sets, pods, services) =
        (world.replica_sets.to_vec(), world.pods.to_vec(), world.services.to_vec());
    let view = RolloutView::new(rollout, &replica_sets, &pods, &services, now());
    let mut lines = tree::lines(&view, paint);
    lines.extend(
        world.trouble.iter().map(|(kind, why)| format!("\n{kind} cannot be watched just now: {why}")),
    );
    picture.draw(lines)
}

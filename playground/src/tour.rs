//! The tour: a blue-green release from the first deployment to the one-step rollback, played with the real kubectl under
//! constant load, and checked at every step.

mod browser;
mod look;
mod narrator;
mod steps;

use std::{fmt, io::Write};

use tokio::time::{Duration, Instant};

use crate::{
    home::Home,
    kubectl::{Kubectl, Said},
    load::{Load, LoadReport},
    world::World,
};
use look::Look;
use narrator::Narrator;

pub(crate) const NAMESPACE: &str = "blue-green";
pub(crate) const ROLLOUT: &str = "dev-superapi-geba";
pub(crate) const ACTIVE: &str = "dev-superapi-svc-active-geba";
pub(crate) const PREVIEW: &str = "dev-superapi-svc-preview-geba";
pub(crate) const V1: &str = "Hello from v1!";
pub(crate) const V2: &str = "Hello from v2!";

/// What the controller and the cluster may take for anything that has no delay of its own.
const SOON: Duration = Duration::from_secs(10);
/// After a promotion, the new version must answer within this time.
const SWITCH_MAX: Duration = Duration::from_secs(1);
/// The load that the tour promises, in requests a second.
const RATE_MIN: u32 = 200;

/// What the tour needs.
pub struct Stage<'a> {
    /// The running playground.
    pub world: &'a World,
    /// Its folder.
    pub home: &'a Home,
    /// A kubectl that talks to it.
    pub kubectl: &'a Kubectl,
    /// How many times as long as on an idle machine anything may take; 1 or more.
    pub patience: u32,
}

/// How the tour went.
pub struct Summary {
    /// What came of the load.
    pub load: Option<LoadReport>,
    /// How long each switch took until the version that was promoted answered.
    pub switches: Vec<(&'static str, Duration)>,
    /// How long the tour lasted.
    pub lasted: Duration,
    /// Why the tour did not hold what it promises.
    pub broken: Vec<String>,
}

impl Summary {
    /// Whether everything that the tour promises held.
    pub fn held(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(load) = &self.load {
            writeln!(out, "{load}")?;
        }
        for (what, took) in &self.switches {
            writeln!(out, "{what}: answered {:.0} ms later", took.as_secs_f64() * 1e3)?;
        }
        writeln!(out, "the tour lasted {:.1} s", self.lasted.as_secs_f64())?;
        for broken in &self.broken {
            writeln!(out, "NOT HELD: {broken}")?;
        }
        write!(out, "{}", if self.held() { "everything held" } else { "the tour failed" })
    }
}

/// Plays the tour. What goes wrong is in the summary.
pub async fn play(stage: &Stage<'_>, out: &mut impl Write) -> Summary {
    let mut tour = Tour {
        stage,
        look: Look::new(stage.world.client()),
        narrator: Narrator::new(out),
        load: None,
        switches: Vec::new(),
    };
    let began = Instant::now();
    let outcome = tour.steps().await;
    let load = match tour.load.take() {
        Some(load) => Some(load.stop().await),
        None => None,
    };
    let mut broken: Vec<String> = outcome.err().map(|error| format!("{error:#}")).into_iter().collect();
    broken.extend(tour.complaints(load.as_ref(), broken.is_empty()));
    let summary = Summary { load, switches: tour.switches, lasted: began.elapsed(), broken };
    let mut narrator = tour.narrator;
    narrator.step("Summary");
    narrator.saw(&summary.to_string());
    summary
}

struct Tour<'a, W> {
    stage: &'a Stage<'a>,
    look: Look,
    narrator: Narrator<W>,
    load: Option<Load>,
    switches: Vec<(&'static str, Duration)>,
}

impl<W: Write> Tour<'_, W> {
    /// Runs `kubectl ARGUMENTS` and shows it. It must end well.
    async fn kubectl(&mut self, arguments: &[&str]) -> anyhow::Result<Said> {
        let said = self.stage.kubectl.run(arguments).await?;
        self.narrator.command(arguments, &said);
        anyhow::ensure!(said.success, "kubectl {} failed: {}", arguments.join(" "), said.stderr.trim());
        Ok(said)
    }

    /// How long to wait for what happens at once.
    fn soon(&self) -> Duration {
        SOON * self.stage.patience
    }

    fn complaints(&self, load: Option<&LoadReport>, complete: bool) -> Vec<String> {
        let mut broken = Vec::new();
        let (switch_max, rate_min) =
            (SWITCH_MAX * self.stage.patience, f64::from(RATE_MIN) / f64::from(self.stage.patience));
        for (what, took) in self.switches.iter().filter(|(_, took)| *took > switch_max) {
            broken.push(format!("{what} took {took:?} to answer; at most {switch_max:?} is promised"));
        }
        let Some(load) = load else { return broken };
        if load.failed > 0 {
            broken.push(format!("{} of {} requests on the active Service failed", load.failed, load.sent));
        }
        let versions: Vec<&str> = load.versions.iter().map(|(version, _)| version.as_str()).collect();
        if complete && versions != [V1, V2, V1, V2] {
            broken.push(format!("the versions seen were {versions:?}"));
        }
        if complete && load.rate() < rate_min {
            broken.push(format!("only {:.0} requests a second were sent, not {rate_min:.0}", load.rate()));
        }
        broken
    }
}

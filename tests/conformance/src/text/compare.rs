//! One transcript on both servers at once.

use super::{
    difference,
    normal::Normaliser,
    session::{Programs, Said, Session},
    transcript::{Demand, Step, Transcript},
};
use crate::server::Server;

/// How a transcript went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Commands that said the same on both servers.
    pub same: usize,
    /// Commands that differ as a row of the table says.
    pub known: usize,
    /// What should not be, for people.
    pub failures: Vec<String>,
}

/// The two servers and what is the same for all transcripts.
pub struct Comparison<'a> {
    /// The embedded one.
    pub embedded: &'a Server,
    /// The real one.
    pub real: &'a Server,
    /// What the commands find.
    pub programs: &'a Programs,
    /// Takes out what differs from run to run.
    pub normaliser: &'a Normaliser,
}

impl Comparison<'_> {
    /// Plays one transcript in a namespace of its own on both servers, step by step, so that each step finds what the
    /// ones before it left.
    ///
    /// # Errors
    /// If a command cannot be run at all.
    pub async fn play(&self, transcript: &Transcript) -> anyhow::Result<Report> {
        let namespace = format!("{}-{}", transcript.name, self.programs.label);
        let embedded = Session::open(self.embedded, self.programs, transcript, &namespace)?;
        let real = Session::open(self.real, self.programs, transcript, &namespace)?;
        let create = format!("kubectl create namespace {namespace}");
        let waited = format!("kubectl get serviceaccount default -n {namespace}");
        for session in [&embedded, &real] {
            session.until_success(&create, self.normaliser).await?;
            session.until_success(&waited, self.normaliser).await?;
        }
        let mut report = Report::default();
        for step in &transcript.steps {
            let place = format!("{} (kubectl {}), line {}", transcript.name, self.programs.label, step.line);
            if !self.step(step, &place, [&embedded, &real], &mut report).await {
                break;
            }
        }
        Ok(report)
    }

    /// Gives whether the rest has a meaning.
    async fn step(&self, step: &Step, place: &str, sessions: [&Session; 2], report: &mut Report) -> bool {
        let [embedded, real] = sessions;
        let (command, normaliser) = (&step.command, self.normaliser);
        let (embedded, real) = if step.demand == Demand::Success {
            tokio::join!(embedded.until_success(command, normaliser), real.until_success(command, normaliser))
        } else {
            tokio::join!(embedded.run(command, normaliser), real.run(command, normaliser))
        };
        let (embedded, real) = match (embedded, real) {
            (Ok(embedded), Ok(real)) => (embedded, real),
            (embedded, real) => {
                let errors = [embedded.err(), real.err()];
                let errors = errors.into_iter().flatten().map(|error| format!("{place}: {error:#}"));
                report.failures.extend(errors);
                return false;
            }
        };
        match &step.demand {
            Demand::Success => {}
            Demand::Same if embedded == real => report.same += 1,
            Demand::Same => {
                report.failures.push(format!("{place}: $ {command}\n{}", shown(&embedded, &real)))
            }
            Demand::Known(_) if embedded != real => report.known += 1,
            Demand::Known(row) => {
                report.failures.push(format!("{place}: $ {command}\nno longer differs as `{row}` says"));
            }
        }
        true
    }
}

/// Where the two part: `-` the embedded server, `+` the real one.
fn shown(embedded: &Said, real: &Said) -> String {
    let mut text = String::new();
    if embedded.code != real.code {
        text.push_str(&format!("-exit {:?}\n+exit {:?}\n", embedded.code, real.code));
    }
    text.push_str(&difference::lines(&embedded.stdout, &real.stdout));
    text.push_str(&difference::lines(&embedded.stderr, &real.stderr));
    text
}

//! One container's life: waiting, running, crashing, stopping.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Container;

use super::{
    environment::Environment,
    host::Process,
    image::{Behaviour, behaviour},
    log::{Log, Output},
    probe::{Kind, Probes},
};
use crate::events::Note;

/// The exit code of a process that was killed.
const EXIT_KILLED: i32 = 137;

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From a pod's arrival on its node until its containers run.
    pub startup: Duration,
    /// The first rest of a container that crashes or an image that cannot be pulled; doubles each time.
    pub back_off_min: Duration,
    /// The longest rest.
    pub back_off_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            startup: Duration::from_millis(50),
            back_off_min: Duration::from_secs(10),
            back_off_max: Duration::from_secs(300),
        }
    }
}

impl Timing {
    /// The rest after the `failures`-th failure: 10, 20, 40 … 300 seconds.
    fn back_off(&self, failures: u32) -> Duration {
        self.back_off_min.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.back_off_max)
    }
}

/// What a container is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Being made, until then.
    Creating { until: Timestamp },
    /// Its environment cannot be resolved; it waits for the ConfigMap or Secret.
    ConfigError { message: String },
    /// The image cannot be pulled; tried again then.
    PullError { message: String, backing_off: bool, until: Timestamp },
    /// Running.
    Running { since: Timestamp, process: Box<dyn Process>, probes: Probes },
    /// It exited and is about to be started again.
    Exited { until: Timestamp },
    /// It crashed repeatedly and rests until then.
    CrashLoop { rest: Duration, until: Timestamp },
    /// It exited and stays so.
    Ended,
}

/// A run of a container that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) exit_code: i32,
    pub(super) run: i32,
}

/// A container on its node.
#[derive(Debug)]
pub(super) struct ContainerRun {
    pub(super) name: String,
    pub(super) image: String,
    behaviour: Behaviour,
    pub(super) state: State,
    pub(super) last: Option<Finished>,
    pub(super) restarts: i32,
    pull_failures: u32,
    restartable: bool,
    /// Of the last run.
    pub(super) log: Option<Arc<Log>>,
    /// Of the run before.
    pub(super) previous_log: Option<Arc<Log>>,
    /// Of the last run.
    pub(super) environment: Arc<Environment>,
}

/// Starts a process.
pub(super) type Start<'a> = dyn Fn(&Environment, Output) -> std::io::Result<Box<dyn Process>> + 'a;

/// What a container needs from its surroundings to go on.
pub(super) struct Surroundings<'a> {
    pub(super) timing: Timing,
    /// Of the pod, for messages: `name_namespace(uid)`.
    pub(super) pod_id: &'a str,
    pub(super) environment: &'a Result<Environment, String>,
    /// Makes the place where a process writes to this log.
    pub(super) output: &'a dyn Fn(Arc<Log>) -> Output,
    /// Starts the process with this environment.
    pub(super) start: &'a Start<'a>,
}

impl ContainerRun {
    pub(super) fn new(container: &Container, restart_policy: &str, now: Timestamp, timing: Timing) -> Self {
        let image = container.image.clone().unwrap_or_default();
        Self {
            name: container.name.clone(),
            behaviour: behaviour(&image),
            image,
            state: State::Creating { until: after(now, timing.startup) },
            last: None,
            restarts: 0,
            pull_failures: 0,
            restartable: restart_policy != "Never",
            log: None,
            previous_log: None,
            environment: Arc::default(),
        }
    }

    /// Whether the process answers well once it runs.
    pub(super) fn healthy(&self) -> bool {
        self.behaviour == Behaviour::Runs
    }

    /// Whether the container is ready for requests.
    pub(super) fn is_ready(&self) -> bool {
        matches!(&self.state, State::Running { probes, .. } if probes.is_ready() && self.healthy())
    }

    /// Whether the container has come up, as its startup probe sees it.
    pub(super) fn has_started(&self) -> bool {
        matches!(&self.state, State::Running { probes, .. } if probes.has_started())
    }

    /// Whether the next step may need the environment.
    pub(super) fn needs_environment(&self) -> bool {
        !matches!(self.state, State::Running { .. } | State::Ended)
    }

    /// When time alone takes it further.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.state {
            State::Creating { until }
            | State::PullError { until, .. }
            | State::Exited { until }
            | State::CrashLoop { until, .. } => Some(*until),
            State::Running { probes, .. } => probes.due(),
            State::ConfigError { .. } | State::Ended => None,
        }
    }

    /// Takes it as far as it can go at `now`; what is worth telling is put into `notes`.
    ///
    /// # Errors
    /// The system's, if a listener cannot be opened; the container then stays as it is.
    pub(super) fn advance(
        &mut self,
        container: &Container,
        now: Timestamp,
        surroundings: &Surroundings<'_>,
        notes: &mut Vec<Note>,
    ) -> std::io::Result<()> {
        match self.state {
            State::Creating { until } if until <= now => match self.behaviour {
                Behaviour::CannotBePulled => self.fail_pull(now, surroundings.timing, notes),
                Behaviour::Runs | Behaviour::Crashes | Behaviour::NeverReady => {
                    if surroundings.environment.is_ok() {
                        notes.push(Note::normal(
                            "Pulled",
                            format!("Container image \"{}\" already present on machine", self.image),
                        ));
                    }
                    self.start(container, now, surroundings, notes)?;
                }
            },
            State::ConfigError { .. } => self.start(container, now, surroundings, notes)?,
            State::PullError { backing_off, until, .. } if until <= now => {
                if backing_off {
                    self.fail_pull(now, surroundings.timing, notes);
                } else {
                    self.back_off_pull(now, surroundings.timing, notes);
                }
            }
            State::Exited { until } | State::CrashLoop { until, .. } if until <= now => {
                self.restarts += 1;
                self.start(container, now, surroundings, notes)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        container: &Container,
        now: Timestamp,
        surroundings: &Surroundings<'_>,
        notes: &mut Vec<Note>,
    ) -> std::io::Result<()> {
        let environment = match surroundings.environment {
            Ok(environment) => environment,
            Err(message) => {
                let known = matches!(&self.state, State::ConfigError { message: known } if known == message);
                if !known {
                    notes.push(Note::warning("Failed", format!("Error: {message}")));
                }
                self.state = State::ConfigError { message: message.clone() };
                return Ok(());
            }
        };
        let log = Arc::new(Log::default());
        let output = (surroundings.output)(log.clone());
        if self.behaviour == Behaviour::Crashes {
            notes.push(Note::normal("Created", format!("Created container: {}", self.name)));
            notes.push(Note::normal("Started", format!("Started container {}", self.name)));
            output.line(&format!("image {} is broken: exit code 1", self.image));
            log.end();
            self.begin(log, environment);
            self.crash(now, surroundings, notes);
            return Ok(());
        }
        let process = (surroundings.start)(environment, output)?;
        self.begin(log, environment);
        notes.push(Note::normal("Created", format!("Created container: {}", self.name)));
        notes.push(Note::normal("Started", format!("Started container {}", self.name)));
        let probes = Probes::new(container, now);
        self.state = State::Running { since: now, process, probes };
        Ok(())
    }

    fn begin(&mut self, log: Arc<Log>, environment: &Environment) {
        self.previous_log = self.log.replace(log);
        self.environment = Arc::new(environment.clone());
    }

    /// The process exits at once.
    fn crash(&mut self, now: Timestamp, surroundings: &Surroundings<'_>, notes: &mut Vec<Note>) {
        self.last = Some(Finished { started: now, ended: now, exit_code: 1, run: self.restarts });
        self.rest(now, surroundings.timing, surroundings.pod_id, notes);
    }

    /// A probe has failed too often: the process is killed.
    pub(super) fn fail(
        &mut self,
        kind: Kind,
        now: Timestamp,
        timing: Timing,
        pod_id: &str,
        notes: &mut Vec<Note>,
    ) {
        let State::Running { since, .. } = self.state else { return };
        let probe = kind.name().to_lowercase();
        notes.push(Note::normal(
            "Killing",
            format!("Container {} failed {probe} probe, will be restarted", self.name),
        ));
        self.last = Some(Finished { started: since, ended: now, exit_code: EXIT_KILLED, run: self.restarts });
        self.log.iter().for_each(|log| log.end());
        self.rest(now, timing, pod_id, notes);
    }

    /// After its end: the first time it is started again soon, then after ever longer rests.
    fn rest(&mut self, now: Timestamp, timing: Timing, pod_id: &str, notes: &mut Vec<Note>) {
        self.state = if !self.restartable {
            State::Ended
        } else if self.restarts == 0 {
            State::Exited { until: after(now, timing.startup) }
        } else {
            let rest = timing.back_off(u32::try_from(self.restarts).unwrap_or(0));
            notes.push(Note::warning(
                "BackOff",
                format!("Back-off restarting failed container {} in pod {pod_id}", self.name),
            ));
            State::CrashLoop { rest, until: after(now, rest) }
        };
    }

    fn fail_pull(&mut self, now: Timestamp, timing: Timing, notes: &mut Vec<Note>) {
        self.pull_failures += 1;
        let message = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found",
            image = self.image
        );
        notes.push(Note::normal("Pulling", format!("Pulling image \"{}\"", self.image)));
        notes.push(Note::warning("Failed", format!("Failed to pull image \"{}\": {message}", self.image)));
        notes.push(Note::warning("Failed", "Error: ErrImagePull"));
        self.state = State::PullError { message, backing_off: false, until: after(now, timing.startup) };
    }

    fn back_off_pull(&mut self, now: Timestamp, timing: Timing, notes: &mut Vec<Note>) {
        let message = format!("Back-off pulling image \"{}\"", self.image);
        notes.push(Note::normal("BackOff", message.clone()));
        notes.push(Note::warning("Failed", "Error: ImagePullBackOff"));
        let rest = timing.back_off(self.pull_failures);
        self.state = State::PullError { message, backing_off: true, until: after(now, rest) };
    }

    /// Ends the process, if one runs.
    pub(super) fn end(&mut self) {
        self.state = State::Ended;
        self.log.iter().for_each(|log| log.end());
    }

    pub(super) fn process(&self) -> Option<&dyn Process> {
        match &self.state {
            State::Running { process, .. } => Some(process.as_ref()),
            _ => None,
        }
    }
}

/// `at` plus `wait`.
pub(super) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| at.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

impl Drop for ContainerRun {
    /// Whoever follows the log of a container that is gone has read it all.
    fn drop(&mut self) {
        self.log.iter().for_each(|log| log.end());
    }
}

#[cfg(test)]
mod tests;

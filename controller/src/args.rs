//! The command line: the peer's flags with the peer's names where they mean the same, and ours.

mod message;
mod peer;
#[cfg(test)]
mod tests;

use std::{ffi::OsString, fmt, num::NonZeroUsize, sync::LazyLock, time::Duration};

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, ValueEnum};
use verdigris_connection::{ConnectionArgs, go_bool, go_duration};
use verdigris_controller::{Options, lease::Timing, version};

pub use message::Message;

/// Progressive delivery for Kubernetes: runs Rollouts (argoproj.io/v1alpha1).
#[derive(Debug, Parser)]
#[command(
    name = "verdigris-controller",
    version = version(),
    max_term_width = 100,
    args_override_self = true,
    next_help_heading = "Which Rollouts"
)]
#[command(after_help = "Examples:
  # In a pod: all namespaces, with the rights of the service account
  verdigris-controller
  # One namespace, from anywhere
  verdigris-controller --kubeconfig ~/.kube/config --namespaced --namespace shop
  # Beside the controller that runs now, without writing anything
  verdigris-controller --observe")]
pub struct Args {
    /// Take care of Rollouts that carry this label value only (argo-rollouts.argoproj.io/controller-instance-id);
    /// without it, of those that carry no such label
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, value_parser = instance_id)]
    pub instance_id: String,

    /// Take care of one namespace only: the one of --namespace, else the one of the kubeconfig or service account
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, hide_default_value = true, action = ArgAction::Set, value_parser = go_bool::parse)]
    pub namespaced: bool,

    /// Write nothing: tell in the log what would be done, and where another controller acts otherwise. For a look at
    /// Verdigris beside the one that runs now
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, hide_default_value = true, action = ArgAction::Set, value_parser = go_bool::parse)]
    pub observe: bool,

    /// Work only while no other replica does: they elect one by a Lease. `--leader-elect=false` is for a single replica
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set, value_parser = go_bool::parse, help_heading = "Replicas")]
    pub leader_elect: bool,

    /// How long a leader that is not heard of keeps the others waiting; whole seconds
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = go_duration::parse, help_heading = "Replicas")]
    pub leader_election_lease_duration: Duration,

    /// How long a leader that cannot renew goes on
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = go_duration::parse, help_heading = "Replicas")]
    pub leader_election_renew_deadline: Duration,

    /// How often a leader renews
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = go_duration::parse, help_heading = "Replicas")]
    pub leader_election_retry_period: Duration,

    /// The port for /healthz, /livez and /readyz; 0 for any that is free, which the log names
    #[arg(long = "healthzPort", value_name = "PORT", default_value_t = 8080, help_heading = "Pages")]
    pub healthz_port: u16,

    /// How many Rollouts are worked on at the same time
    #[arg(long, value_name = "N", default_value_t = Options::default().passes_max, value_parser = count, help_heading = "Work")]
    pub rollout_threads: usize,

    /// Look at each Rollout again after so many seconds, though nothing has changed
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().resync.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Work")]
    pub rollout_resync: u64,

    /// Port of /metrics, for Prometheus, and of /log-level, for who is on this machine; 0 takes any that is free
    #[arg(
        long = "metricsPort",
        alias = "metricsport",
        value_name = "PORT",
        default_value_t = 8090,
        help_heading = "Pages"
    )]
    pub metrics_port: u16,

    /// How much to log
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info, help_heading = "Log")]
    pub loglevel: LogLevel,

    /// How to log: lines for people or JSON for machines
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, help_heading = "Log")]
    pub logformat: LogFormat,

    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// What was asked for and has no effect here, a sentence each.
    #[arg(skip)]
    pub without_effect: Vec<String>,
}

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stops work.
    #[value(aliases = ["fatal", "panic"])]
    Error,
    /// And what delays it.
    #[value(alias = "warning")]
    Warn,
    /// And every change that is made.
    Info,
    /// And why changes are not made.
    Debug,
    /// Everything.
    Trace,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the command line; `is_set` says which variables the environment has.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    is_set: impl Fn(&str) -> bool,
) -> Result<Args, Message> {
    let command = peer::without_effect().fold(Args::command(), clap::Command::arg);
    let matches = command.try_get_matches_from(arguments)?;
    let args = Args::from_arg_matches(&matches)?;
    if let Some(message) = peer::refused(&matches).or_else(|| args.contradiction()) {
        return Err(Message::Contradiction(message));
    }
    Ok(Args { without_effect: peer::told(&matches, is_set), ..args })
}

fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| version::version(version::COMMIT));
    &TEXT
}

impl Args {
    /// What the controller is to do; `namespace` is the one that the connection names.
    pub fn options(&self, namespace: String) -> Options {
        let defaults = Options::default();
        Options {
            instance_id: Some(self.instance_id.clone()).filter(|id| !id.is_empty()),
            namespace: self.namespaced.then_some(namespace),
            observe: self.observe,
            passes_max: self.rollout_threads,
            resync: Duration::from_secs(self.rollout_resync),
            call_timeout: Some(self.connection.request_timeout)
                .filter(|timeout| !timeout.is_zero())
                .unwrap_or(defaults.call_timeout),
            ..defaults
        }
    }

    /// How patient elections are.
    pub fn timing(&self) -> Timing {
        Timing {
            lease_duration: self.leader_election_lease_duration,
            renew_deadline: self.leader_election_renew_deadline,
            retry_period: self.leader_election_retry_period,
        }
    }

    /// Flags that cannot be meant together.
    fn contradiction(&self) -> Option<String> {
        if let Err(error) = self.timing().checked() {
            return Some(format!("--leader-election-...: {error}"));
        }
        let namespace = self.connection.namespace.as_ref().filter(|_| !self.namespaced)?;
        Some(format!(
            "--namespace {namespace} without --namespaced: the controller would take care of all namespaces. Add --namespaced to \
             restrict it to {namespace}, or leave --namespace out"
        ))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

fn count(text: &str) -> Result<usize, String> {
    let number: NonZeroUsize = text.parse().map_err(|_| "it has to be a number from 1 on".to_owned())?;
    Ok(number.get())
}

fn instance_id(value: &str) -> Result<String, String> {
    let fits = value.len() <= 63
        && value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let ends = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii_alphanumeric());
    if fits && ends(value.chars().next()) && ends(value.chars().last()) {
        Ok(value.to_owned())
    } else {
        Err("an instance id is a label value: at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit".to_owned())
    }
}

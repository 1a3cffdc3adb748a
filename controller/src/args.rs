//! The command line: the peer's flags for what exists, with the peer's names.

use std::{ffi::OsString, fmt, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum, error::ErrorKind};

/// Progressive delivery for Kubernetes: runs Rollouts (argoproj.io/v1alpha1).
#[derive(Debug, Parser)]
#[command(name = "verdigris-controller", version, max_term_width = 100)]
pub struct Args {
    /// Take care of Rollouts that carry this label value only (argo-rollouts.argoproj.io/controller-instance-id);
    /// without it, of those that carry no such label
    #[arg(long, value_name = "ID", value_parser = instance_id)]
    pub instance_id: Option<String>,

    /// Take care of one namespace only: the one of --namespace, else the one of the kubeconfig or service account
    #[arg(long)]
    pub namespaced: bool,

    /// The namespace for --namespaced
    #[arg(long, short, value_name = "NAME", requires = "namespaced")]
    pub namespace: Option<String>,

    /// Write nothing: tell in the log what would be done, and where another controller acts otherwise. For a look at
    /// Verdigris beside the one that runs now
    #[arg(long)]
    pub observe: bool,

    /// Path of a kubeconfig [default: KUBECONFIG, ~/.kube/config, else the cluster this runs in]
    #[arg(long, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// How much to log
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub loglevel: LogLevel,

    /// How to log: lines for people or JSON for machines
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub logformat: LogFormat,
}

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stops work.
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

/// Why the program ends before it begins.
#[derive(Debug)]
pub enum Message {
    /// Help or version was asked for, or clap has a good sentence for the mistake.
    Clap(clap::Error),
    /// A flag that there is not.
    UnknownFlag(String),
}

/// Reads the command line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, Message> {
    let matches = Args::command().try_get_matches_from(arguments);
    matches.and_then(|matches| Args::from_arg_matches(&matches)).map_err(|error| {
        let flag = error.get(clap::error::ContextKind::InvalidArg).map(ToString::to_string);
        match (error.kind(), flag) {
            (ErrorKind::UnknownArgument, Some(flag)) => Message::UnknownFlag(flag),
            _ => Message::Clap(error),
        }
    })
}

fn instance_id(value: &str) -> Result<String, String> {
    let fits = value.len() <= 63
        && value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    if fits && ends(value.chars().next()) && ends(value.chars().last()) {
        Ok(value.to_owned())
    } else {
        Err("an instance id is a label value: at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit".to_owned())
    }
}

impl Message {
    /// Prints it where it belongs and says how the program ends.
    pub fn print(self) -> ExitCode {
        match self {
            Self::Clap(error) => {
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            unknown @ Self::UnknownFlag(_) => {
                eprintln!("{unknown}");
                ExitCode::from(2)
            }
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clap(error) => error.fmt(f),
            Self::UnknownFlag(flag) => write!(
                f,
                "verdigris-controller has no flag {flag}. If it is one of Argo Rollouts, what it sets does not exist here; \
                 leave it out. See `verdigris-controller --help` for the flags there are."
            ),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, String> {
        let arguments = std::iter::once("verdigris-controller").chain(line.split_whitespace());
        parse(arguments.map(OsString::from)).map_err(|message| message.to_string())
    }

    #[test]
    fn the_peers_flags_are_understood() {
        let args = read("--instance-id=blue --namespaced --loglevel warning --logformat json").unwrap();
        assert_eq!((args.instance_id.as_deref(), args.namespaced), (Some("blue"), true));
        assert_eq!((args.loglevel, args.logformat), (LogLevel::Warn, LogFormat::Json));
    }

    #[test]
    fn what_is_not_there_is_answered_with_a_sentence() {
        let unknown = read("--metricsPort 8090").unwrap_err();
        assert!(unknown.starts_with("verdigris-controller has no flag --metricsPort."), "{unknown}");
        assert!(read("--loglevel loud").unwrap_err().contains("possible values"));
        assert!(read("--instance-id a=b").unwrap_err().contains("an instance id is a label value"));
        assert!(read("--namespace shop").unwrap_err().contains("--namespaced"));
    }
}

//! The command line as a tree. What the words mean is each verb's own matter (`commands`).

use std::{ffi::OsString, path::Path};

use clap::{Args, Command, CommandFactory, Parser};
use verdigris_connection::ConnectionArgs;

use crate::commands::Verb;

/// Watch, promote, abort and roll back blue-green and canary rollouts.
#[derive(Debug, Parser)]
#[command(
    disable_version_flag = true,
    args_override_self = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "Examples:
  # What there is, and how it is
  kubectl rollouts list rollouts
  # One rollout as a tree, live
  kubectl rollouts get rollout shop --watch
  # Let the new version take over; go back
  kubectl rollouts promote shop
  kubectl rollouts undo shop")]
pub struct Cli {
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub log: LogArgs,
    #[command(subcommand)]
    pub command: Verb,
}

/// What is logged of the requests.
#[derive(Args, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// How much to log of the requests: 6 and 8 are steps
    #[arg(long, short = 'v', global = true, hide_short_help = true, value_name = "N", default_value_t = 0)]
    pub kloglevel: u8,
    /// How much to log: info, debug or trace
    #[arg(long, global = true, hide_short_help = true, value_name = "LEVEL", default_value = "info")]
    pub loglevel: String,
}

/// The name that the program was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `kubectl-rollouts`.
    Rollouts,
    /// `kubectl-argo-rollouts`, the peer's name.
    ArgoRollouts,
}

impl Program {
    /// From the first word of the command line.
    pub fn called_as(argv0: Option<&OsString>) -> Self {
        let stem = argv0.and_then(|argv0| Path::new(argv0).file_stem()).and_then(|stem| stem.to_str());
        if stem.is_some_and(|stem| stem.contains("argo")) { Self::ArgoRollouts } else { Self::Rollouts }
    }

    /// The file's name.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Rollouts => "kubectl-rollouts",
            Self::ArgoRollouts => "kubectl-argo-rollouts",
        }
    }

    /// What people type.
    pub const fn typed(self) -> &'static str {
        match self {
            Self::Rollouts => "kubectl rollouts",
            Self::ArgoRollouts => "kubectl argo rollouts",
        }
    }
}

/// The tree, with help that names the program as it was called.
pub fn command(program: Program) -> Command {
    named(Cli::command(), program).name(program.file()).bin_name(program.typed())
}

fn named(command: Command, program: Program) -> Command {
    let examples = command.get_after_help().map(ToString::to_string);
    let command = match examples {
        Some(text) => command.after_help(text.replace(Program::Rollouts.typed(), program.typed())),
        None => command,
    };
    let subcommands: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    subcommands
        .into_iter()
        .fold(command, |command, sub| command.mut_subcommand(sub, |sub| named(sub, program)))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command(Program::Rollouts).debug_assert();
    }

    #[test]
    fn of_a_flag_that_is_repeated_the_last_counts_as_for_kubectl() {
        let words = [
            "kubectl-rollouts",
            "-n",
            "one",
            "list",
            "rollouts",
            "-n",
            "two",
            "--as-group",
            "a",
            "--as-group",
            "b",
        ];
        let found = command(Program::Rollouts).try_get_matches_from(words).unwrap();
        let cli = Cli::from_arg_matches(&found).unwrap();
        assert_eq!(cli.connection.namespace.as_deref(), Some("two"));
        assert_eq!(cli.connection.as_group, ["a", "b"], "groups add up");
    }

    #[test]
    fn it_answers_to_both_names() {
        for (argv0, program) in [
            ("kubectl-rollouts", Program::Rollouts),
            ("/usr/local/bin/kubectl-argo-rollouts", Program::ArgoRollouts),
            ("kubectl-argo-rollouts.exe", Program::ArgoRollouts),
            ("anything", Program::Rollouts),
        ] {
            assert_eq!(Program::called_as(Some(&OsString::from(argv0))), program, "{argv0}");
        }
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        fn check(command: &Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says nothing about itself");
            let has_example =
                command.get_after_help().is_some_and(|help| help.to_string().contains("kubectl rollouts"));
            assert!(has_example || command.has_subcommands(), "{path} has no example");
            command.get_subcommands().for_each(|sub| check(sub, &path));
        }
        check(&command(Program::Rollouts), "");
    }
}

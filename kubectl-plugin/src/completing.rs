//! Completion, as kubectl asks for it of plugins: it runs `kubectl_complete-rollouts promote sh` and reads a candidate a
//! line (a tab before its description) and last a directive. That file may be a link to this program; a script that
//! runs `kubectl rollouts __complete "$@"` does as well.
//!
//! What cannot be found out is no candidate: completion never says an error and never takes long.

use std::{ffi::OsString, path::Path, time::Duration};

use clap::{Arg, ArgAction, Command, FromArgMatches};
use tokio::time::timeout;

use crate::{
    args::{self, Program},
    screen,
    session::Session,
};

/// Longer than this nobody waits for a candidate.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Nothing but the candidates: no names of files.
const NO_FILES: &str = ":4\n";
/// The shell adds names of files.
const FILES: &str = ":0\n";

/// What may stand at a place.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// One of these, each with its description.
    Words(Vec<(String, String)>),
    /// The name of a rollout.
    Rollouts,
    /// A namespace.
    Namespaces,
    /// A file or a folder.
    Files,
}

/// The words to complete, the last of them the one that is being typed; `None` if this is no question for completion.
pub fn asked(argv: &[OsString]) -> Option<&[OsString]> {
    let (program, words) = argv.split_first()?;
    let stem = Path::new(program).file_stem()?.to_str()?;
    if stem.starts_with("kubectl_complete-") {
        return Some(words);
    }
    words.split_first().filter(|(first, _)| *first == "__complete").map(|(_, words)| words)
}

/// Prints the candidates.
pub async fn answer(program: Program, words: &[OsString]) {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command = args::command(program);
    command.build();
    let typed = words.last().cloned().unwrap_or_default();
    let (wanted, connection) = wanted(&command, &words);
    let directive = if wanted == Wanted::Files { FILES } else { NO_FILES };
    let candidates = match wanted {
        Wanted::Words(words) => words,
        Wanted::Files => Vec::new(),
        Wanted::Rollouts | Wanted::Namespaces => {
            let names = timeout(ANSWER_MAX, names(program, &connection, wanted == Wanted::Namespaces)).await;
            let names = names.ok().flatten().unwrap_or_default();
            names.into_iter().map(|name| (name, String::new())).collect()
        }
    };
    let mut text = String::new();
    for (word, about) in candidates.into_iter().filter(|(word, _)| word.starts_with(&typed)) {
        text.push_str(&word);
        if !about.is_empty() {
            text.push('\t');
            text.push_str(&about);
        }
        text.push('\n');
    }
    // Whoever does not read the answer does not want it.
    let _ = screen::print(&(text + directive));
}

/// Names in the cluster that the connection flags lead to.
async fn names(program: Program, connection: &[String], namespaces: bool) -> Option<Vec<String>> {
    let argv = [program.file()].into_iter().chain(connection.iter().map(String::as_str)).chain(["version"]);
    let found = args::command(program).try_get_matches_from(argv).ok()?;
    let cli = args::Cli::from_arg_matches(&found).ok()?;
    let cluster = Session::new(cli.connection, program).cluster().await.ok()?;
    if namespaces { cluster.namespaces().await.ok() } else { cluster.rollout_names().await.ok() }
}

/// What may stand in the place of the last word, and the connection flags before it.
fn wanted(root: &Command, words: &[String]) -> (Wanted, Vec<String>) {
    let (typed, before) = words.split_last().map_or(("", words), |(typed, before)| (typed.as_str(), before));
    let of_connection =
        |arg: &Arg| arg.get_id() != "help" && root.get_arguments().any(|it| it.get_id() == arg.get_id());
    let (mut command, mut positionals, mut connection) = (root, 0, Vec::new());
    let mut open: Option<&Arg> = None;
    for word in before {
        if let Some(arg) = open.take() {
            if of_connection(arg) {
                connection.push(word.clone());
            }
        } else if let Some(flag) = word.strip_prefix('-') {
            let Some(arg) = flag_of(command, flag) else { continue };
            if of_connection(arg) {
                connection.push(word.clone());
            }
            open = Some(arg).filter(|arg| takes_next_word(arg, flag));
        } else if let Some(below) = command.find_subcommand(word).filter(|_| positionals == 0) {
            command = below;
        } else {
            positionals += 1;
        }
    }
    // A flag whose value is being typed says nothing yet.
    if open.is_some_and(of_connection) {
        connection.pop();
    }
    let wanted = match open {
        Some(arg) => values(arg),
        None if typed.starts_with('-') => Wanted::Words(flags(command)),
        None if command.has_subcommands() => Wanted::Words(subcommands(command)),
        None => positional(command, positionals).map_or(Wanted::Words(Vec::new()), values),
    };
    (wanted, connection)
}

/// `-namespace=x`, as it is left of `--namespace=x`, and `n`, `nshop` of `-n`, `-nshop`.
fn flag_of<'c>(command: &'c Command, flag: &str) -> Option<&'c Arg> {
    let mut all = command.get_arguments();
    match flag.strip_prefix('-') {
        Some(long) => {
            let name = long.split('=').next();
            all.find(|arg| arg.get_long().is_some() && arg.get_long() == name)
        }
        None => all.find(|arg| arg.get_short().is_some() && arg.get_short() == flag.chars().next()),
    }
}

fn takes_next_word(arg: &Arg, flag: &str) -> bool {
    let has_value = if flag.starts_with('-') { flag.contains('=') } else { flag.chars().count() > 1 };
    arg.get_action().takes_values() && !arg.is_require_equals_set() && !has_value
}

/// The argument at this place; the last one may take many words.
fn positional(command: &Command, number: usize) -> Option<&Arg> {
    let all: Vec<&Arg> = command.get_positionals().collect();
    let many = all.last().copied().filter(|last| matches!(last.get_action(), ArgAction::Append));
    all.get(number).copied().or(many)
}

fn values(arg: &Arg) -> Wanted {
    let names = arg.get_value_names().unwrap_or_default();
    let is_called = |name: &str| names.iter().any(|known| known.as_str() == name);
    let possible = arg.get_possible_values();
    match arg.get_id().as_str() {
        "namespace" => Wanted::Namespaces,
        "name" | "names" if is_called("NAME") => Wanted::Rollouts,
        _ if is_called("FILE") || is_called("DIRECTORY") => Wanted::Files,
        _ => Wanted::Words(
            possible
                .iter()
                .filter(|value| !value.is_hide_set())
                .map(|value| {
                    let about = value.get_help().map(ToString::to_string).unwrap_or_default();
                    (value.get_name().to_owned(), about)
                })
                .collect(),
        ),
    }
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let flag = |arg: &Arg| {
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some((format!("--{}", arg.get_long()?), about))
    };
    shown.filter_map(flag).collect()
}

fn subcommands(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    let about = |below: &Command| below.get_about().map(ToString::to_string).unwrap_or_default();
    shown.map(|below| (below.get_name().to_owned(), about(below))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> (Wanted, Vec<String>) {
        let mut command = args::command(Program::Rollouts);
        command.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        wanted(&command, &words)
    }

    fn words(line: &str) -> Vec<String> {
        match of(line).0 {
            Wanted::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_verb_about_a_rollout_completes_its_name() {
        for verb in [
            "abort",
            "get rollout",
            "get ro",
            "pause",
            "promote",
            "promote --full",
            "restart",
            "retry rollout",
            "set image",
            "status",
            "status --timeout 5m",
            "status -w",
            "undo",
            "why -o json",
            "list rollouts --name",
            "abort one",
            "promote -n prod",
        ] {
            assert_eq!(of(&format!("{verb} sh")).0, Wanted::Rollouts, "{verb}");
        }
        assert_eq!(words("promote shop "), Vec::<String>::new(), "it takes one name");
    }

    #[test]
    fn verbs_flags_and_values_are_those_of_the_command_line() {
        assert!(words("").contains(&"promote".to_owned()));
        assert_eq!(words("retry "), ["rollout"]);
        assert!(words("undo --").contains(&"--to-revision".to_owned()));
        assert!(words("undo --").contains(&"--namespace".to_owned()));
        assert_eq!(words("get rollout shop -o "), ["wide", "json", "yaml", "name"]);
        assert_eq!(words("completion "), ["bash", "zsh", "fish", "powershell"]);
        assert_eq!(words("undo shop --to-revision "), Vec::<String>::new());
        assert_eq!(of("promote -n ").0, Wanted::Namespaces);
        assert_eq!(of("promote --kubeconfig ").0, Wanted::Files);
    }

    #[test]
    fn the_way_to_the_cluster_is_the_one_that_was_typed() {
        let (_, connection) = of("-n one promote --full --context=west -ntwo --nonsense sh");
        assert_eq!(connection, ["-n", "one", "--context=west", "-ntwo"]);
        assert_eq!(of("promote --context west -n ").1, ["--context", "west"], "it has no value yet");
    }
}

//! The few commands that there are in every simulated container, and a shell to put them together.

use std::time::Duration;

use super::inside::Inside;

mod commands;
mod pipes;
mod script;

use pipes::Line;
pub(super) use pipes::Pipes;

/// What is asked of people who type.
const PROMPT: &str = "/ # ";

/// Runs a command to its end and gives its exit code.
///
/// # Errors
/// If there is no such command, in a container runtime's words.
pub(super) async fn run(command: &[String], inside: &Inside, pipes: &mut Pipes) -> Result<u8, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("exec: no command".to_owned());
    };
    match execute(program, arguments, inside, pipes).await {
        Some(Outcome::Done(code) | Outcome::Exit(code)) => Ok(code),
        None if program.contains('/') => {
            Err(format!("exec: \"{program}\": stat {program}: no such file or directory"))
        }
        None => Err(format!("exec: \"{program}\": executable file not found in $PATH")),
    }
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done(u8),
    /// The shell that it was in ends.
    Exit(u8),
}

/// Runs one command; nothing if there is none of that name.
async fn execute(program: &str, arguments: &[String], inside: &Inside, pipes: &mut Pipes) -> Option<Outcome> {
    const FOLDERS: [&str; 2] = ["/usr/bin/", "/bin/"];
    let name = FOLDERS.iter().find_map(|folder| program.strip_prefix(folder)).unwrap_or(program);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let code = match name {
        "sh" | "ash" => Box::pin(shell(&words, inside, pipes)).await,
        "exit" => {
            let code = words.first().map_or(Ok(0), |code| code.parse::<i64>());
            // The system keeps the lowest eight bits.
            return Some(Outcome::Exit(code.map_or(2, |code| (code & 0xff) as u8)));
        }
        "sleep" => sleep(&words, pipes).await,
        "cat" => commands::cat(&words, inside, pipes).await,
        "ls" => commands::ls(&words, inside, pipes).await,
        "env" | "printenv" => commands::env(&words, inside, pipes).await,
        "echo" => commands::echo(&words, pipes).await,
        "hostname" => pipes.write_done(&format!("{}\n", inside.hostname)).await,
        "pwd" => pipes.write_done("/\n").await,
        "true" | ":" => 0,
        "false" => 1,
        _ => return None,
    };
    Some(Outcome::Done(code))
}

/// `sh -c SCRIPT`, or lines from the input.
async fn shell(arguments: &[&str], inside: &Inside, pipes: &mut Pipes) -> u8 {
    match arguments {
        ["-c", text, ..] => match play(text, 0, inside, pipes).await {
            Outcome::Done(code) | Outcome::Exit(code) => code,
        },
        [] | ["-i" | "-l"] => converse(inside, pipes).await,
        [other, ..] => {
            pipes.complain(&format!("sh: the playground's shell takes -c or nothing, not {other}\n")).await;
            2
        }
    }
}

async fn converse(inside: &Inside, pipes: &mut Pipes) -> u8 {
    let mut last = 0;
    loop {
        if pipes.is_terminal() {
            pipes.write(PROMPT).await;
        }
        match pipes.read_line().await {
            Line::Text(text) => match play(&text, last, inside, pipes).await {
                Outcome::Done(code) => last = code,
                Outcome::Exit(code) => return code,
            },
            Line::Interrupted => last = 130,
            Line::End => return last,
        }
    }
}

/// Plays a script; `last` is the exit code of what came before.
async fn play(text: &str, mut last: u8, inside: &Inside, pipes: &mut Pipes) -> Outcome {
    let commands = match script::parse(text) {
        Ok(commands) => commands,
        Err(why) => {
            pipes.complain(&format!("sh: {why}\n")).await;
            return Outcome::Done(2);
        }
    };
    for command in commands {
        if !command.after.applies(last) {
            continue;
        }
        let words = command.words(&|name| match name {
            "?" => last.to_string(),
            _ => inside.environment.get(name).cloned().unwrap_or_default(),
        });
        let Some((program, arguments)) = words.split_first() else { continue };
        last = match execute(program, arguments, inside, pipes).await {
            Some(Outcome::Done(code)) => code,
            // Without a number, it ends with what came before.
            Some(Outcome::Exit(_)) if arguments.is_empty() => return Outcome::Exit(last),
            Some(exit) => return exit,
            None => {
                pipes.complain(&format!("sh: {program}: not found\n")).await;
                127
            }
        };
    }
    Outcome::Done(last)
}

async fn sleep(arguments: &[&str], pipes: &mut Pipes) -> u8 {
    let seconds = arguments.first().and_then(|text| text.trim_end_matches('s').parse::<f64>().ok());
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(time) => tokio::select! { biased;
            () = pipes.interrupted() => 130,
            () = tokio::time::sleep(time) => 0,
        },
        None => {
            let what = arguments.first().copied().unwrap_or_default();
            pipes.complain(&format!("sleep: invalid number '{what}'\n")).await;
            1
        }
    }
}

#[cfg(test)]
mod tests;

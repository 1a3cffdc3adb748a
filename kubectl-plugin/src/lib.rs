//! `kubectl rollouts`: watch, promote, abort and roll back from the terminal.
//!
//! ```text
//! argv ──clap──▶ commands::* (one verb, one file) ──▶ verdigris_core::{view, action} (pure) ──▶ text, patches
//!                     │                                          ▲
//!                     └──▶ cluster (the only module that talks to the API) ──┘
//! ```
//!
//! Verbs, flags, texts and exit codes are the peer's (`kubectl argo rollouts`), and the same program answers to both
//! names. Results go to stdout; notes and errors (`Error: …`) go to stderr; 0 is success, 1 is failure.

mod args;
mod cluster;
mod columns;
mod commands;
mod completing;
mod error;
mod objects;
mod paint;
mod screen;
mod session;
mod tree;
mod watching;

use std::{ffi::OsString, process::ExitCode};

use clap::{FromArgMatches, error::ErrorKind};

use crate::{error::Error, session::Session};

/// Runs the program under the name it was called by; `argv` includes that name.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let program = args::Program::called_as(argv.first());
    if let Some(words) = completing::asked(&argv) {
        return block_on(async {
            completing::answer(program, words).await;
            Ok(())
        });
    }
    let mut command = args::command(program);
    let parsed =
        command.try_get_matches_from_mut(&argv).and_then(|found| args::Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        // The bare name is a question, not a mistake.
        Err(error) if argv.len() < 2 => {
            let _ = screen::print(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => return usage(&error),
    };
    log_to_stderr(&cli.log);
    block_on(commands::run(cli.command, Session::new(cli.connection, program)))
}

fn block_on(run: impl Future<Output = Result<(), Error>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::Runtime(error)),
    };
    match runtime.block_on(run) {
        Ok(()) | Err(Error::Closed) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    eprintln!("Error: {error}");
    ExitCode::FAILURE
}

/// Help goes to stdout and is a success. A mistake goes to stderr as `Error: …` and is exit code 1, as the peer's is.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    match text.strip_prefix("error: ") {
        Some(text) => eprint!("Error: {text}"),
        None => eprint!("{text}"),
    }
    ExitCode::FAILURE
}

fn log_to_stderr(log: &args::LogArgs) {
    let level = match (log.kloglevel, log.loglevel.as_str()) {
        (8.., _) | (_, "trace") => "trace",
        (6.., _) | (_, "debug") => "debug",
        _ => return,
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

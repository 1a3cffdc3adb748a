//! Runs the playground, or, when kubectl calls it by a plugin's name, the plugin.

use std::{ffi::OsStr, path::Path, process::ExitCode};

use clap::Parser;
use verdigris_playground::{options::Options, run};

fn main() -> ExitCode {
    // The folder's bin/ links kubectl-rollouts and kubectl-argo-rollouts to this program: one build holds all.
    let called_as = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called_as).file_name().and_then(OsStr::to_str).unwrap_or_default();
    if name.starts_with("kubectl-") {
        return verdigris_kubectl_plugin::main(std::env::args_os());
    }
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::new(&options.log);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("verdigris-playground: {error:#}");
            ExitCode::FAILURE
        }
    }
}

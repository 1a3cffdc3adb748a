//! `kubectl argo rollouts`: the same program under the peer's name.

use std::process::ExitCode;

fn main() -> ExitCode {
    verdigris_kubectl_plugin::main(std::env::args_os())
}

//! `completion SHELL`

use clap::ValueEnum;
use clap_complete::{Shell, generate};

use crate::{args, error::Error, screen, session::Session};

/// `completion bash|zsh|fish|powershell`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Completion for this shell, from now on
  source <(kubectl-rollouts completion bash)
  # In each new shell
  kubectl rollouts completion bash > ~/.local/share/bash-completion/completions/kubectl-rollouts
  # Names of rollouts too, after `kubectl rollouts`: a link on the PATH, which kubectl asks
  ln -s \"$(command -v kubectl-rollouts)\" ~/.local/bin/kubectl_complete-rollouts")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: ShellName,
}

/// The shells of the peer.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

pub fn run(args: &Args, session: &Session) -> Result<(), Error> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
        ShellName::Powershell => Shell::PowerShell,
    };
    let program = session.program();
    let mut script = Vec::new();
    generate(shell, &mut args::command(program), program.file(), &mut script);
    screen::print(&String::from_utf8_lossy(&script))
}

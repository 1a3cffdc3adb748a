//! Why the program ends before it begins.

use std::{fmt, process::ExitCode};

use clap::error::{ContextKind, ErrorKind};

/// Why the program ends before it begins.
#[derive(Debug)]
pub enum Message {
    /// Help or version was asked for, or clap has a good sentence for the mistake.
    Clap(clap::Error),
    /// A flag that there is not, and perhaps one that was meant.
    UnknownFlag(String, Option<String>),
    /// Flags that cannot be meant together, or that ask for what there is not.
    Contradiction(String),
}

impl Message {
    /// Prints it where it belongs and says how the program ends.
    pub fn print(self) -> ExitCode {
        match self {
            Self::Clap(error) => {
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            Self::UnknownFlag(..) | Self::Contradiction(_) => {
                eprintln!("verdigris-controller: {self}");
                ExitCode::from(2)
            }
        }
    }
}

impl From<clap::Error> for Message {
    fn from(error: clap::Error) -> Self {
        let text = |kind| error.get(kind).map(ToString::to_string);
        match (error.kind(), text(ContextKind::InvalidArg)) {
            (ErrorKind::UnknownArgument, Some(flag)) => {
                Self::UnknownFlag(flag, text(ContextKind::SuggestedArg))
            }
            _ => Self::Clap(error),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clap(error) => error.fmt(f),
            Self::UnknownFlag(flag, Some(meant)) => write!(f, "there is no flag {flag}. Is {meant} meant?"),
            Self::UnknownFlag(flag, None) => {
                write!(f, "there is no flag {flag}. `verdigris-controller --help` lists those that there are")
            }
            Self::Contradiction(sentence) => f.write_str(sentence),
        }
    }
}

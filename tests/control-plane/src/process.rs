//! A program that ends when we end, however we end.

use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{Error, Result};

/// Starts `"$@"`, and kills it once standard input ends: nobody writes to that pipe, and the only one who holds its other
/// end is us. A process that was killed holds nothing.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ while read -r line <&3; do :; done; kill -9 "$program"; } 2>/dev/null &
watch=$!
exec 3<&-
wait "$program"
outcome=$?
kill -9 "$watch" 2>/dev/null
exit "$outcome"
"#;

/// A running program. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    log: PathBuf,
    supervisor: Child,
}

impl Process {
    /// Starts `program`, which writes to `log`.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file =
            file.map_err(|source| Error::File { what: "opening the log", path: log.into(), source })?;
        let started = (|| {
            Command::new("sh")
                .args(["-c", SUPERVISE, "sh"])
                .arg(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(file.try_clone()?)
                .stderr(file)
                // Ctrl-C is for us; what we hold ends after us.
                .process_group(0)
                .spawn()
        })();
        let supervisor = started.map_err(|source| Error::Start { program: program.into(), source })?;
        Ok(Self { name, log: log.into(), supervisor })
    }

    /// An error if the program has ended by itself.
    pub(crate) fn still_runs(&mut self, waited_for: &str) -> Result<()> {
        let outcome = match self.supervisor.try_wait() {
            Ok(None) => return Ok(()),
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let (name, waited_for) = (self.name, waited_for.to_owned());
        Err(Error::Ended { name, outcome, waited_for, log: last_lines(&self.log, 15) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn last_lines(log: &Path, count: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

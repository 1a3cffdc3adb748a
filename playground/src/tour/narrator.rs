//! Tells what happens, as it happens.

use std::io::Write;

use tokio::time::Instant;

use crate::kubectl::Said;

/// Writes the tour's story. Every line says how long the tour has lasted.
pub(super) struct Narrator<W> {
    out: W,
    began: Instant,
    step: u32,
}

impl<W: Write> Narrator<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, began: Instant::now(), step: 0 }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        let (step, seconds) = (self.step, self.began.elapsed().as_secs_f64());
        self.line(&format!("\n{step}. {title}   [{seconds:.1} s]"));
    }

    /// Shows a command and what it answered.
    pub(super) fn command(&mut self, arguments: &[&str], said: &Said) {
        let words: Vec<String> = arguments.iter().map(|word| shown(word)).collect();
        self.line(&format!("   $ kubectl {}", words.join(" ")));
        for line in said.stdout.lines().chain(said.stderr.lines()) {
            self.line(&format!("     {line}"));
        }
    }

    /// Says what was seen.
    pub(super) fn saw(&mut self, what: &str) {
        for line in what.lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// A reader who has gone away does not stop the tour.
    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
        let _ = self.out.flush();
    }
}

fn shown(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,".contains(c));
    if plain { word.to_owned() } else { format!("'{word}'") }
}

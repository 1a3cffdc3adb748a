//! A file of commands with the files that they need.
//!
//! ```text
//! # What it is about, for readers.
//! alone
//! = app.yaml
//! apiVersion: v1
//! ...
//! = commands
//! $ kubectl apply -f app.yaml
//! ? kubectl get deployment app -o jsonpath='{.status.availableReplicas}' | grep 2
//! ! Name of a row of the table in docs/playground.md
//! $ kubectl explain pods
//! ```
//!
//! `alone`: it looks at what belongs to nobody, so nothing else runs meanwhile. `$` must say the same on both servers.
//! `?` is tried until it succeeds, for waiting. `!` knows that the next command differs, and names the row that says why.
//! A command that ends with `\` goes on in the next line.

use anyhow::{Context as _, bail};

/// A readable file of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The file's name without its ending; also the name of the namespace that it uses.
    pub name: String,
    /// Whether nothing else may run meanwhile.
    pub alone: bool,
    /// Names and contents of the files that the commands find in their folder.
    pub files: Vec<(String, String)>,
    /// What is run, in this order.
    pub steps: Vec<Step>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line where it stands.
    pub line: usize,
    /// What the shell is given.
    pub command: String,
    /// What is asked of it.
    pub demand: Demand,
}

/// What is asked of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// The same output, complaints and exit code on both servers.
    Same,
    /// To differ, for the reason that this row of the table gives.
    Known(String),
    /// To succeed at last; it is tried again until then.
    Success,
}

impl Transcript {
    /// Reads one.
    ///
    /// # Errors
    /// If a line is none of those that the module's documentation names.
    pub fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        let mut read = Self { name: name.to_owned(), alone: false, files: Vec::new(), steps: Vec::new() };
        let mut part = Part::Head;
        let mut known = None;
        let mut unfinished: Option<Step> = None;
        for (index, line) in text.lines().enumerate() {
            let place = || format!("transcript {name}, line {}", index + 1);
            if let Some(step) = &mut unfinished {
                let (continued, more) = unfinished_text(line);
                step.command.push_str(continued);
                if !more {
                    read.steps.extend(unfinished.take());
                }
            } else if let Some(title) = line.strip_prefix("= ") {
                part = Part::named(title.trim());
                if let Part::File(name) = &part {
                    read.files.push((name.clone(), String::new()));
                }
            } else if let (Part::File(_), Some((_, content))) = (&part, read.files.last_mut()) {
                content.push_str(line);
                content.push('\n');
            } else if line.is_empty() || line.starts_with('#') {
            } else if line == "alone" && part == Part::Head {
                read.alone = true;
            } else if let Some((mark, rest)) = line.split_once(' ').filter(|_| part == Part::Commands) {
                let demand = match mark {
                    "$" => known.take().map_or(Demand::Same, Demand::Known),
                    "?" => Demand::Success,
                    "!" => {
                        known = Some(rest.trim().to_owned());
                        continue;
                    }
                    _ => bail!("{}: unknown mark `{mark}`", place()),
                };
                let (command, more) = unfinished_text(rest);
                let step = Step { line: index + 1, command: command.to_owned(), demand };
                if more {
                    unfinished = Some(step);
                } else {
                    read.steps.push(step);
                }
            } else {
                bail!("{}: this is neither a file nor a command: {line}", place());
            }
        }
        read.steps.first().with_context(|| format!("transcript {name} has no command"))?;
        Ok(read)
    }
}

/// Where we are in the file.
#[derive(PartialEq, Eq)]
enum Part {
    Head,
    File(String),
    Commands,
}

impl Part {
    fn named(title: &str) -> Self {
        if title == "commands" { Self::Commands } else { Self::File(title.to_owned()) }
    }
}

/// The line without the mark that it goes on, and whether it does.
fn unfinished_text(line: &str) -> (&str, bool) {
    line.strip_suffix('\\').map_or((line, false), |start| (start, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_commands_and_marks_are_told_apart() {
        let text = "# Why.\nalone\n= a.yaml\n# kept\nkind: A\n\n= commands\n$ one \\\n  more\n? two\n! A row\n$ three\n";
        let read = Transcript::parse("topic", text).unwrap();
        assert!(read.alone);
        assert_eq!(read.files, [("a.yaml".to_owned(), "# kept\nkind: A\n\n".to_owned())]);
        let steps: Vec<_> = read.steps.iter().map(|step| (step.command.as_str(), &step.demand)).collect();
        let known = Demand::Known("A row".to_owned());
        assert_eq!(steps, [("one   more", &Demand::Same), ("two", &Demand::Success), ("three", &known)]);
    }

    #[test]
    fn an_unknown_line_is_refused_with_its_place() {
        let error = Transcript::parse("topic", "= commands\nkubectl get pods\n").unwrap_err();
        assert_eq!(error.to_string(), "transcript topic, line 2: unknown mark `kubectl`");
    }
}

//! Reads what is typed: words, quotes, variables, and commands one after another.

/// When a command runs, by the exit code of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Anything,
    Success,
    Failure,
}

impl After {
    pub(super) fn applies(self, last: u8) -> bool {
        match self {
            Self::Anything => true,
            Self::Success => last == 0,
            Self::Failure => last != 0,
        }
    }
}

/// A command as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) after: After,
    words: Vec<Word>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Word {
    parts: Vec<Part>,
    /// A quoted word is there even if it is empty.
    quoted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Command {
    /// The words with the values of variables in them.
    pub(super) fn words(&self, value: &dyn Fn(&str) -> String) -> Vec<String> {
        let filled = self.words.iter().map(|word| {
            let parts = word.parts.iter().map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Variable(name) => value(name),
            });
            (parts.collect::<String>(), word.quoted)
        });
        filled.filter(|(text, quoted)| *quoted || !text.is_empty()).map(|(text, _)| text).collect()
    }
}

/// Reads a script.
///
/// # Errors
/// What is not understood.
pub(super) fn parse(text: &str) -> Result<Vec<Command>, String> {
    let mut reader =
        Reader { rest: text, commands: Vec::new(), after: After::Anything, words: Vec::new(), word: None };
    reader.read()?;
    Ok(reader.commands)
}

struct Reader<'a> {
    rest: &'a str,
    commands: Vec<Command>,
    after: After,
    words: Vec<Word>,
    word: Option<Word>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(next) = self.take() {
            match next {
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' | ';' => self.end_command(After::Anything),
                '&' if self.rest.starts_with('&') => {
                    self.take();
                    self.end_command(After::Success);
                }
                '|' if self.rest.starts_with('|') => {
                    self.take();
                    self.end_command(After::Failure);
                }
                '#' if self.word.is_none() => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                '|' | '&' | '<' | '>' | '(' | ')' | '`' => {
                    return Err(format!("the playground's shell does not know {next:?}"));
                }
                '\'' => {
                    let end = self.rest.find('\'').ok_or("a quote is not closed")?;
                    let (text, rest) = self.rest.split_at(end);
                    self.text(text, true);
                    self.rest = &rest[1..];
                }
                '"' => self.double_quoted()?,
                '\\' => {
                    if let Some(literal) = self.take() {
                        self.text(literal.encode_utf8(&mut [0; 4]), true);
                    }
                }
                '$' => self.variable()?,
                other => self.text(other.encode_utf8(&mut [0; 4]), false),
            }
        }
        self.end_command(After::Anything);
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        self.text("", true);
        loop {
            match self.take().ok_or("a quote is not closed")? {
                '"' => return Ok(()),
                '$' => self.variable()?,
                '\\' if self.rest.starts_with(['"', '\\', '$', '`']) => {
                    if let Some(literal) = self.take() {
                        self.text(literal.encode_utf8(&mut [0; 4]), true);
                    }
                }
                other => self.text(other.encode_utf8(&mut [0; 4]), true),
            }
        }
    }

    /// What follows a dollar sign.
    fn variable(&mut self) -> Result<(), String> {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.rest.starts_with('(') {
            return Err("the playground's shell does not know \"$(\"".to_owned());
        }
        let found = if let Some(braced) = self.rest.strip_prefix('{') {
            let (found, rest) = braced.split_once('}').ok_or("a brace is not closed")?;
            if found != "?" && !found.chars().all(name) {
                return Err(format!("${{{found}}}: bad substitution"));
            }
            self.rest = rest;
            found
        } else {
            let end = if self.rest.starts_with('?') {
                1
            } else {
                self.rest.find(|c| !name(c)).unwrap_or(self.rest.len())
            };
            let (found, rest) = self.rest.split_at(end);
            self.rest = rest;
            found
        };
        if found.is_empty() {
            self.text("$", false);
        } else {
            let part = Part::Variable(found.to_owned());
            self.word.get_or_insert_default().parts.push(part);
        }
        Ok(())
    }

    fn take(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next();
        self.rest = rest.as_str();
        next
    }

    fn text(&mut self, text: &str, quoted: bool) {
        let word = self.word.get_or_insert_default();
        word.quoted |= quoted;
        match word.parts.last_mut() {
            Some(Part::Text(so_far)) => so_far.push_str(text),
            _ => word.parts.push(Part::Text(text.to_owned())),
        }
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self, next: After) {
        self.end_word();
        if !self.words.is_empty() {
            let words = std::mem::take(&mut self.words);
            self.commands.push(Command { after: self.after, words });
        }
        self.after = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(After, Vec<String>)> {
        let value = |name: &str| if name == "NAME" { "a b".to_owned() } else { String::new() };
        parse(text).unwrap().iter().map(|command| (command.after, command.words(&value))).collect()
    }

    fn words(text: &str) -> Vec<String> {
        read(text).remove(0).1
    }

    #[test]
    fn words_are_quoted_and_filled_in() {
        assert_eq!(
            words("echo 'a  $NAME' \"$NAME ${NAME}\" x\\ y $NONE \"\" $ # and so on"),
            ["echo", "a  $NAME", "a b a b", "x y", "", "$"]
        );
        assert_eq!(words(r#"echo "a \"quoted\" \n""#), ["echo", "a \"quoted\" \\n"]);
    }

    #[test]
    fn commands_follow_one_another() {
        let one = |after, word: &str| (after, vec![word.to_owned()]);
        assert_eq!(
            read("a && b || c; d\n\n;e"),
            [
                one(After::Anything, "a"),
                one(After::Success, "b"),
                one(After::Failure, "c"),
                one(After::Anything, "d"),
                one(After::Anything, "e"),
            ]
        );
        assert!(read(" \n ; # nothing").is_empty());
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (text, why) in [
            ("a | b", "the playground's shell does not know '|'"),
            ("a > b", "the playground's shell does not know '>'"),
            ("echo $(a)", "the playground's shell does not know \"$(\""),
            ("echo ${a:-b}", "${a:-b}: bad substitution"),
            ("echo 'a", "a quote is not closed"),
            ("echo \"a", "a quote is not closed"),
            ("echo ${a", "a brace is not closed"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why);
        }
    }
}

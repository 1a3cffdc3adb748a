//! Text to stdout: plain lines, or a picture that is drawn again and again.

use std::io::{IsTerminal, Write};

use crate::error::Error;

/// Prints results.
///
/// # Errors
/// [`Error::Closed`] if nobody reads any more.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints one line of results.
///
/// # Errors
/// As [`print`].
pub fn line(text: &str) -> Result<(), Error> {
    print(&format!("{text}\n"))
}

/// Says something beside the results.
pub fn note(text: &str) {
    eprintln!("Note: {text}");
}

/// A picture that is drawn again and again. On a terminal each replaces the one before; elsewhere (a pipe, a file) each
/// that differs follows the one before.
#[derive(Debug, Default)]
pub struct Picture {
    drawn: Option<Vec<String>>,
}

impl Picture {
    /// Whether it makes sense to draw because only the time has gone on.
    pub fn is_live() -> bool {
        std::io::stdout().is_terminal()
    }

    /// Draws it.
    pub fn draw(&mut self, lines: Vec<String>) -> Result<(), Error> {
        if self.drawn.as_ref() == Some(&lines) {
            return Ok(());
        }
        if Self::is_live() {
            let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
            print(&over(&lines, usize::from(columns), usize::from(rows), self.drawn.is_none()))?;
        } else {
            let gap = if self.drawn.is_some() { "\n" } else { "" };
            print(&format!("{gap}{}\n", lines.join("\n")))?;
        }
        self.drawn = Some(lines);
        Ok(())
    }
}

/// The picture over the one before, line by line so that nothing flickers, cut to the screen so that nothing scrolls.
fn over(lines: &[String], columns: usize, rows: usize, first: bool) -> String {
    const HOME: &str = "\u{1b}[H";
    const CLEAR: &str = "\u{1b}[H\u{1b}[2J";
    const REST_OF_LINE: &str = "\u{1b}[K";
    const REST_OF_SCREEN: &str = "\u{1b}[J";
    let room = rows.saturating_sub(1).max(1);
    let mut text = String::from(if first { CLEAR } else { HOME });
    let (shown, hidden) =
        if lines.len() > room { (room - 1, lines.len() + 1 - room) } else { (lines.len(), 0) };
    for line in &lines[..shown] {
        text.push_str(&cut(line, columns));
        text.push_str(REST_OF_LINE);
        text.push('\n');
    }
    if hidden > 0 {
        text.push_str(&format!("… {hidden} more lines: make the window higher{REST_OF_LINE}\n"));
    }
    text.push_str(REST_OF_SCREEN);
    text
}

/// The line, cut to so many columns; colours take no room.
fn cut(line: &str, columns: usize) -> String {
    let mut cut = String::with_capacity(line.len());
    let (mut width, mut in_escape) = (0, false);
    for character in line.chars() {
        if character == '\u{1b}' {
            in_escape = true;
        }
        if !in_escape {
            width += 1;
            if width > columns {
                continue;
            }
        } else if character.is_ascii_alphabetic() {
            in_escape = false;
        }
        cut.push(character);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_without_losing_the_end_of_its_colour() {
        assert_eq!(cut("\u{1b}[32mstable\u{1b}[0m,active", 4), "\u{1b}[32mstab\u{1b}[0m");
        assert_eq!(cut("short", 80), "short");
    }

    #[test]
    fn a_picture_higher_than_the_screen_says_so() {
        let lines: Vec<String> = (0..5).map(|number| number.to_string()).collect();
        let text = over(&lines, 80, 4, false);
        assert!(text.contains("… 3 more lines"), "{text:?}");
        assert!(text.contains("1\u{1b}[K") && !text.contains("2\u{1b}[K"), "{text:?}");
    }
}

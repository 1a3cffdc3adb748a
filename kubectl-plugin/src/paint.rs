//! Colours: the peer's, where the reader wants them.

use std::{env, io::IsTerminal};

use verdigris_core::view::{Icon, Tag};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// ANSI colours.
    Colours,
    /// Text alone.
    Plain,
}

/// ANSI foreground colours, by their code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// 31.
    Red,
    /// 32.
    Green,
    /// 33.
    Yellow,
    /// 94.
    BrightBlue,
    /// None.
    Default,
}

impl Paint {
    /// Colours on a terminal that can show them, unless the reader said no: `--no-color`, `NO_COLOR`, `TERM=dumb`.
    pub fn wanted(no_color: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if no_color || refused || dumb || !std::io::stdout().is_terminal() {
            Self::Plain
        } else {
            Self::Colours
        }
    }

    /// The text in this colour.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::BrightBlue => 94,
            Colour::Default => return text.to_owned(),
        };
        if self == Self::Plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
    }
}

/// The colour of an icon.
pub const fn of_icon(icon: Icon) -> Colour {
    match icon {
        Icon::Ok => Colour::Green,
        Icon::Bad | Icon::Warning => Colour::Red,
        Icon::Unknown | Icon::Waiting => Colour::Yellow,
        Icon::Progressing => Colour::BrightBlue,
        Icon::Paused | Icon::Neutral | Icon::Blank => Colour::Default,
    }
}

/// The colour of a role.
pub const fn of_tag(tag: Tag) -> Colour {
    match tag {
        Tag::Stable | Tag::Active => Colour::Green,
        Tag::Canary => Colour::Yellow,
        Tag::Preview | Tag::Ping | Tag::Pong => Colour::BrightBlue,
    }
}

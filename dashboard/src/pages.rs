//! Pages, made of fragments: what a page shows when it is loaded is what the live stream sends when it changes.

pub(crate) mod list;
pub(crate) mod rollout;
pub(crate) mod row;
pub(crate) mod words;

use askama::Template;
use axum::response::Html;

use crate::{assets, problem::render, state::Shared};

/// The frame around every page.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) root: String,
    pub(crate) assets: &'static str,
    /// The version of the program.
    pub(crate) release: &'static str,
    pub(crate) title: String,
    /// URL of the live stream.
    pub(crate) live: String,
    /// What of the store this page has seen.
    pub(crate) seen: String,
    /// What to type for the same in a terminal.
    pub(crate) terminal: String,
    /// The way here: texts and URLs; the last is this page.
    pub(crate) crumbs: Vec<(String, String)>,
}

impl Shell {
    pub(crate) fn new(app: &Shared, title: String, live: String, version: u64, verb: &str) -> Self {
        Self {
            root: app.root.clone(),
            assets: assets::version(),
            release: env!("CARGO_PKG_VERSION"),
            title,
            terminal: format!("{} {verb}", app.options.command),
            live,
            seen: app.seen(version),
            crumbs: Vec::new(),
        }
    }
}

/// Why something cannot be seen at present.
#[derive(Template)]
#[template(path = "troubles.html")]
struct Troubles {
    reading: bool,
    troubles: Vec<String>,
}

/// The fragment on top of every page that says what cannot be seen at present.
pub(crate) fn troubles(app: &Shared) -> String {
    let troubles = app.store.troubles();
    render(&Troubles { reading: troubles.is_empty() && !app.store.complete(), troubles })
}

pub(crate) fn html(template: &impl Template) -> Html<String> {
    Html(render(template))
}

//! A refusal or failure as a page: what happened, in a sentence, and the way back.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};

use crate::assets;

/// What the user is told instead of what they asked for.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) sentence: String,
    /// `` or `/some/path`, for links.
    pub(crate) root: String,
    /// Where to go on, if not at the list.
    pub(crate) back: Option<String>,
}

impl Problem {
    /// With a link back to this page.
    pub(crate) fn back_to(self, url: String) -> Self {
        Self { back: Some(url), ..self }
    }

    /// For scripts: the sentence alone.
    pub(crate) fn into_text(self) -> Response {
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.status, headers, self.sentence).into_response()
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    root: &'a str,
    assets: &'a str,
    code: u16,
    title: &'a str,
    sentence: &'a str,
    back: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let list = format!("{}/", self.root);
        let page = ProblemPage {
            root: &self.root,
            assets: assets::version(),
            code: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("That did not work"),
            sentence: &self.sentence,
            back: self.back.as_deref().unwrap_or(&list),
        };
        match page.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// Renders a template; a failure to do so is ours and is said as such.
pub(crate) fn render(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a template cannot be rendered");
        "<p>This part of the page cannot be shown; the server's log says why.</p>".to_owned()
    })
}

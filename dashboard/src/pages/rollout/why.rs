//! Why it stands where it stands: the words of `kubectl rollouts why`.

use askama::Template;
use verdigris_core::view::{Answer, Line, Phase, Why};

use super::Page;
use crate::pages::words::{phase_class, sentence};

/// What blocks it, what comes next, and what can be done.
#[derive(Template)]
#[template(path = "why.html")]
pub(super) struct WhyFragment {
    class: &'static str,
    /// Nothing blocks it: the answer is there for those who ask.
    calm: bool,
    answers: Vec<Answer>,
}

impl WhyFragment {
    pub(super) fn new(page: &Page<'_>) -> Self {
        let view = page.view;
        let place = format!("-n {}", view.namespace);
        let mut answers = Why::of(view).answers(&page.app.options.command, &place);
        for line in answers.iter_mut().flat_map(|answer| &mut answer.lines) {
            if let Line::Text(text) = line {
                *text = sentence(text);
            }
        }
        Self {
            class: phase_class(&view.phase),
            calm: view.phase == Phase::Healthy && view.waiting_for.is_empty(),
            answers: answers.into(),
        }
    }
}

//! One Rollout in one row.

use askama::Template;
use jiff::Timestamp;
use verdigris_core::view::{Icon, Phase, PodView, ReplicaSetView, RolloutView, Tag};

use crate::{
    filter::Filter,
    pages::words::{self, phase_class, pod_look, pods, short_image, sign},
    problem::render,
    state::Shared,
    store::{Key, RolloutRead, Scene},
};

/// Dots drawn for one version; more are told in the label.
const DOTS_MAX: usize = 9;

/// One Rollout in one row.
#[derive(Template)]
#[template(path = "row.html")]
pub(crate) struct Row {
    pub(crate) id: String,
    /// Rows are in the order of this text.
    pub(crate) sort: String,
    pub(crate) phase: String,
    /// What the filter looks at, in lower case.
    pub(crate) text: String,
    pub(crate) hidden: bool,
    /// Whether somebody has to do something.
    pub(crate) needs_action: bool,
    class: &'static str,
    sign: &'static str,
    url: String,
    name: String,
    namespace: String,
    sentence: String,
    runs: Vec<Run>,
    created: Option<Timestamp>,
    age: String,
}

/// One version that runs.
struct Run {
    role: &'static str,
    image: String,
    short: String,
    dots: Vec<Dot>,
    width: usize,
    pods_text: String,
}

struct Dot {
    class: &'static str,
    x: usize,
}

/// The id of a row's element.
pub(crate) fn id(key: &Key) -> String {
    format!("row/{}/{}", key.0, key.1)
}

impl Row {
    pub(crate) fn new(app: &Shared, key: &Key, scene: &Scene, filter: &Filter) -> Self {
        let mut row = match (&*scene.rollout, scene.view(app.now())) {
            (RolloutRead::Broken(why), _) => Self::broken(app, key, why),
            (RolloutRead::Whole(_), Some(view)) => Self::of(app, key, scene, &view),
            (RolloutRead::Whole(_), None) => Self::broken(app, key, "it cannot be read"),
        };
        row.hidden = !filter.shows(&row.phase, &row.text);
        row
    }

    pub(crate) fn html(&self) -> String {
        render(self)
    }

    /// The list it belongs to.
    pub(crate) fn list(&self) -> &'static str {
        if self.needs_action { "needs" } else { "rest" }
    }

    fn of(app: &Shared, key: &Key, scene: &Scene, view: &RolloutView) -> Self {
        let sentence = view.waiting_for.first().cloned().unwrap_or_else(|| match view.phase {
            Phase::Healthy => format!("{} of {} available", view.replicas.available, view.replicas.desired),
            _ => view.message.clone(),
        });
        let images: Vec<&str> = view.images.iter().map(|image| image.image.as_str()).collect();
        let phase = view.phase.as_str().to_owned();
        let text = format!("{} {} {phase} {} {sentence}", key.0, key.1, images.join(" ")).to_lowercase();
        Self {
            needs_action: needs_action(view, scene),
            class: phase_class(&view.phase),
            sign: sign(view.icon),
            runs: runs(view),
            created: view.created,
            age: view.age.clone(),
            text,
            ..Self::frame(app, key, phase, words::sentence(&sentence))
        }
    }

    fn broken(app: &Shared, key: &Key, why: &str) -> Self {
        let sentence = format!("This Rollout cannot be read: {why}");
        Self {
            needs_action: true,
            class: "degraded",
            sign: sign(Icon::Warning),
            text: format!("{} {} unreadable", key.0, key.1).to_lowercase(),
            ..Self::frame(app, key, "Unreadable".to_owned(), sentence)
        }
    }

    fn frame(app: &Shared, key: &Key, phase: String, sentence: String) -> Self {
        Self {
            id: id(key),
            sort: format!("{}/{}", key.0, key.1),
            text: String::new(),
            hidden: false,
            needs_action: false,
            class: "other",
            sign: "",
            url: app.rollout_url(key),
            name: key.1.clone(),
            namespace: key.0.clone(),
            runs: Vec::new(),
            created: None,
            age: String::new(),
            phase,
            sentence,
        }
    }
}

/// Whether it waits for a person: degraded, or paused with no timer that ends the pause.
fn needs_action(view: &RolloutView, scene: &Scene) -> bool {
    let RolloutRead::Whole(rollout) = &*scene.rollout else { return true };
    let strategy = rollout.spec.strategy.as_ref();
    let blue_green = strategy.and_then(|strategy| strategy.blue_green.as_ref());
    let by_itself = blue_green.is_some_and(|blue_green| {
        blue_green.auto_promotion_enabled.unwrap_or(true)
            && blue_green.auto_promotion_seconds.unwrap_or(0) > 0
    });
    match &view.phase {
        Phase::Degraded => true,
        Phase::Paused => rollout.spec.paused == Some(true) || !by_itself,
        Phase::Healthy | Phase::Progressing => false,
        Phase::Other(name) => matches!(name.as_str(), "Error" | "InvalidSpec" | "Unknown"),
    }
}

/// The versions that play a role, active first.
fn runs(view: &RolloutView) -> Vec<Run> {
    let mut sets: Vec<&ReplicaSetView> = view.replica_sets().filter(|set| !set.tags.is_empty()).collect();
    sets.sort_by_key(|set| (!set.has(Tag::Active), !set.has(Tag::Stable), set.tags.clone()));
    sets.into_iter().map(Run::of).collect()
}

impl Run {
    fn of(set: &ReplicaSetView) -> Self {
        let role =
            [Tag::Active, Tag::Stable, Tag::Preview, Tag::Canary].into_iter().find(|tag| set.has(*tag));
        let dots: Vec<Dot> = set.pods.iter().take(DOTS_MAX).enumerate().map(Dot::of).collect();
        let ready = set.pods.iter().filter(|pod| pod.ready).count();
        Self {
            role: role.map_or("version", Tag::as_str),
            image: set.images.join(", "),
            short: set.images.first().map(|image| short_image(image)).unwrap_or_default(),
            width: (dots.len() * 13).max(1),
            pods_text: format!("{ready} of {} ready", pods(set.pods.len())),
            dots,
        }
    }
}

impl Dot {
    fn of((index, pod): (usize, &PodView)) -> Self {
        let (class, _) = pod_look(pod);
        Self { class, x: index * 13 + 1 }
    }
}

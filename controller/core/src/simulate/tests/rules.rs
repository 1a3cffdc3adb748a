//! The numbered rules of blue-green, one test each: a world in a sentence, one action, one look. The names begin with the
//! number of the rule; what we do otherwise on purpose has its row in `docs/compatibility.md`.

mod conditions;
mod creation;
mod ends;
mod gates;
mod phases;
mod promotions;
mod sizes;

use serde_json::{Value, json};
use verdigris_crds::keys;

use super::{aborted_after_the_switch, deployed, promoted, released, shop, updated};
use crate::simulate::Cluster;

/// `name: world, action => look, what is seen;`
macro_rules! rules {
    ($($name:ident: $world:expr, $action:expr => $look:expr, $seen:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut cluster: Cluster = $world;
            let action: fn(&mut Cluster) = $action;
            action(&mut cluster);
            cluster.settle().expect("safe and at rest");
            let look: fn(&Cluster) -> String = $look;
            assert_eq!(look(&cluster), $seen);
        }
    )*};
}
pub(crate) use rules;

impl Cluster {
    /// `1:2 2:0`: pods wanted by revision.
    fn sized(&self) -> String {
        let sizes: Vec<_> =
            self.sizes().iter().map(|(revision, size)| format!("{revision}:{size}")).collect();
        sizes.join(" ")
    }

    /// The image that a Service selects, by its number; `-` if the selector has no hash.
    fn serves(&self, service: &str) -> String {
        let hash = self.services.get(service).and_then(|service| service.hash());
        hash.map_or_else(|| "-".to_owned(), |hash| self.image(hash))
    }

    fn image(&self, hash: &str) -> String {
        let set = self.replica_sets.values().find(|seen| seen.hash("app") == Some(hash));
        let template = set.and_then(|set| self.templates.get(&set.name));
        let image = template.and_then(|it| it.pointer("/spec/containers/0/image")).and_then(Value::as_str);
        image.and_then(|image| image.rsplit(':').next()).unwrap_or("?").to_owned()
    }

    /// `active 1, preview 2`: the images that the Services select.
    fn traffic(&self) -> String {
        format!("active {}, preview {}", self.serves("app-active"), self.serves("app-preview"))
    }

    /// `Paused: BlueGreenPause`.
    fn stage(&self) -> String {
        let (phase, message) = self.phase();
        format!("{phase}: {message}")
    }

    /// `True RolloutPaused`: status and reason of a condition.
    fn says(&self, type_: &str) -> String {
        self.condition(type_)
            .map_or_else(|| "-".to_owned(), |(status, reason, _)| format!("{status} {reason}"))
    }

    /// Reasons of the pauses.
    fn pauses(&self) -> String {
        let pauses = self.status().pause_conditions.unwrap_or_default();
        pauses.iter().map(|pause| pause.reason.as_str()).collect::<Vec<_>>().join(",")
    }

    fn last_event(&self) -> String {
        self.events().pop().unwrap_or_default()
    }

    fn release(&mut self) {
        self.set_image("example/app:2");
    }

    fn abort(&mut self) {
        self.steer(|status| status.abort = Some(true));
    }

    fn retry(&mut self) {
        self.steer(|status| status.abort = Some(false));
    }

    fn pause(&mut self, paused: bool) {
        self.apply(&json!({"paused": paused}));
    }

    fn strategy(&mut self, fields: &Value) {
        self.apply(&json!({"strategy": {"blueGreen": fields}}));
    }

    fn break_revision(&mut self, revision: u64, pods: usize) {
        let name = self.set(revision).name.clone();
        self.break_pods(&name, pods);
    }

    fn has(&self, revision: u64, annotation: &str) -> String {
        self.set(revision).annotations.get(annotation).cloned().unwrap_or_else(|| "-".to_owned())
    }

    /// Seconds until a revision is scaled to zero.
    fn ends_in(&self, revision: u64) -> String {
        let deadline = self.set(revision).scale_down_deadline();
        deadline.map_or_else(
            || "-".to_owned(),
            |deadline| (deadline.as_second() - self.now.as_second()).to_string(),
        )
    }
}

fn plain() -> Value {
    json!({})
}

fn auto() -> Value {
    json!({"autoPromotionEnabled": true})
}

fn seconds() -> Value {
    json!({"autoPromotionEnabled": true, "autoPromotionSeconds": 20})
}

fn small() -> Value {
    json!({"previewReplicaCount": 1})
}

/// Version 2 is aborted before its switch.
fn aborted(strategy: &Value) -> Cluster {
    let mut cluster = updated(strategy);
    cluster.abort();
    cluster.wait(0);
    cluster
}

/// Version 2 was promoted just now, after it grew from its preview size.
fn grown() -> Cluster {
    let mut cluster = updated(&small());
    cluster.promote();
    cluster.wait(2);
    cluster
}

/// Version 2 is on its way, and its pods are not ready yet.
fn starting(strategy: &Value) -> Cluster {
    let mut cluster = deployed(strategy);
    cluster.release();
    cluster.wait(0);
    cluster
}

/// A pause of an analysis that could not say.
fn inconclusive(cluster: &mut Cluster) {
    let pause = json!([{"reason": "InconclusiveAnalysisRun", "startTime": cluster.now}]);
    cluster.steer(|status| {
        status.pause_conditions = serde_json::from_value(pause).expect("a pause");
        status.controller_pause = Some(true);
    });
}

fn annotated(key: &str, value: &str) -> std::collections::BTreeMap<String, Option<String>> {
    std::collections::BTreeMap::from([(key.to_owned(), Some(value.to_owned()))])
}

const REVISION: &str = keys::REVISION;

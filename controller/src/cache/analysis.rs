//! AnalysisRuns and templates, as the watches have shown them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::Resource;
use serde_json::Value;
use verdigris_core::{
    analysis::{named, reachable},
    observed::analysis::{AnalysisRunSeen, AnalysisSeen, TemplateName},
};
use verdigris_crds::{BlueGreenStrategy, RolloutStatus};

use super::{
    Shown,
    index::Index,
    store::{Changes, Store},
};
use crate::{
    items::{
        AnalysisRunItem, AnalysisTemplateItem, ClusterAnalysisTemplateItem, ROLLOUT_KIND, controller_of,
    },
    key::{Key, Kind, Version},
    metrics::{Metrics, facts::template_metrics},
};

/// AnalysisRuns and templates.
#[derive(Default)]
pub struct AnalysisCache {
    metrics: Arc<Metrics>,
    runs: Store<CachedRun>,
    templates: Store<CachedTemplate>,
    cluster_templates: Store<CachedTemplate>,
    /// Rollout → the AnalysisRuns that it controls, by its name.
    runs_by_rollout: Index<Key>,
    /// Rollouts that ask for an analysis: a template that changes concerns them.
    analysed: BTreeSet<Key>,
    /// Why a kind cannot be read.
    troubles: BTreeMap<Kind, String>,
}

struct CachedRun {
    seen: AnalysisRunSeen,
    rollout: Option<String>,
}

struct CachedTemplate {
    /// The spec as JSON.
    spec: Box<[u8]>,
}

impl AnalysisCache {
    /// An empty one that tells what it shows.
    #[must_use]
    pub fn telling(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// How many AnalysisRuns, AnalysisTemplates and ClusterAnalysisTemplates there are.
    #[must_use]
    pub fn sizes(&self) -> [usize; 3] {
        [self.runs.len(), self.templates.len(), self.cluster_templates.len()]
    }

    /// Whether it is known of this kind what there is, or why that cannot be known.
    #[must_use]
    pub fn is_settled(&self, kind: Kind) -> bool {
        self.listed(kind) || self.troubles.contains_key(&kind)
    }

    fn listed(&self, kind: Kind) -> bool {
        match kind {
            Kind::AnalysisRun => self.runs.listed(),
            Kind::AnalysisTemplate => self.templates.listed(),
            Kind::ClusterAnalysisTemplate => self.cluster_templates.listed(),
            _ => true,
        }
    }

    /// The version of an AnalysisRun that is held.
    #[must_use]
    pub fn run_version(&self, key: &Key) -> Option<&Version> {
        self.runs.version(key)
    }

    /// What a decision about a Rollout may look at.
    #[must_use]
    pub fn seen(
        &self,
        rollout: &Key,
        strategy: Option<&BlueGreenStrategy>,
        status: Option<&RolloutStatus>,
    ) -> AnalysisSeen {
        let owned = self.runs_by_rollout.of(rollout);
        // A run that lost its owner is still one that the status may name.
        let status = status.and_then(|status| status.blue_green.as_ref());
        let named_runs = status.into_iter().flat_map(|status| {
            [&status.pre_promotion_analysis_run_status, &status.post_promotion_analysis_run_status]
        });
        let named_runs = named_runs.flatten().map(|run| Key::new(rollout.namespace(), &run.name));
        let runs = owned
            .cloned()
            .chain(named_runs)
            .filter_map(|key| Some((key.name().to_owned(), self.runs.get(&key)?.seen.clone())))
            .collect();
        let names: Vec<TemplateName> = strategy.into_iter().flat_map(named).collect();
        let templates = reachable(names, |name| self.template(rollout.namespace(), name));
        let needs =
            |kind: Kind, needed: bool| self.troubles.get(&kind).filter(|_| needed && !self.listed(kind));
        let of_scope = |cluster: bool| templates.keys().any(|name| name.cluster_scope == cluster);
        let unreadable = needs(Kind::AnalysisRun, true)
            .or(needs(Kind::AnalysisTemplate, of_scope(false)))
            .or(needs(Kind::ClusterAnalysisTemplate, of_scope(true)))
            .cloned();
        AnalysisSeen { runs, templates, unreadable }
    }

    fn template(&self, namespace: &str, name: &TemplateName) -> Option<Value> {
        let cached = if name.cluster_scope {
            self.cluster_templates.get(&Key::new("", &name.name))
        } else {
            self.templates.get(&Key::new(namespace, &name.name))
        };
        serde_json::from_slice(&cached?.spec).ok()
    }

    /// Whether a Rollout asks for an analysis has changed.
    pub fn rollout_shown(&mut self, rollout: &Key, analysed: bool) {
        if analysed {
            self.analysed.insert(rollout.clone());
        } else {
            self.analysed.remove(rollout);
        }
    }

    /// Takes in what the watch of AnalysisRuns has shown; answers which Rollouts have to be looked at.
    pub fn run_shown(&mut self, shown: Shown<AnalysisRunItem>) -> BTreeSet<Key> {
        let changes = self.runs.shown(shown, cached_run);
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            self.metrics.run_shown(key, self.runs.get(key).map(|run| run.seen.phase.as_str()));
            let rollout = |run: &CachedRun| Some(Key::new(key.namespace(), run.rollout.as_ref()?));
            if let Some(rollout) = old.as_ref().and_then(rollout) {
                self.runs_by_rollout.unlink(rollout.clone(), key);
                concerned.insert(rollout);
            }
            if let Some(rollout) = self.runs.get(key).and_then(rollout) {
                self.runs_by_rollout.link(rollout.clone(), key);
                concerned.insert(rollout);
            }
        }
        concerned
    }

    /// Takes in what the watch of AnalysisTemplates has shown; answers which Rollouts have to be looked at.
    pub fn template_shown(&mut self, shown: Shown<AnalysisTemplateItem>) -> BTreeSet<Key> {
        let keep = |item: AnalysisTemplateItem| cached_template(item.spec());
        let changes = self.templates.shown(shown, keep);
        tell(&self.metrics, &self.templates, &changes);
        let namespaces: BTreeSet<&str> = changes.iter().map(|(key, _)| key.namespace()).collect();
        self.analysed.iter().filter(|key| namespaces.contains(key.namespace())).cloned().collect()
    }

    /// Takes in what the watch of ClusterAnalysisTemplates has shown; answers which Rollouts have to be looked at.
    pub fn cluster_template_shown(&mut self, shown: Shown<ClusterAnalysisTemplateItem>) -> BTreeSet<Key> {
        let keep = |item: ClusterAnalysisTemplateItem| cached_template(item.spec());
        let changes = self.cluster_templates.shown(shown, keep);
        tell(&self.metrics, &self.cluster_templates, &changes);
        if changes.is_empty() { BTreeSet::new() } else { self.analysed.clone() }
    }

    /// A kind cannot be read. What was known of it is forgotten where the server does not let it be known.
    pub fn has_trouble(&mut self, kind: Kind, why: String, for_good: bool) -> BTreeSet<Key> {
        if for_good {
            self.metrics.kind_forgotten(kind);
            match kind {
                Kind::AnalysisRun => {
                    self.runs = Store::default();
                    self.runs_by_rollout.clear();
                }
                Kind::AnalysisTemplate => self.templates = Store::default(),
                Kind::ClusterAnalysisTemplate => self.cluster_templates = Store::default(),
                _ => {}
            }
        }
        self.troubles.insert(kind, why);
        self.analysed.clone()
    }

    /// A kind can be read again.
    pub fn works(&mut self, kind: Kind) -> BTreeSet<Key> {
        if self.troubles.remove(&kind).is_some() { self.analysed.clone() } else { BTreeSet::new() }
    }
}

/// What metrics say of templates that have changed.
fn tell(metrics: &Metrics, templates: &Store<CachedTemplate>, changes: &Changes<CachedTemplate>) {
    for (key, _) in changes {
        let spec =
            templates.get(key).map(|template| serde_json::from_slice(&template.spec).unwrap_or_default());
        metrics.template_shown(key, spec.as_ref().map(template_metrics));
    }
}

fn cached_run(item: AnalysisRunItem) -> CachedRun {
    let owner = controller_of(item.meta()).filter(|owner| owner.kind == ROLLOUT_KIND);
    let rollout = owner.map(|owner| owner.name.clone());
    let mut seen = item.seen();
    // Of runs that no Rollout controls it is enough to know that they are there, and what metrics say of them.
    if rollout.is_none() {
        let AnalysisRunSeen { resource_version, phase, .. } = seen;
        seen = AnalysisRunSeen { resource_version, phase, ..AnalysisRunSeen::default() };
    }
    CachedRun { seen, rollout }
}

fn cached_template(spec: &Value) -> CachedTemplate {
    CachedTemplate { spec: spec.to_string().into_bytes().into_boxed_slice() }
}

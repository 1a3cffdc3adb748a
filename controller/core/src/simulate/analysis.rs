//! AnalysisRuns of the simulation: kept, measured, ended.

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::keys;

use super::{Cluster, Measured};
use crate::analysis::{named, reachable};
use crate::decision::{NewAnalysisRun, Precondition};
use crate::observed::analysis::{AnalysisRunSeen, AnalysisSeen, TemplateName};
use crate::seen::{after, whole_seconds};

impl Cluster {
    pub(super) fn analysis_seen(&self) -> AnalysisSeen {
        if self.analysis_unreadable.is_some() {
            return AnalysisSeen { unreadable: self.analysis_unreadable.clone(), ..AnalysisSeen::default() };
        }
        let strategy = self.rollout.spec.strategy.as_ref();
        let names = strategy.and_then(|strategy| strategy.blue_green.as_ref()).into_iter().flat_map(named);
        let uid = self.rollout.metadata.uid.as_ref();
        let own = self.analysis_runs.iter().filter(|(_, run)| run.controller_uid.as_ref() == uid);
        AnalysisSeen {
            runs: own.map(|(name, run)| (name.clone(), run.clone())).collect(),
            templates: reachable(names, |name| self.analysis_templates.get(name).cloned()),
            unreadable: None,
        }
    }

    /// Adds an analysis template, or changes the one of that name.
    pub fn add_analysis_template(&mut self, name: &str, spec: Value) {
        let name = TemplateName { cluster_scope: false, name: name.to_owned() };
        self.analysis_templates.insert(name, spec);
    }

    /// Somebody writes the phase of a run.
    pub fn set_run_phase(&mut self, name: &str, phase: &str, message: &str) {
        let version = self.next_version();
        if let Some(run) = self.analysis_runs.get_mut(name) {
            run.phase = phase.to_owned();
            run.message = message.to_owned();
            run.resource_version = version;
        }
    }

    pub(super) fn create_run(&mut self, new: NewAnalysisRun) {
        let version = self.next_version();
        let run = AnalysisRunSeen {
            uid: format!("uid-of-{}-{version}", new.name),
            resource_version: version,
            created: whole_seconds(self.now),
            controller_uid: self.rollout.metadata.uid.clone(),
            labels: new.labels,
            revision: new.annotations.get(keys::REVISION).cloned(),
            sha256: new.annotations.get(keys::ANALYSIS_SHA256).cloned(),
            name: new.name,
            ..AnalysisRunSeen::default()
        };
        self.analysis_runs.entry(run.name.clone()).or_insert(run);
    }

    pub(super) fn end_run(&mut self, at: &Precondition) {
        let version = self.next_version();
        if let Some(run) = self.analysis_runs.get_mut(&at.name)
            && run.resource_version == at.resource_version
        {
            run.terminating = true;
            run.resource_version = version;
        }
    }

    /// Who measures looks at each run. Whether anything changed.
    pub(super) fn measure(&mut self) -> bool {
        let names: Vec<String> = self.analysis_runs.keys().cloned().collect();
        let mut moved = false;
        for name in names {
            let Some(run) = self.analysis_runs.get(&name).filter(|run| !run.is_finished()) else { continue };
            let (phase, message) = match &self.settings.measured {
                Measured::Never => continue,
                Measured::ForEver | Measured::Ends(..) if run.terminating => ("Successful", "Run Terminated"),
                Measured::Ends(seconds, phase) if after(run.created, *seconds) <= self.now => {
                    (phase.as_str(), if phase == "Successful" { "" } else { "Metric \"m\" assessed so" })
                }
                Measured::ForEver | Measured::Ends(..) => ("Running", ""),
            };
            if run.phase != phase {
                let (phase, message) = (phase.to_owned(), message.to_owned());
                self.set_run_phase(&name, &phase, &message);
                moved = true;
            }
        }
        moved
    }

    pub(super) fn next_measurement(&self) -> Option<Timestamp> {
        let Measured::Ends(seconds, _) = &self.settings.measured else { return None };
        let open = self.analysis_runs.values().filter(|run| !run.is_finished());
        open.map(|run| after(run.created, *seconds)).min()
    }
}

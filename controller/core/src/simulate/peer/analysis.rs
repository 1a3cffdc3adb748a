//! AnalysisRuns as they were recorded, and their jobs, which end when the scenario says so.

use super::*;

pub(super) fn analysis_run(object: &Value) -> AnalysisRunSeen {
    AnalysisRunSeen {
        name: text(object, "/metadata/name"),
        uid: text(object, "/metadata/uid"),
        resource_version: text(object, "/metadata/resourceVersion"),
        created: text(object, "/metadata/creationTimestamp").parse().expect("a time"),
        controller_uid: Some(text(object, "/metadata/ownerReferences/0/uid")),
        labels: strings(object.pointer("/metadata/labels")),
        revision: strings(object.pointer("/metadata/annotations")).get(keys::REVISION).cloned(),
        phase: text(object, "/status/phase"),
        message: text(object, "/status/message"),
        ..AnalysisRunSeen::default()
    }
}

/// The templates of the recording. Its jobs ended after some seconds; here they end when the scenario says so.
pub(super) fn measured_by_hand(cluster: &mut Cluster) {
    cluster.settings.measured = Measured::ForEver;
    for name in ["good", "bad"] {
        let metric = json!({"name": "job", "count": 1, "provider": {"job": {"spec": {}}}});
        cluster.add_analysis_template(name, json!({"metrics": [metric]}));
    }
}

/// The job of the run that is under way ends.
pub(super) fn end_run(cluster: &mut Cluster, phase: &str, message: &str) {
    let run = cluster.analysis_runs.values().find(|run| !run.is_finished()).expect("a run under way");
    let name = run.name.clone();
    cluster.set_run_phase(&name, phase, message);
}

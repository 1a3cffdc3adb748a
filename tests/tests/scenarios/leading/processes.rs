//! Replicas as processes on a real Kubernetes, under the rights that we ship: hand-overs by the clock, and what its audit log
//! says of a leader that was cut off.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;
use verdigris_control_plane::{Options, audit};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    line::Line,
    real::{NAMESPACE, Real},
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
    replica_process::ReplicaProcess,
};

/// Shorter than a user would have it: each loss is waited for.
const TIMING: [&str; 3] = [
    "--leader-election-lease-duration=4s",
    "--leader-election-renew-deadline=2500ms",
    "--leader-election-retry-period=500ms",
];
/// What a planned hand-over may take, from the signal until the other works.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);
/// What an unplanned one may take besides the Lease's duration, on a machine that is busy with other tests.
const CRASH_MORE: Duration = Duration::from_secs(4);
const LEASE: Duration = Duration::from_secs(4);
/// So much of a leader that is stopped may arrive late: what was on its way between the last look at the fence and the wire,
/// which nobody can call back. On an idle machine nothing does.
const UNDER_WAY_MAX: usize = 1;
/// How long anything that has no delay of its own may take.
const SOON: Duration = Duration::from_secs(60);
const SHOP: &str = "shop";
const ROLLOUTS_CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.argoproj.io";

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/rollouts";

/// A replica on a line of its own.
struct OnLine {
    process: ReplicaProcess,
    line: Line,
}

impl OnLine {
    async fn start(real: &Real, number: u8) -> Result<Self> {
        let line = Line::to(real.port()?, number).await?;
        let process =
            ReplicaProcess::start(&real.kubeconfig_at(line.port()).await?, NAMESPACE, &TIMING).await?;
        Ok(Self { process, line })
    }

    async fn works(&mut self) -> Result<Instant> {
        Ok(self.process.says("begins to work", |_| true).await?.at)
    }

    async fn stands_by(&self) -> Result<String> {
        self.process.comes_to("/readyz?verbose", 200, |text| text.contains("stands by")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_of_a_real_kubernetes_hand_over_at_once_and_are_replaced_when_they_are_lost() {
    leaders_change().await.unwrap();
}

async fn leaders_change() -> Result<()> {
    let world = RealWorld::start(47).await?;
    world.create_namespace(SHOP).await;
    let real = world.real();
    let mut first = OnLine::start(real, 11).await?;
    first.works().await?;
    let mut second = OnLine::start(real, 12).await?;
    second.stands_by().await?;
    perform(&world, &SCENARIOS[0], SHOP, Act::Deploy).await;
    phase(&world, "Healthy").await?;

    // Planned, in the middle of an update.
    perform(&world, &SCENARIOS[0], SHOP, Act::Image(2)).await;
    let told = Instant::now();
    first.process.signal("TERM").await?;
    let planned = second.works().await?.duration_since(told);
    first.process.ends_well().await?;
    phase(&world, "Paused").await?;

    // Not planned.
    let mut third = OnLine::start(real, 13).await?;
    third.stands_by().await?;
    let standby_mib = third.process.resident_mib()?;
    let killed = Instant::now();
    second.process.signal("KILL").await?;
    let crash = third.works().await?.duration_since(killed);
    perform(&world, &SCENARIOS[0], SHOP, Act::Promote).await;
    phase(&world, "Healthy").await?;

    // Cut off in the middle of an update, without a word.
    let mut fourth = OnLine::start(real, 14).await?;
    fourth.stands_by().await?;
    perform(&world, &SCENARIOS[0], SHOP, Act::Image(3)).await;
    let (cut, before) = (Instant::now(), real.plane().audit()?.len());
    third.line.cut();
    let ceased = third.process.says(
        "leads no longer: the Lease could not be renewed in time. Nothing is written until it can be",
        |_| true,
    );
    let ceased = ceased.await?.at;
    let lost = fourth.works().await?;
    ensure!(ceased < lost, "the old leader ceased {:?} after the new one began", ceased - lost);
    phase(&world, "Paused").await?;
    third.line.mend();
    let joined = fourth.process.says("takes part in the election of a leader", |_| true).await?;
    let again = third.process.says("takes part in the election of a leader", |_| true).await?;
    third.process.says("stands by", |line| line["leader"] == joined.line["identity"]).await?;
    perform(&world, &SCENARIOS[0], SHOP, Act::Promote).await;
    phase(&world, "Healthy").await?;
    let audit = real.plane().audit()?;
    let late_cut_off = writes_after_loss(&audit[before..], &third.line.source(), &fourth.line.source())?;

    // Stopped in the middle of an update, as on a machine that swaps, until the other leads.
    let before = audit.len();
    perform(&world, &SCENARIOS[0], SHOP, Act::Image(4)).await;
    fourth.process.signal("STOP").await?;
    third.process.says("leads", |line| line["term"] == 2).await?;
    fourth.process.signal("CONT").await?;
    fourth.process.says("stands by", |line| line["leader"] == again.line["identity"]).await?;
    phase(&world, "Paused").await?;
    let audit = real.plane().audit()?;
    let late_stopped = writes_after_loss(&audit[before..], &fourth.line.source(), &third.line.source())?;
    eprintln!(
        "planned hand-over {planned:?}; crash {crash:?} and cut-off {:?} with a Lease of {LEASE:?}; writes after the loss {} and {}; \
         standby {standby_mib:.1} MiB",
        lost - cut,
        late_cut_off.len(),
        late_stopped.len(),
    );
    ensure!(late_cut_off.is_empty(), "the old leader wrote after it was cut off: {late_cut_off:#?}");
    ensure!(
        late_stopped.len() <= UNDER_WAY_MAX,
        "the old leader wrote after it was stopped: {late_stopped:#?}"
    );
    ensure!(planned <= HAND_OVER_MAX, "a planned hand-over took {planned:?}");
    ensure!(crash <= LEASE + CRASH_MORE, "after a crash: {crash:?}");
    real.nothing_was_refused()
}

/// Writes of the old leader that arrived after the new one had taken the Lease, and were accepted.
fn writes_after_loss(audit: &[audit::Entry], old: &str, new: &str) -> Result<Vec<String>> {
    let done = |entry: &&audit::Entry| entry.writes() && entry.code() < 300;
    let of = |source: &str| {
        let source = source.to_owned();
        audit.iter().filter(move |entry| entry.sources.contains(&source)).filter(done)
    };
    let took = of(new).find(|entry| entry.resource() == "leases").context("the new leader took the Lease")?;
    let late = of(old).filter(|entry| entry.received > took.received);
    Ok(late.map(|entry| format!("{} {} {}", entry.received, entry.verb, entry.uri)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_waits_for_a_real_kubernetes_that_is_down_or_slow_or_lacks_the_crd_and_says_so() {
    waits_for_what_is_not_there().await.unwrap();
}

async fn waits_for_what_is_not_there() -> Result<()> {
    let real = Real::start_with(Options::without_controllers()).await?;
    let user = real.user();
    let port = real.port()?;
    let slow = Line::to(port, 21).await?;
    slow.cut();
    let (direct, slowly) = (real.kubeconfig_at(port).await?, real.kubeconfig_at(slow.port()).await?);

    real.plane().stop_apiserver();
    let down = ReplicaProcess::start(&direct, NAMESPACE, &TIMING).await?;
    let text = down.comes_to("/readyz", 503, |text| text.matches("refused").count() >= 2).await?;
    ensure!(
        text.contains("[-]caches failed: waits for Rollouts (") && text.contains("[-]lease failed: "),
        "{text}"
    );
    ensure!(down.asked("/livez").await? == (200, "ok".to_owned()), "it is alive");
    real.plane().start_apiserver().await?;
    down.comes_to("/readyz", 200, |_| true).await?;

    let unelected = ["--leader-elect=false", "--instance-id=Team_A"];
    let mut alone = ReplicaProcess::start(&direct, NAMESPACE, &unelected).await?;
    let warned = "would not notice if another controller worked here as well";
    alone.says(warned, |line| line["error"].as_str().is_some_and(|why| why.contains("-Team_A"))).await?;
    alone.comes_to("/readyz", 200, |_| true).await?;

    let waits = ReplicaProcess::start(&slowly, NAMESPACE, &TIMING).await?;
    let text = waits.comes_to("/readyz", 503, |text| text.contains("no answer within")).await?;
    ensure!(text.contains("waits for Rollouts; ReplicaSets; Services"), "{text}");
    slow.mend();
    waits.comes_to("/readyz", 200, |_| true).await?;

    let mut definition: Value = ask(&user, "GET", ROLLOUTS_CRD, &Value::Null).await?;
    ask(&user, "DELETE", ROLLOUTS_CRD, &Value::Null).await?;
    // For a moment it still answers.
    soon("the CRD to go", async || ask(&user, "GET", ROLLOUTS, &Value::Null).await.err().map(drop)).await?;
    let lacks = ReplicaProcess::start(&direct, NAMESPACE, &TIMING).await?;
    let text = lacks.comes_to("/readyz", 503, |text| text.contains("is the CRD installed?")).await?;
    ensure!(text.contains("waits for Rollouts (the API server does not know this kind"), "{text}");
    definition["metadata"] = serde_json::json!({"name": definition["metadata"]["name"],
        "annotations": definition["metadata"]["annotations"]});
    let all = ROLLOUTS_CRD.trim_end_matches("/rollouts.argoproj.io");
    soon("the CRD again", async || ask(&user, "POST", all, &definition).await.ok().map(drop)).await?;
    lacks.comes_to("/readyz", 200, |_| true).await?;
    Ok(())
}

/// Tries until it gives something.
async fn soon(what: &str, mut look: impl AsyncFnMut() -> Option<()>) -> Result<()> {
    let end = Instant::now() + SOON;
    while look().await.is_none() {
        ensure!(Instant::now() < end, "waited {SOON:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn ask(client: &kube::Client, method: &str, path: &str, body: &Value) -> Result<Value> {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json").body(body)?;
    client.request(request).await.with_context(|| format!("{method} {path}"))
}

async fn phase(world: &RealWorld, wanted: &str) -> Result<()> {
    let look = async || {
        let rollout = world.get_rollout(SHOP, "app").await;
        let generation = rollout["metadata"]["generation"].to_string();
        let status = &rollout["status"];
        let seen = status["observedGeneration"].as_str() == Some(&generation);
        let cleared = wanted == "Paused" || status["pauseConditions"].is_null();
        if seen && cleared && status["phase"] == wanted { Ok(()) } else { Err(status.to_string()) }
    };
    world.comes_to(look).await.map_err(|seen| anyhow::anyhow!("waited for {wanted}: {seen}"))
}

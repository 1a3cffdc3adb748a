//! Several replicas, of which one leads: hand-overs, planned and not, and that nobody writes who has ceased to lead.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use verdigris_playground_apiserver::write_log::Write;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    cable::Cable,
    facts::Facts,
    recording::{Act, SCENARIOS},
    replica::Replica,
    world::World,
};

mod processes;

/// The promise of a Lease, and a look at it.
const CRASH_MAX: Duration = Duration::from_secs(16);
/// Where nothing takes time, a hand-over takes none.
const HAND_OVER_MAX: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn a_planned_hand_over_takes_no_time_and_the_update_goes_on_where_it_was() {
    let undisturbed = undisturbed().await;
    for wait in [0, 1, 5, 50, 400] {
        let (world, [first, second], _) = two_replicas().await;
        let namespace = SCENARIOS[0].name;
        perform(&world, &SCENARIOS[0], namespace, Act::Image(2)).await;
        world.wait_milliseconds(wait).await;
        let began = Instant::now();
        first.stop().await;
        timeout(HAND_OVER_MAX, second.begins()).await.expect("the other to lead at once");
        assert!(began.elapsed() <= HAND_OVER_MAX, "{:?}", began.elapsed());
        world.rest().await;
        assert_eq!(finish(&world).await, undisturbed, "{wait} ms after the update began");
        assert_none_after(&world, "replica-1", "replica-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_overcome_when_the_lease_runs_out() {
    let undisturbed = undisturbed().await;
    let (world, [first, second], _) = two_replicas().await;
    perform(&world, &SCENARIOS[0], SCENARIOS[0].name, Act::Image(2)).await;
    drop(first);
    let began = Instant::now();
    timeout(CRASH_MAX, second.begins()).await.expect("the other to lead once the Lease has run out");
    assert!(began.elapsed() > Duration::from_secs(12), "{:?}", began.elapsed());
    world.rest().await;
    assert_eq!(finish(&world).await, undisturbed);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_at_any_write_writes_no_more_and_stands_by_when_it_is_back() {
    let undisturbed = undisturbed().await;
    let mut cuts = 0;
    for at in 1.. {
        let (world, [first, second], cable) = two_replicas().await;
        cable.pull_after_writes(at);
        perform(&world, &SCENARIOS[0], SCENARIOS[0].name, Act::Image(2)).await;
        if timeout(Duration::from_secs(5), cable.pulled()).await.is_err() {
            break;
        }
        cuts += 1;
        let taken_over = async {
            while !second.leads() {
                world.wait_milliseconds(10).await;
                assert!(!(first.leads() && second.leads()), "two lead, cut at write {at}");
            }
        };
        timeout(CRASH_MAX, taken_over).await.expect("the other to lead");
        cable.plug();
        world.wait_seconds(5).await;
        assert!(second.leads() && !first.leads());
        assert_eq!(finish(&world).await, undisturbed, "cut at write {at}");
        assert_none_after(&world, "replica-1", "replica-2");
        // It works again when it is its turn.
        drop(second);
        timeout(CRASH_MAX, first.begins()).await.expect("the first to lead again");
        perform(&world, &SCENARIOS[0], SCENARIOS[0].name, Act::Image(3)).await;
        world.rest().await;
        assert_eq!(facts(&world).await["status.phase"], "Paused", "cut at write {at}");
    }
    assert!(cuts > 4, "only {cuts} cuts: the scenario did not run");
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_is_ready_and_does_nothing() {
    let (world, [first, second], _) = two_replicas().await;
    assert!(first.leads() && !second.leads());
    let text = "[+]caches ok\n[+]lease ok: stands by, replica-1 leads\nreadyz check passed\n";
    assert_eq!(second.asked("/readyz?verbose").await, (200, text.to_owned()));
    let leads = "[+]caches ok\n[+]lease ok: leads\nreadyz check passed\n";
    assert_eq!(first.asked("/readyz?verbose").await, (200, leads.to_owned()));
    perform(&world, &SCENARIOS[0], SCENARIOS[0].name, Act::Image(2)).await;
    world.rest().await;
    let counters = second.counters();
    assert_eq!((counters.passes.get(), counters.writes.event.get(), counters.failures.get()), (0, 0, 0));
    assert!(writes_of(&world, "replica-2").is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_be_the_only_one_notices_others_and_no_predecessor() {
    let world = World::with_cluster(47).await;
    Replica::create_namespace(&world).await;
    let says = async |replica: &Replica, words: &str| {
        let (code, text) = replica.asked("/readyz?verbose").await;
        assert_eq!(code, 200, "{text}");
        assert!(text.contains(&format!("[+]lease ok: there is no election{words}\n")), "{words}: {text}");
    };
    let leases = || world.server().writes_since(0).iter().filter(|write| write.plural == "leases").count();
    let first = Replica::start_unelected(&world, "one");
    world.wait_seconds(600).await;
    says(&first, "").await;
    assert_eq!(leases(), 1, "one alone writes its name once");
    drop(first);
    let second = Replica::start_unelected(&world, "two");
    world.wait_seconds(600).await;
    says(&second, "").await;
    assert_eq!(leases(), 2);

    let third = Replica::start_unelected(&world, "three");
    world.wait_seconds(45).await;
    says(&second, ", and three works as well").await;
    says(&third, ", and two works as well").await;
    third.stop().await;
    world.wait_seconds(35).await;
    says(&second, "").await;

    let leader = Replica::start(&world, "leader", &Cable::default());
    world.wait_seconds(45).await;
    says(&second, ", and leader works as well").await;
    leader.stop().await;
    world.wait_seconds(35).await;
    says(&second, "").await;
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_the_api_server_a_replica_says_what_it_waits_for() {
    let world = World::with_cluster(43).await;
    Replica::create_namespace(&world).await;
    let cable = Cable::default();
    cable.pull();
    let replica = Replica::start(&world, "replica-1", &cable);
    world.wait_seconds(10).await;
    let (code, text) = replica.asked("/readyz").await;
    assert_eq!(code, 503);
    assert!(
        text.contains("[-]caches failed: waits for Rollouts; ReplicaSets; Services; EndpointSlices"),
        "{text}"
    );
    assert!(text.contains("[-]lease failed: ") && text.contains("no answer within"), "{text}");
    assert_eq!(replica.asked("/livez").await, (200, "ok".to_owned()));
}

/// A world in which the first version of `manual` is Healthy; the first of two replicas leads, and this is its cable.
async fn two_replicas() -> (World, [Replica; 2], Cable) {
    let world = World::with_cluster(41).await;
    Replica::create_namespace(&world).await;
    world.create_namespace(SCENARIOS[0].name).await;
    let cable = Cable::default();
    let first = Replica::start(&world, "replica-1", &cable);
    timeout(HAND_OVER_MAX, first.begins()).await.expect("the first to lead");
    let second = Replica::start(&world, "replica-2", &Cable::default());
    perform(&world, &SCENARIOS[0], SCENARIOS[0].name, Act::Deploy).await;
    world.rest().await;
    (world, [first, second], cable)
}

/// Promotes what waits, and gives what is to be seen in the end.
async fn finish(world: &World) -> Facts {
    for act in [Act::Promote, Act::Wait(8)] {
        perform(world, &SCENARIOS[0], SCENARIOS[0].name, act).await;
        world.rest().await;
    }
    facts(world).await
}

async fn facts(world: &World) -> Facts {
    world.snapshot(SCENARIOS[0].name, "app").await.facts()
}

/// The same with one controller that nothing happens to.
async fn undisturbed() -> Facts {
    let mut world = World::with_cluster(41).await;
    world.create_namespace(SCENARIOS[0].name).await;
    world.start_controller();
    for act in [Act::Deploy, Act::Image(2)] {
        perform(&world, &SCENARIOS[0], SCENARIOS[0].name, act).await;
        world.rest().await;
    }
    let facts = finish(&world).await;
    assert_eq!(facts["status.phase"], "Healthy");
    facts
}

fn writes_of(world: &World, replica: &str) -> Vec<Write> {
    let all = world.server().writes_since(0);
    all.into_iter().filter(|write| write.user_agent == replica && write.plural != "leases").collect()
}

/// After the other has taken the Lease, nothing of the old leader was accepted.
fn assert_none_after(world: &World, old: &str, new: &str) {
    let all = world.server().writes_since(0);
    let took = all.iter().position(|write| write.user_agent == new && write.plural == "leases");
    let took = took.expect("the other has taken the Lease");
    let late: Vec<&Write> = all[took..].iter().filter(|write| write.user_agent == old).collect();
    assert!(late.is_empty(), "after the loss: {late:#?}");
}

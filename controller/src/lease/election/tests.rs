//! The election in worlds of one Lease and some candidates whose clocks differ, whose requests are late or lost, and which crash.

mod world;

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use world::{Fault, Network, World};

/// Virtual milliseconds in which everything may go wrong, and in which nothing does any more.
const WILD: u64 = 90_000;
const CALM: u64 = 40_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn seen(version: &str, holder: &str) -> Seen {
    Seen { version: version.into(), holder: holder.into(), duration: Some(seconds(15)) }
}

/// Clocks that differ in speed by almost as much as the default timing allows, which is half.
fn rates() -> impl Strategy<Value = Vec<f64>> {
    let rate = prop_oneof![Just(0.82), Just(1.2), 0.82..1.2_f64];
    prop::collection::vec(rate, 1..=3)
}

fn faults() -> impl Strategy<Value = Vec<(u64, Fault)>> {
    let who = 0..3_usize;
    let fault = prop_oneof![
        3 => (who.clone(), 500..30_000_u64).prop_map(|(who, long)| Fault::CutOff { who, long }),
        2 => who.clone().prop_map(Fault::Crash),
        2 => who.clone().prop_map(Fault::Leave),
        2 => (who, 500..30_000_u64).prop_map(|(who, long)| Fault::Pause { who, long }),
        1 => Just(Fault::Touch),
    ];
    prop::collection::vec((0..WILD, fault), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_two_ever_lead_at_once_and_in_the_end_one_does(
        rates in rates(), faults in faults(), seed: u64, loss in 0.0..0.5_f64, late in 0.0..0.3_f64, watched: bool,
    ) {
        let mut world = World::new(&rates, Timing::default(), Network { seed, loss, late, watched });
        world.run(WILD, &faults)?;
        world.calm_down();
        world.run(WILD + CALM, &[])?;
        prop_assert!(world.leads().is_some(), "nobody leads after {CALM} quiet milliseconds\n{}", world.story());
    }

    /// Early, while all ask to create it, or later. A creation is on no condition: of a Lease that somebody has never seen, and
    /// that was deleted before its own creation arrived, it cannot know.
    #[test]
    fn nor_when_somebody_deletes_the_lease(
        rates in rates(), seed: u64, loss in 0.0..0.3_f64,
        deletions in prop::collection::vec(prop_oneof![0..150_u64, 0..WILD], 1..6),
    ) {
        let mut world = World::new(&rates, Timing::default(), Network { seed, loss, late: 0.0, watched: true });
        let faults: Vec<_> = deletions.into_iter().map(|at| (at, Fault::Delete)).collect();
        world.run(WILD, &faults)?;
        world.calm_down();
        world.run(WILD + CALM, &[])?;
        prop_assert!(world.leads().is_some(), "nobody leads\n{}", world.story());
    }
}

/// What the properties are worth: an election whose leaders go on for longer than was promised is caught.
#[test]
fn a_leader_that_believes_for_too_long_is_noticed() {
    let timing = Timing { lease_duration: seconds(5), ..Timing::default() };
    assert_eq!(timing.checked(), Err(BadTiming::DurationTooShort));
    let caught = (0..50).any(|seed| {
        let mut world =
            World::new(&[1.0, 1.0], timing, Network { seed, loss: 0.1, late: 0.0, watched: true });
        let cut = (3_000, Fault::CutOff { who: 0, long: 30_000 });
        let other = (40_000, Fault::CutOff { who: 1, long: 30_000 });
        world.run(WILD, &[cut, other]).is_err()
    });
    assert!(caught);
}

#[test]
fn whoever_leaves_hands_over_at_once_where_the_lease_is_watched_and_soon_where_it_is_not() {
    for (watched, most) in [(true, 100), (false, 3_200)] {
        let network = Network { seed: 1, loss: 0.0, late: 0.0, watched };
        let mut world = World::new(&[1.0, 1.0], Timing::default(), network);
        world.run(10_000, &[]).unwrap();
        let first = world.leads().unwrap();
        let left = world.now();
        world.run(left + most, &[(left, Fault::Retire(first))]).unwrap();
        let second = world.leads();
        assert!(second.is_some_and(|second| second != first), "{}", world.story());
    }
}

#[test]
fn a_crash_is_noticed_when_the_promise_is_over_and_not_before() {
    let network = Network { seed: 2, loss: 0.0, late: 0.0, watched: true };
    let mut world = World::new(&[1.0, 1.0], Timing::default(), network);
    world.run(10_000, &[]).unwrap();
    let first = world.leads().unwrap();
    world.run(22_000, &[(10_000, Fault::Stop(first))]).unwrap();
    assert_eq!(world.leads(), None);
    world.run(25_200, &[]).unwrap();
    assert!(world.leads().is_some(), "{}", world.story());
}

#[test]
fn who_is_not_ready_leaves_the_lease_to_others_but_knows_of_it() {
    let (mut election, now) = (Election::new("a".into(), Timing::default()), Instant::now());
    assert_eq!(election.next(now), Step::Ask(Request::Read));
    assert!(!election.knows());
    election.answered(Answer::Lease(seen("7", "")), now);
    assert!(election.knows() && matches!(election.next(now), Step::Wait(_)));
    election.is_ready();
    assert_eq!(election.next(now), Step::Ask(Request::Take { version: "7".into() }));
    assert_eq!(election.term(now), None, "an answer is what counts");
    election.answered(Answer::Lease(seen("8", "a")), now + seconds(1));
    let until = now + seconds(10);
    assert_eq!(election.term(now + seconds(1)), Some(Term { number: 1, until }), "from when it was sent");
    assert_eq!(election.next(now + seconds(1)), Step::Wait(now + seconds(2)));
    assert_eq!(election.term(until), None);
}

#[test]
fn a_taking_that_is_answered_while_we_leave_is_undone() {
    let (mut election, now) = (Election::new("a".into(), Timing::default()), Instant::now());
    election.is_ready();
    election.saw(seen("7", ""), now);
    assert_eq!(election.next(now), Step::Ask(Request::Take { version: "7".into() }));
    election.leave();
    assert!(matches!(election.next(now), Step::Wait(_)));
    election.answered(Answer::Lease(seen("8", "a")), now);
    assert_eq!(election.term(now), None);
    assert_eq!(election.next(now), Step::Ask(Request::Free { version: "8".into() }));
    election.answered(Answer::Failed, now);
    let again = now + seconds(2);
    assert_eq!(election.next(now), Step::Wait(again));
    assert_eq!(election.next(again), Step::Ask(Request::Read), "it may have been done");
    election.answered(Answer::Lease(seen("9", "")), again);
    assert_eq!(election.next(again), Step::Left);
}

/// `b` asks to create what `a` creates first and somebody deletes.
fn has_created_beside_a_leader(now: Instant) -> Election {
    let mut election = Election::new("b".into(), Timing::default());
    election.is_ready();
    assert_eq!(election.next(now), Step::Ask(Request::Read));
    election.answered(Answer::Absent, now);
    assert_eq!(election.next(now), Step::Ask(Request::Create));
    election.saw(seen("7", "a"), now);
    election.saw_deleted("8", now + seconds(1));
    election.saw(seen("9", "b"), now + seconds(1));
    election.answered(Answer::Lease(seen("9", "b")), now + seconds(1));
    election
}

#[test]
fn who_created_the_lease_while_another_one_led_waits_as_long_as_that_was_promised() {
    let now = Instant::now();
    let mut election = has_created_beside_a_leader(now);
    let over = now + seconds(16);
    assert_eq!(election.term(now + seconds(1)), None, "a leads until 10 s after its creation");
    election.saw(seen("9", "b"), over - PAUSE);
    assert_eq!(election.next(over - PAUSE), Step::Wait(over));
    assert_eq!(election.next(over), Step::Ask(Request::Take { version: "9".into() }));
    election.answered(Answer::Lease(seen("10", "b")), over);
    assert!(election.term(over).is_some());
}

#[test]
fn and_frees_it_for_nobody_if_it_leaves_before() {
    let now = Instant::now();
    let mut election = has_created_beside_a_leader(now);
    election.leave();
    assert_eq!(election.next(now + seconds(2)), Step::Left, "whoever finds it free leads at once");
}

#[test]
fn a_watch_that_shows_what_it_remembers_changes_nothing() {
    let (mut election, now) = (Election::new("a".into(), Timing::default()), Instant::now());
    election.is_ready();
    election.saw(seen("7", "b"), now);
    election.saw(seen("9", "b"), now + seconds(1));
    election.saw(seen("8", ""), now + seconds(1));
    election.saw_deleted("5", now + seconds(1));
    assert_eq!(election.holder(), "b");
    assert_eq!(election.next(now + seconds(1)), Step::Wait(now + seconds(4)), "silence is looked into");
}

#[test]
fn timings_in_which_two_could_lead_are_refused() {
    let timing = |duration, deadline, period| Timing {
        lease_duration: Duration::from_millis(duration),
        renew_deadline: Duration::from_millis(deadline),
        retry_period: Duration::from_millis(period),
    };
    assert_eq!(Timing::default().checked(), Ok(timing(15_000, 10_000, 2_000)));
    assert_eq!(timing(10_000, 10_000, 2_000).checked(), Err(BadTiming::DurationTooShort));
    assert_eq!(timing(15_500, 10_000, 2_000).checked(), Err(BadTiming::Fraction));
    assert_eq!(timing(15_000, 2_400, 2_000).checked(), Err(BadTiming::DeadlineTooShort));
    assert_eq!(timing(2_000, 1_000, 50).checked(), Err(BadTiming::PeriodTooShort));
}

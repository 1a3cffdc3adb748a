use proptest::prelude::*;

use super::*;

const FAILED: Ended = Ended::Failed { wait_min: Duration::ZERO };

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_key_is_in_once_and_comes_when_it_is_due_first() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(&"a", now + secs(9));
    queue.add(&"b", now + secs(2));
    queue.add(&"a", now + secs(1));
    queue.add(&"a", now + secs(5));
    assert_eq!(queue.next_due(), Some(now + secs(1)));
    assert_eq!(queue.take(now), None);
    assert_eq!(
        (queue.take(now + secs(3)), queue.take(now + secs(3)), queue.take(now + secs(99))),
        (Some("a"), Some("b"), None)
    );
}

#[test]
fn what_happens_during_a_pass_is_looked_at_after_it() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(&"a", now);
    assert_eq!(queue.take(now), Some("a"));
    queue.add(&"a", now);
    assert_eq!(queue.take(now), None, "one pass at a time");
    queue.ended(&"a", Ended::Changed, Some(now + secs(60)), now);
    assert_eq!(queue.take(now), Some("a"));
}

#[test]
fn failures_wait_twice_as_long_each_time_and_an_event_ends_the_wait() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    let mut waits = Vec::new();
    queue.add(&"a", now);
    for _ in 0..10 {
        assert_eq!(queue.take(now), Some("a"));
        queue.ended(&"a", FAILED, None, now);
        let due = queue.next_due().unwrap();
        waits.push((due - now).as_millis());
        now = due;
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000]);
    queue.take(now);
    queue.ended(&"a", FAILED, None, now);
    queue.add(&"a", now);
    assert_eq!(queue.take(now), Some("a"));
    queue.ended(&"a", Ended::Changed, None, now);
    assert_eq!((queue.failures(&"a"), queue.next_due()), (0, None));
}

#[test]
fn the_server_may_ask_for_a_longer_wait() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(&"a", now);
    queue.take(now);
    queue.ended(&"a", Ended::Failed { wait_min: secs(7) }, None, now);
    assert_eq!(queue.next_due(), Some(now + secs(7)));
}

#[derive(Clone, Debug)]
enum Step {
    Add { key: u8, in_millis: u64 },
    Take,
    End { changed: bool, failed: bool, look_again_millis: Option<u64> },
    Forget { key: u8 },
    Wait { millis: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4u8, 0..3000u64).prop_map(|(key, in_millis)| Step::Add { key, in_millis }),
        6 => Just(Step::Take),
        6 => (any::<bool>(), any::<bool>(), prop::option::of(0..2000u64))
            .prop_map(|(changed, failed, look_again_millis)| Step::End { changed, failed, look_again_millis }),
        1 => (0..4u8).prop_map(|key| Step::Forget { key }),
        4 => (0..1500u64).prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// However it is driven: one pass per key at a time, nothing early, nothing lost, and the budget holds.
    #[test]
    fn holds_its_promises(steps in steps()) {
        let mut queue = Queue::default();
        let start = Instant::now();
        let mut now = start;
        let mut wanted: BTreeMap<u8, Instant> = BTreeMap::new();
        let mut underway: Vec<u8> = Vec::new();
        let mut idle: BTreeMap<u8, Vec<Instant>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add { key, in_millis } => {
                    let at = now + Duration::from_millis(in_millis);
                    queue.add(&key, at);
                    let earliest = wanted.get(&key).map_or(at, |earlier| at.min(*earlier));
                    wanted.insert(key, earliest);
                }
                Step::Take => if let Some(key) = queue.take(now) {
                    prop_assert!(!underway.contains(&key), "two passes on {key}");
                    let due = wanted.remove(&key);
                    prop_assert!(due.is_some_and(|due| due <= now), "{key} was handed out before anybody wanted it");
                    underway.push(key);
                },
                Step::End { changed, failed, look_again_millis } => if let Some(key) = underway.pop() {
                    let how = if failed { FAILED } else if changed { Ended::Changed } else { Ended::Unchanged };
                    let look_again = look_again_millis.map(|millis| now + Duration::from_millis(millis));
                    if how != Ended::Changed {
                        idle.entry(key).or_default().push(now);
                    }
                    let backoff = failed.then(|| now + backoff(queue.failures(&key)));
                    let due = wanted.remove(&key).into_iter().chain(look_again).chain(backoff).min();
                    queue.ended(&key, how, look_again, now);
                    wanted.extend(due.map(|due| (key, due)));
                },
                Step::Forget { key } => if !underway.contains(&key) {
                    queue.forget(&key);
                    wanted.remove(&key);
                    idle.remove(&key);
                },
                Step::Wait { millis } => now += Duration::from_millis(millis),
            }
        }
        // Nothing lost: all that is wanted comes, given time.
        for key in underway {
            queue.ended(&key, Ended::Changed, None, now);
        }
        let mut left: BTreeSet<u8> = wanted.into_keys().collect();
        while let Some(due) = queue.next_due() {
            let key = queue.take(due).unwrap();
            prop_assert!(left.remove(&key));
            queue.ended(&key, Ended::Changed, None, due);
        }
        prop_assert!(left.is_empty(), "lost: {left:?}");
        // In any ten seconds at most twenty passes that changed nothing: ten saved up, ten paid off.
        for ends in idle.values() {
            for (first, begin) in ends.iter().enumerate() {
                let within = ends[first..].iter().filter(|end| **end - *begin <= secs(10)).count();
                prop_assert!(within <= 21, "{within} idle passes in ten seconds");
            }
        }
    }
}

//! Plays sequence after sequence until the time is over.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value;
use tokio::{runtime::Handle, time::Instant};

use super::{
    answer::{tidy, value_differences},
    kinds::{KINDS, Kind},
    memory::Memory,
    player::Player,
    request::{Asked, NAMESPACE},
    steps::sequences,
    telling::{Failure, sequence, unequal},
};

/// How much to play.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The seed of the first sequence; each further one has the next.
    pub seed: u64,
    /// For how long at most.
    pub duration: Duration,
    /// How many at most: what a run finds is not to depend on how fast it is.
    pub sequences_max: u64,
    /// After how many different failures to stop.
    pub failures_max: usize,
    /// How often a failing sequence is played again to make it smaller.
    pub shrinks_max: u32,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sequences played, without those that made failures smaller.
    pub sequences: u64,
    /// Requests sent to each server.
    pub requests: u64,
    /// The first failure of each sort, with its seed.
    pub failures: BTreeMap<String, (u64, Failure)>,
    /// How many sequences failed.
    pub failed: u64,
}

/// Plays sequences against both servers. Call it outside the runtime that `handle` belongs to.
///
/// # Errors
/// If a server does not answer.
pub fn run(handle: &Handle, players: [&Player; 2], plan: Plan) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let began = Instant::now();
    let (requests, namespaces) = (Cell::new(0), Cell::new(0u64));
    let broken: RefCell<Option<anyhow::Error>> = RefCell::new(None);
    let mut seed = plan.seed;
    while began.elapsed() < plan.duration
        && outcome.sequences < plan.sequences_max
        && outcome.failures.len() < plan.failures_max
    {
        let last: RefCell<Option<Failure>> = RefCell::new(None);
        let first: RefCell<Option<String>> = RefCell::new(None);
        let mut runner = runner(seed, plan.shrinks_max);
        let tested = runner.run(&sequences(), |asked| {
            namespaces.set(namespaces.get() + 1);
            // A real server that runs already may have seen other runs.
            let namespace = format!("random-{:x}-{seed:x}-{:x}", std::process::id(), namespaces.get());
            match handle.block_on(play(players, &asked, &namespace, &requests)) {
                Ok(None) => Ok(()),
                Ok(Some(failure)) => {
                    // While it is made smaller it must stay the same failure.
                    let about = first.borrow_mut().get_or_insert_with(|| failure.about.clone()).clone();
                    if about != failure.about {
                        return Ok(());
                    }
                    last.replace(Some(failure));
                    Err(TestCaseError::fail("unequal"))
                }
                Err(error) => {
                    broken.replace(Some(error));
                    Err(TestCaseError::fail("no answer"))
                }
            }
        });
        if let Some(error) = broken.take() {
            return Err(error);
        }
        outcome.sequences += 1;
        if let (Err(TestError::Fail(..)), Some(failure)) = (tested, last.take()) {
            outcome.failed += 1;
            outcome.failures.entry(failure.about.clone()).or_insert((seed, failure));
        }
        seed += 1;
    }
    outcome.requests = requests.get();
    Ok(outcome)
}

fn runner(seed: u64, shrinks_max: u32) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases: 1, max_shrink_iters: shrinks_max, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Plays one sequence on both servers; gives the first thing that is unequal.
async fn play(
    players: [&Player; 2],
    asked: &[Asked],
    namespace: &str,
    requests: &Cell<u64>,
) -> anyhow::Result<Option<Failure>> {
    let mut memories = [Memory::default(), Memory::default()];
    for player in players {
        player.open(namespace).await?;
    }
    let names = players.map(|player| player.name);
    for (index, one) in asked.iter().enumerate() {
        requests.set(requests.get() + 1);
        let first = players[0].play(one, namespace, &mut memories[0]).await?;
        let second = players[1].play(one, namespace, &mut memories[1]).await?;
        if first != second {
            return Ok(Some(unequal(asked, index, names, [&first, &second])));
        }
    }
    for kind in &KINDS.kinds {
        let used = asked.iter().any(|one| one.path.starts_with(&kind.collection(NAMESPACE)));
        if used && let Some(failure) = end(players, asked, kind, namespace, &mut memories).await? {
            return Ok(Some(failure));
        }
    }
    Ok(None)
}

/// At the end of a sequence: on each server the watch must agree with the list, and both must have told the same.
async fn end(
    players: [&Player; 2],
    asked: &[Asked],
    kind: &Kind,
    namespace: &str,
    memories: &mut [Memory; 2],
) -> anyhow::Result<Option<Failure>> {
    let list = kind.collection(namespace);
    let told = |about: &str, words: String| {
        let about = format!("{} {about}", kind.plural);
        Ok(Some(Failure { words: format!("{}   {about}: {words}\n", sequence(asked, asked.len())), about }))
    };
    let mut both = Vec::new();
    for (player, memory) in players.into_iter().zip(memories) {
        if let Err(words) = player.settled(&kind.everywhere(), &list, namespace).await? {
            return told(&format!("watch and list of the {} server", player.name), words);
        }
        let mut events = Value::Array(player.events(&kind.everywhere(), namespace));
        tidy(&mut events, memory);
        both.push(events);
    }
    let mut differences = Vec::new();
    value_differences(&both[0], &both[1], "", &mut differences);
    match differences.first() {
        None => Ok(None),
        Some(first) => {
            let place: String =
                first.chars().take_while(|c| *c != ':').filter(|c| !c.is_ascii_digit()).collect();
            told(&format!("events {place}"), differences.join("\n     "))
        }
    }
}

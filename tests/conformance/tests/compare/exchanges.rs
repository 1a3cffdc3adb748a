//! Every story, played against both servers, is answered as it was recorded; but for what is knowingly different.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use futures::StreamExt as _;
use tokio::time::timeout;
use verdigris_conformance::{
    difference,
    player::play,
    server::{Controllers, Server},
    stories,
};

/// Stories that are played at the same time.
const AT_ONCE: usize = 4;
/// The longest that a story may take.
const STORY_MAX: Duration = Duration::from_secs(120);

const EXCHANGES_MIN: usize = 200;
/// Per cent of all exchanges that must be equal.
const EQUAL_MIN: usize = 98;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_what_a_real_server_answers() {
    let server = Server::real(Controllers::None).await.unwrap();
    let tally = play_all(&server).await;
    assert!(tally.unequal.is_empty(), "recordings that no longer hold:\n{}", tally.unequal.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_server_answers_as_a_real_one_does() {
    let server = Server::embedded(Controllers::None).await.unwrap();
    let tally = play_all(&server).await;
    println!(
        "{} exchanges played, {} equal, {} knowingly different",
        tally.played,
        tally.equal,
        tally.different.len()
    );
    tally.different.iter().for_each(|line| println!("  {line}"));
    assert!(tally.unequal.is_empty(), "answered in another way:\n{}", tally.unequal.join("\n"));
    assert!(tally.no_longer.is_empty(), "equal now, take `@differs` away:\n{}", tally.no_longer.join("\n"));
    assert!(tally.played >= EXCHANGES_MIN, "only {} exchanges", tally.played);
    assert!(tally.equal * 100 >= tally.played * EQUAL_MIN, "only {} of {}", tally.equal, tally.played);
}

#[test]
fn every_known_difference_is_a_row_of_the_playgrounds_table() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/playground.md");
    let text = fs::read_to_string(document).unwrap();
    let rows: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(row, _)| row)
        .collect();
    for (path, story) in stories::all(&[]).unwrap() {
        for step in &story.steps {
            assert!(step.answer.is_some(), "{}: {:?} was never recorded", path.display(), step.title);
            let row = step.differs.as_deref();
            assert!(row.is_none_or(|row| rows.contains(row)), "{}: no row {row:?}", path.display());
        }
    }
}

#[derive(Default)]
struct Tally {
    played: usize,
    equal: usize,
    /// Knowingly different, each with its row.
    different: Vec<String>,
    /// Said to be different, and equal.
    no_longer: Vec<String>,
    unequal: Vec<String>,
}

async fn play_all(server: &Server) -> Tally {
    stories::prepare(server).await.unwrap();
    let stories = stories::all(&[]).unwrap();
    let plays = stories.iter().map(|(path, story)| async move {
        let played = timeout(STORY_MAX, play(story, server, now())).await;
        let played = played.map_err(|_| anyhow::anyhow!("not over within {STORY_MAX:?}"));
        (path, story, played.and_then(|played| played))
    });
    let mut plays = futures::stream::iter(plays).buffered(AT_ONCE);
    let mut tally = Tally::default();
    while let Some((path, story, played)) = plays.next().await {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let played = match played {
            Ok(played) => played,
            Err(error) => {
                tally.unequal.push(format!("{file}: {error:#}"));
                continue;
            }
        };
        for (step, got) in story.steps.iter().zip(played) {
            let place = format!("{file} {:?}", step.title);
            let Some(recorded) = &step.answer else { continue };
            let found = difference::between(recorded, &got);
            tally.played += 1;
            tally.equal += usize::from(found.is_empty());
            match (&step.differs, found.is_empty()) {
                (Some(row), true) if server.name == "embedded" => {
                    tally.no_longer.push(format!("{place}: {row}"))
                }
                (Some(row), false) if server.name == "embedded" => {
                    tally.different.push(format!("{place}: {row}"))
                }
                (_, true) => {}
                (_, false) => tally.unequal.push(format!("{place}\n      {}", found.join("\n      "))),
            }
        }
    }
    tally
}

#[expect(clippy::disallowed_methods, reason = "a test against servers that tell the real time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

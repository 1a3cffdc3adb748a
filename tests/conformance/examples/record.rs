//! Plays the stories against both servers, and writes down what the real one answers.
//!
//! `cargo run -p verdigris-conformance --example record -- [--write] [PART OF A PATH ...]` shows in what the embedded server
//! differs from the real one; with `--write` the files get the real one's answers, with `--mark=ROW` those that are not equal also
//! the row of the table of known differences.

use std::fs;

use verdigris_conformance::{
    difference,
    player::play,
    server::{Controllers, Server},
    stories,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (flags, parts): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mark = flags.iter().find_map(|flag| flag.strip_prefix("--mark=")).map(str::to_owned);
    let write = flags.iter().any(|flag| flag == "--write");
    let real = Server::real(Controllers::None).await?;
    let embedded = Server::embedded(Controllers::None).await?;
    stories::prepare(&real).await?;
    stories::prepare(&embedded).await?;
    let (mut played, mut equal) = (0, 0);
    for (path, mut story) in stories::all(&parts)? {
        let recorded = play(&story, &real, now()).await;
        let got = play(&story, &embedded, now()).await;
        let (recorded, got) = match (recorded, got) {
            (Ok(recorded), Ok(got)) => (recorded, got),
            (recorded, got) => {
                for error in [recorded.err(), got.err()].into_iter().flatten() {
                    println!("!!! {}: {error:#}", path.display());
                }
                continue;
            }
        };
        for ((step, recorded), got) in story.steps.iter_mut().zip(recorded).zip(got) {
            let found = difference::between(&recorded, &got);
            played += 1;
            equal += usize::from(found.is_empty());
            if found.is_empty() == step.differs.is_some() {
                println!("--- {} {:?} differs: {:?}", path.display(), step.title, step.differs);
                found.iter().for_each(|line| println!("      {line}"));
            }
            if let (Some(row), false, None) = (&mark, found.is_empty(), &step.differs) {
                let (title, rest) = step.text.split_once('\n').unwrap_or((&step.text, ""));
                step.text = format!("{title}\n@differs {row}\n{rest}");
            }
            step.answer = Some(recorded);
        }
        if write {
            fs::write(&path, story.to_string())?;
        }
    }
    println!("{played} exchanges played, {equal} equal");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program for people tells the real time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

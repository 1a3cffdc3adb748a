//! `why NAME`

use std::fmt::Write as _;

use clap::ValueEnum;
use verdigris_core::view::{RolloutView, Why};

use crate::{
    columns::{self, Cell, LastCell},
    error::Error,
    paint::{Paint, of_icon},
    screen,
    session::{Session, now},
};

/// `why NAME [-o FORMAT]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Where it stands, what blocks it, what comes next, what you can do
  kubectl rollouts why shop
  # The same for a script
  kubectl rollouts why shop -o json")]
pub struct Args {
    /// Rollout to explain
    #[arg(value_name = "NAME")]
    name: String,
    /// No colours (NO_COLOR and a pipe have the same effect)
    #[arg(long)]
    no_color: bool,
    /// Print the answer for a machine instead
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT")]
    output: Option<Output>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The answer as JSON.
    Json,
    /// The answer as YAML.
    Yaml,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let rollout = cluster.rollout(&args.name).await?;
    let around = cluster.surroundings(&rollout).await;
    let view = RolloutView::new(&rollout, &around.replica_sets, &around.pods, &around.services, now());
    let why = Why::of(&view);
    let text = match args.output {
        None => text(&view, &why, session.program().typed(), Paint::wanted(args.no_color)),
        Some(Output::Json) => {
            let json = serde_json::to_string_pretty(&why);
            format!("{}\n", json.map_err(|error| Error::Usage(format!("as JSON: {error}")))?)
        }
        Some(Output::Yaml) => {
            serde_saphyr::to_string(&why).map_err(|error| Error::Usage(format!("as YAML: {error}")))?
        }
    };
    screen::print(&text)?;
    around.unreadable.iter().for_each(|note| screen::note(note));
    Ok(())
}

fn text(view: &RolloutView, why: &Why, typed: &str, paint: Paint) -> String {
    let icon = paint.paint(of_icon(view.icon), view.icon.symbol());
    let mut stands = vec![format!("{icon} {}", why.phase)];
    stands.extend(why.stands.iter().cloned());
    let next: Vec<String> = why
        .next
        .iter()
        .map(|next| {
            next.when.as_ref().map_or_else(|| next.what.clone(), |when| format!("{when}: {}", next.what))
        })
        .collect();
    let commands: Vec<Vec<Cell>> = why
        .you_can
        .iter()
        .map(|choice| vec![format!("{typed} {}", choice.command).into(), choice.effect.clone().into()])
        .collect();
    let commands = columns::lines(&commands, &mut Vec::new(), LastCell::AsItIs);
    let mut text = String::new();
    for (heading, lines, otherwise) in [
        ("Stands:", stands, ""),
        ("Blocked by:", why.blocked_by.clone(), "nothing"),
        ("Next:", next, "nothing: it is where its spec wants it"),
        ("You can:", commands, "nothing, until the controller has seen it"),
    ] {
        let lines = if lines.is_empty() { vec![otherwise.to_owned()] } else { lines };
        for (index, line) in lines.iter().enumerate() {
            let heading = if index == 0 { heading } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{heading:<13}{line}");
        }
    }
    text
}

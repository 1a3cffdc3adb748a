//! `why NAME`

use std::fmt::Write as _;

use clap::ValueEnum;
use verdigris_core::view::{Answer, Icon, Line, RolloutView, Why};

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
    let view = RolloutView::new(&rollout, &around.around(), now());
    let why = Why::of(&view);
    let text = match args.output {
        None => {
            // Where the namespace was named, the commands name it too: typed as they stand they find the rollout.
            let place = session.namespace_flag().map(|name| format!("-n {name}")).unwrap_or_default();
            let answers = why.answers(session.program().typed(), &place);
            text(&answers, view.icon, Paint::wanted(args.no_color))
        }
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

fn text(answers: &[Answer], icon: Icon, paint: Paint) -> String {
    let mut text = String::new();
    for (number, answer) in answers.iter().enumerate() {
        let rows: Vec<Vec<Cell>> = answer.lines.iter().map(cells).collect();
        let lines = columns::lines(&rows, &mut Vec::new(), LastCell::AsItIs);
        for (index, line) in lines.iter().enumerate() {
            let heading = if index == 0 { format!("{}:", answer.heading) } else { String::new() };
            let is_phase = number == 0 && index == 0;
            let icon = if is_phase { paint.paint(of_icon(icon), icon.symbol()) + " " } else { String::new() };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{heading:<13}{icon}{line}");
        }
    }
    text
}

fn cells(line: &Line) -> Vec<Cell> {
    match line {
        Line::Text(text) => vec![text.clone().into()],
        Line::Command { typed, effect } => vec![typed.clone().into(), effect.clone().into()],
    }
}

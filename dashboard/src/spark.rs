//! A small picture of a metric: each measurement a sign, as high as its value, where it has one that is a number.
//!
//! What it came to is told by the shape, not by the colour alone.

use jiff::Timestamp;
use verdigris_core::view::{Icon, analysis_run::MeasurementView};

use crate::pages::words::{clock, icon_class};

/// Measurements that are drawn: the newest.
const DRAWN_MAX: usize = 30;
/// The view box.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;
/// Room around the signs.
const MARGIN: f64 = 7.0;
/// Signs that stand closer than this cover each other.
const GAP_MIN: f64 = 7.0;

/// The picture, ready for the template.
pub(crate) struct Spark {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Through the values; empty where fewer than two are numbers.
    pub(crate) line: String,
    pub(crate) dots: Vec<Dot>,
    /// The picture in words.
    pub(crate) words: String,
    /// `0.01 to 0.25`; empty where nothing is a number.
    pub(crate) range: String,
}

/// A measurement.
pub(crate) struct Dot {
    pub(crate) class: &'static str,
    /// The outline of its sign, around the origin.
    pub(crate) shape: &'static str,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) title: String,
}

impl Spark {
    /// Draws measurements, oldest first; `None` if there are fewer than two: one is told by its word.
    pub(crate) fn of(measurements: &[MeasurementView]) -> Option<Self> {
        let drawn = &measurements[measurements.len().saturating_sub(DRAWN_MAX)..];
        let last = drawn.last().filter(|_| drawn.len() > 1)?;
        let numbers = || drawn.iter().filter_map(|it| it.number);
        let (low, high) =
            (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
        let across = across(drawn);
        let places: Vec<(f64, f64)> =
            drawn.iter().zip(across).map(|(it, x)| (x, height(it.number, low, high))).collect();
        let points = drawn.iter().zip(&places).filter(|(it, _)| it.number.is_some());
        let points: Vec<String> = points.map(|(_, (x, y))| format!("{x:.1},{y:.1}")).collect();
        let range = match numbers().count() {
            0 => String::new(),
            _ if low == high => short(low),
            _ => format!("{} to {}", short(low), short(high)),
        };
        Some(Self {
            width: WIDTH,
            height: HEIGHT,
            line: if points.len() > 1 { points.join(" ") } else { String::new() },
            dots: drawn.iter().zip(&places).map(|(it, place)| Dot::new(it, *place)).collect(),
            words: words(drawn, &range, last),
            range,
        })
    }
}

impl Dot {
    fn new(measurement: &MeasurementView, (x, y): (f64, f64)) -> Self {
        Self {
            class: icon_class(measurement.icon),
            shape: shape(measurement.icon),
            x: format!("{x:.1}"),
            y: format!("{y:.1}"),
            title: title(measurement),
        }
    }
}

/// Good ones are round, bad ones a cross, impossible ones a triangle; what is open, or nobody knows, is hollow.
fn shape(icon: Icon) -> &'static str {
    match icon {
        Icon::Ok => "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0z",
        Icon::Bad => "M-3.4 -3.4L3.4 3.4M3.4 -3.4L-3.4 3.4",
        Icon::Warning => "M0 -4L4 3.2H-4z",
        _ => "M-2.8 0a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0 -5.6 0z",
    }
}

/// By time, where that is known and keeps them apart; else evenly.
fn across(drawn: &[MeasurementView]) -> Vec<f64> {
    let room = WIDTH - 2.0 * MARGIN;
    let times: Option<Vec<Timestamp>> = drawn.iter().map(MeasurementView::at).collect();
    let by_time = times.and_then(|times| {
        let (first, last) = (times.first()?, times.last()?);
        let whole = last.duration_since(*first).as_secs_f64();
        let share = |at: &Timestamp| MARGIN + at.duration_since(*first).as_secs_f64() / whole * room;
        let places: Vec<f64> = (whole > 0.0).then(|| times.iter().map(share).collect())?;
        places.windows(2).all(|pair| pair[1] - pair[0] >= GAP_MIN).then_some(places)
    });
    let step = room / drawn.len().saturating_sub(1).max(1) as f64;
    by_time.unwrap_or_else(|| (0..drawn.len()).map(|index| MARGIN + index as f64 * step).collect())
}

/// What has no number, and what is the same all along, stands in the middle.
fn height(number: Option<f64>, low: f64, high: f64) -> f64 {
    let room = HEIGHT - 2.0 * MARGIN;
    let share = number.map(|number| (number - low) / (high - low)).filter(|share| share.is_finite());
    MARGIN + (1.0 - share.unwrap_or(0.5)) * room
}

fn title(measurement: &MeasurementView) -> String {
    let at = measurement.at().map(|at| format!("{}: ", clock(at))).unwrap_or_default();
    let value = measurement.value.as_ref().map(|value| format!(", {value}")).unwrap_or_default();
    format!("{at}{}{value}", measurement.phase)
}

fn words(drawn: &[MeasurementView], range: &str, last: &MeasurementView) -> String {
    let values = if range.is_empty() { String::new() } else { format!("; values {range}") };
    format!("{} measurements{values}; the last one {}", drawn.len(), title(last))
}

/// `0.972`, `12`, `1.5e9`: enough to compare.
fn short(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{number:.2e}");
    }
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(second: i64, icon: Icon, number: Option<f64>) -> MeasurementView {
        MeasurementView {
            phase: "Successful".to_owned(),
            icon,
            value: number.map(|number| number.to_string()),
            number,
            message: String::new(),
            started: None,
            finished: Timestamp::from_second(second).ok(),
            job: None,
        }
    }

    fn places(measurements: &[MeasurementView]) -> Vec<(String, String)> {
        let spark = Spark::of(measurements).expect("a picture");
        spark.dots.into_iter().map(|dot| (dot.x, dot.y)).collect()
    }

    fn place(x: &str, y: &str) -> (String, String) {
        (x.to_owned(), y.to_owned())
    }

    #[test]
    fn higher_values_stand_higher_and_later_ones_to_the_right() {
        let of = |second, number| measurement(second, Icon::Ok, Some(number));
        let drawn = [of(0, 1.0), of(10, 3.0), of(40, 2.0)];
        assert_eq!(places(&drawn), [place("7.0", "33.0"), place("63.5", "7.0"), place("233.0", "20.0")]);
        let spark = Spark::of(&drawn).expect("a picture");
        assert_eq!(spark.line, "7.0,33.0 63.5,7.0 233.0,20.0");
        assert_eq!(spark.words, "3 measurements; values 1 to 3; the last one 00:00:40: Successful, 2");
    }

    #[test]
    fn what_is_no_number_stands_in_the_middle_and_what_came_at_once_side_by_side() {
        let drawn = [measurement(5, Icon::Bad, None), measurement(5, Icon::Ok, None)];
        assert_eq!(places(&drawn), [place("7.0", "20.0"), place("233.0", "20.0")]);
        let spark = Spark::of(&drawn).expect("a picture");
        assert_eq!((spark.line.as_str(), spark.range.as_str()), ("", ""));
        assert_ne!(spark.dots[0].shape, spark.dots[1].shape);
        assert!(Spark::of(&drawn[..1]).is_none() && Spark::of(&[]).is_none());
    }

    #[test]
    fn numbers_of_any_size_draw_something() {
        let of = |number| measurement(0, Icon::Ok, Some(number));
        for (low, high) in [(f64::MIN, f64::MAX), (0.0, 0.0), (1e-300, 1e-299), (-1.0, 5e300)] {
            for (x, y) in places(&[of(low), of(high)]) {
                assert!(!x.contains("NaN") && !y.contains("NaN") && !y.contains("inf"), "{low} {high}: {y}");
            }
        }
        assert_eq!(
            [0.0, 0.97231, 12.0, 1_500_000_000.0, 1e-9].map(short),
            ["0", "0.972", "12", "1.50e9", "1.00e-9"]
        );
    }

    #[test]
    fn of_many_the_newest_are_drawn() {
        let many: Vec<MeasurementView> = (0..90).map(|second| measurement(second, Icon::Ok, None)).collect();
        assert_eq!(places(&many).len(), DRAWN_MAX);
    }
}

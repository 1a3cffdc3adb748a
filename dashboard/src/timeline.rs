//! The timeline of the last update: a bar of what took how long, and below it each moment.

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use verdigris_core::view::{Moment, RolloutView, human};
use verdigris_crds::{Rollout, RolloutDuration};

use crate::pages::words::{clock, sentence};

/// Segments narrower than this (percent) carry no text.
const LABELLED_MIN: f64 = 13.0;
/// What comes after an update gets at least this share of the bar.
const AFTER_SHARE: f64 = 0.16;
/// Moments that are listed; older ones are in the revisions anyway.
const MOMENTS_MAX: usize = 12;

/// The bar and the moments.
#[derive(Template)]
#[template(path = "timeline.html")]
pub(crate) struct Timeline {
    segments: Vec<Segment>,
    /// Where now is on the bar, in percent.
    now: Option<String>,
    /// The bar in words.
    summary: String,
    moments: Vec<MomentLine>,
}

/// A part of the bar.
struct Segment {
    class: &'static str,
    /// In percent of the bar.
    x: String,
    width: String,
    label: String,
    title: String,
}

struct MomentLine {
    class: &'static str,
    what: String,
    when: String,
    at: Timestamp,
    clock: String,
    ahead: bool,
}

/// A part of the update, in time.
#[derive(Debug, PartialEq)]
struct Part {
    class: &'static str,
    what: &'static str,
    from: Timestamp,
    to: Timestamp,
}

impl Timeline {
    pub(crate) fn new(view: &RolloutView, rollout: &Rollout, now: Timestamp) -> Self {
        let duration = rollout.status.as_ref().and_then(|status| status.duration.clone()).unwrap_or_default();
        let pause = Pause::of(rollout, &duration);
        let leaving = view.replica_sets().filter_map(|set| set.scale_down.as_ref());
        let leaving = leaving.filter(|down| !down.passed).map(|down| down.at).max();
        let parts = parts(&duration, pause, leaving, now);
        let newest_first = view.timeline.iter().rev().take(MOMENTS_MAX);
        Self {
            now: now_mark(&parts, now),
            segments: segments(&parts, now),
            summary: parts.iter().map(|part| part.words(now)).collect::<Vec<_>>().join(", "),
            moments: newest_first.map(MomentLine::new).collect(),
        }
    }
}

const FOR_A_PERSON: &str = "waiting for a person";

/// The pause in which the update is now.
struct Pause {
    since: Timestamp,
    awaits: &'static str,
}

impl Pause {
    /// How long people let it wait is kept with the update's times; a pause that ends by itself only stands among the
    /// conditions of pauses.
    fn of(rollout: &Rollout, duration: &RolloutDuration) -> Option<Self> {
        if let Some(since) = &duration.manual_pause_started_at {
            return Some(Self { since: since.0, awaits: FOR_A_PERSON });
        }
        let pauses = rollout.status.as_ref().and_then(|status| status.pause_conditions.as_ref());
        let pause = pauses.into_iter().flatten().min_by_key(|pause| pause.start_time.0)?;
        let awaits = if pause.reason == "BlueGreenPause" { "waiting for its time" } else { FOR_A_PERSON };
        Some(Self { since: pause.start_time.0, awaits })
    }
}

/// Started, paused, ended, and the old version's last moments.
///
/// The status keeps how long an update was paused, not when. A blue-green pause ends with the promotion, so it is drawn
/// right before the end: began at 07:04:07, ended at 07:04:10, paused for 3 s: paused from 07:04:07.
fn parts(
    duration: &RolloutDuration,
    pause: Option<Pause>,
    leaving: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Part> {
    let Some(began) = duration.rollout_started_at.as_ref().map(|time| time.0) else { return Vec::new() };
    let finished = duration.finished_at.as_ref().map(|time| time.0).filter(|finished| *finished >= began);
    let paused_secs = duration.total_manual_pause_duration_seconds.unwrap_or_default().max(0);
    let end = finished.unwrap_or_else(|| now.max(began));
    let paused_from = match (finished, &pause) {
        (None, Some(pause)) => pause.since.clamp(began, end),
        (None, None) => end,
        (Some(finished), _) => {
            let paused = SignedDuration::from_secs(paused_secs);
            finished.checked_sub(paused).map_or(began, |from| from.max(began))
        }
    };
    let aborted = duration.completion_status.as_deref() == Some("Aborted");
    let mut parts = vec![
        Part { class: "progressing", what: "starting up", from: began, to: paused_from },
        Part {
            class: "paused",
            what: pause.map_or(FOR_A_PERSON, |pause| pause.awaits),
            from: paused_from,
            to: end,
        },
    ];
    if let Some(finished) = finished {
        let gone = leaving.map_or(finished, |leaving| leaving.max(finished));
        let calm_from = gone.max(finished);
        parts.push(Part { class: "leaving", what: "old version kept warm", from: finished, to: gone });
        let (class, what) = if aborted { ("degraded", "aborted") } else { ("healthy", "done") };
        parts.push(Part { class, what, from: calm_from, to: now.max(calm_from) });
    }
    parts.retain(|part| part.to > part.from);
    parts
}

/// Parts to scale, but what comes after the update is not: it may be days.
fn segments(parts: &[Part], now: Timestamp) -> Vec<Segment> {
    let is_after = |part: &Part| matches!(part.what, "done" | "aborted");
    let total: f64 = parts.iter().filter(|part| !is_after(part)).map(Part::secs).sum();
    let after = if parts.iter().any(is_after) { AFTER_SHARE } else { 0.0 };
    let scale = if total > 0.0 { (1.0 - after) / total } else { 0.0 };
    let share = |part: &Part| match (is_after(part), total > 0.0) {
        (true, true) => AFTER_SHARE,
        (true, false) => 1.0,
        (false, _) => part.secs() * scale,
    };
    let mut x = 0.0;
    let place = |part: &Part| {
        let width = share(part) * 100.0;
        let label = if width >= LABELLED_MIN { part.what.to_owned() } else { String::new() };
        let segment = Segment {
            class: part.class,
            x: format!("{x:.2}"),
            width: format!("{:.2}", (width - 0.35).max(0.25)),
            label,
            title: part.words(now),
        };
        x += width;
        segment
    };
    parts.iter().map(place).collect()
}

/// Where now is, while something is still to come: between the promotion and the scale-down.
fn now_mark(parts: &[Part], now: Timestamp) -> Option<String> {
    let last = parts.last().filter(|last| last.what == "old version kept warm" && now < last.to)?;
    let total: f64 = parts.iter().map(Part::secs).sum();
    let left = last.to.duration_since(now).as_secs_f64();
    (total > 0.0).then(|| format!("{:.2}", ((total - left) / total * 100.0).clamp(0.0, 100.0)))
}

impl Part {
    fn secs(&self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64()
    }

    /// What lasts is told by its beginning: its length is another one when the sentence is read.
    fn words(&self, now: Timestamp) -> String {
        if self.to >= now {
            return format!("{} since {}", self.what, clock(self.from));
        }
        format!("{} for {}", self.what, human::duration(self.to.duration_since(self.from)))
    }
}

impl MomentLine {
    fn new(moment: &Moment) -> Self {
        // Names are part of what is said, and may be any words: only its beginning and its end are ours.
        let begins = |words: &str| moment.what.starts_with(words);
        let ends = |words: &str| moment.what.ends_with(words);
        let class = match () {
            () if begins("paused") || ends(": Inconclusive") => "paused",
            () if begins("update aborted") || ends(": Aborted") => "degraded",
            () if ends(": Failed") || ends(": Error") => "degraded",
            () if begins("update ended") || ends(": Successful") => "healthy",
            () if begins("update began") || ends(" began") => "progressing",
            () => "other",
        };
        Self {
            class,
            what: sentence(&moment.what),
            when: moment.when.clone(),
            at: moment.at,
            clock: clock(moment.at),
            ahead: moment.ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use verdigris_crds::{Other, PauseCondition, RolloutStatus};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn of(began: i64, pausing: Option<i64>, paused: i64, finished: Option<i64>) -> RolloutDuration {
        RolloutDuration {
            rollout_started_at: Some(Time(at(began))),
            manual_pause_started_at: pausing.map(|second| Time(at(second))),
            total_manual_pause_duration_seconds: Some(paused),
            finished_at: finished.map(|second| Time(at(second))),
            ..RolloutDuration::default()
        }
    }

    fn words(duration: &RolloutDuration, leaving: Option<i64>, now: i64) -> Vec<String> {
        words_of(&Rollout::default(), duration, leaving, now)
    }

    fn words_of(
        rollout: &Rollout,
        duration: &RolloutDuration,
        leaving: Option<i64>,
        now: i64,
    ) -> Vec<String> {
        let parts = parts(duration, Pause::of(rollout, duration), leaving.map(at), at(now));
        parts.iter().map(|part| part.words(at(now))).collect()
    }

    #[test]
    fn an_update_in_its_pause_has_started_and_waits() {
        assert_eq!(
            words(&of(0, Some(10), 0, None), None, 40),
            ["starting up for 10s", "waiting for a person since 00:00:10"]
        );
    }

    #[test]
    fn a_pause_that_ends_by_itself_waits_for_no_person() {
        let pause = PauseCondition {
            reason: "BlueGreenPause".to_owned(),
            start_time: Time(at(10)),
            other: Other::default(),
        };
        let status = RolloutStatus { pause_conditions: Some(vec![pause]), ..RolloutStatus::default() };
        let rollout = Rollout { status: Some(status), ..Rollout::default() };
        assert_eq!(
            words_of(&rollout, &of(0, None, 0, None), None, 40),
            ["starting up for 10s", "waiting for its time since 00:00:10"]
        );
    }

    #[test]
    fn a_promoted_update_keeps_the_old_version_for_a_while() {
        let promoted = of(0, None, 30, Some(40));
        let then =
            ["starting up for 10s", "waiting for a person for 30s", "old version kept warm since 00:00:40"];
        assert_eq!(words(&promoted, Some(60), 50), then);
        assert_eq!(now_mark(&parts(&promoted, None, Some(at(60)), at(50)), at(50)).as_deref(), Some("83.33"));
        assert_eq!(words(&promoted, None, 100)[2], "done since 00:00:40");
    }

    #[test]
    fn a_name_says_nothing_of_how_it_went() {
        let class = |what: &str| {
            let moment = Moment { at: at(0), when: "0s ago".to_owned(), ahead: false, what: what.to_owned() };
            MomentLine::new(&moment).class
        };
        assert_eq!(class("ReplicaSet aborted-7cb7d7cbd7 created"), "other");
        assert_eq!(class("update ended: Aborted"), "degraded");
        assert_eq!(class("update ended: Promoted"), "healthy");
        assert_eq!(class("paused: BlueGreenPause"), "paused");
        assert_eq!(class("pre-promotion analysis of revision 2 began"), "progressing");
        assert_eq!(class("post-promotion analysis of revision 2: Failed"), "degraded");
    }

    #[test]
    fn times_that_contradict_each_other_draw_no_backward_part() {
        for (duration, now) in [
            (of(100, Some(10), 0, None), 50),
            (of(100, None, 9_999, Some(120)), 130),
            (of(100, None, -5, Some(90)), 80),
        ] {
            let parts = parts(&duration, None, Some(at(1)), at(now));
            assert!(parts.iter().all(|part| part.to > part.from), "{parts:?}");
            assert!(segments(&parts, at(now)).iter().all(|segment| !segment.x.contains("NaN")));
        }
        assert_eq!(parts(&RolloutDuration::default(), None, None, at(0)), []);
    }
}

//! Durations as kubectl writes them: two units at most, fewer the longer it is.

use jiff::{SignedDuration, Timestamp};

/// Time since `then` as kubectl writes an age, or `<unknown>` if there is no such moment.
#[must_use]
pub fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "<unknown>".into(), |then| duration(now.duration_since(then)))
}

/// A duration as kubectl writes it.
///
/// Source of the steps: `k8s.io/apimachinery/pkg/util/duration`, `HumanDuration`. Clocks of two machines may differ a
/// little, so up to two seconds below zero still read `0s`.
#[must_use]
pub fn duration(duration: SignedDuration) -> String {
    let secs = duration.as_secs();
    let (minutes, hours) = (secs / 60, secs / 3600);
    let days = hours / 24;
    if secs < -1 {
        return "<invalid>".into();
    }
    match () {
        () if secs < 0 => "0s".into(),
        () if secs < 120 => format!("{secs}s"),
        () if minutes < 10 => two(minutes, "m", secs % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 8 * 365 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_writes_them() {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        for (secs, text) in [
            (-5, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (9 * MINUTE + 59, "9m59s"),
            (10 * MINUTE, "10m"),
            (10 * MINUTE + 59, "10m"),
            (179 * MINUTE, "179m"),
            (180 * MINUTE, "3h"),
            (7 * HOUR + 59 * MINUTE, "7h59m"),
            (8 * HOUR + 59 * MINUTE, "8h"),
            (47 * HOUR, "47h"),
            (48 * HOUR, "2d"),
            (7 * DAY + 23 * HOUR, "7d23h"),
            (8 * DAY + 23 * HOUR, "8d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (2 * 365 * DAY + 9 * DAY, "2y9d"),
            (8 * 365 * DAY + 9 * DAY, "8y"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(secs)), text, "{secs} s");
        }
    }

    #[test]
    fn a_moment_just_ahead_of_our_clock_is_now() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(age(Some(now + SignedDuration::from_millis(900)), now), "0s");
        assert_eq!(age(Some(now - SignedDuration::from_secs(40)), now), "40s");
        assert_eq!(age(None, now), "<unknown>");
    }
}

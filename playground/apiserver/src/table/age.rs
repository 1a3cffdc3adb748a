//! How long something took, in the few characters that a column has.

use jiff::Timestamp;
use serde_json::Value;

/// A duration as kubectl prints ages: two units at most, the finer the shorter it is.
///
/// 59 seconds are `59s`, 3 minutes and 4 seconds `3m4s`, 15 minutes and 4 seconds `15m`, 25 hours `25h`.
#[must_use]
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 2920 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

/// How long ago a timestamp was; `<unknown>` if it is none.
pub(super) fn since(timestamp: &Value, now: Timestamp) -> String {
    match timestamp.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(then) => human_duration(now.as_second() - then.as_second()),
        None => "<unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    #[test]
    fn ages_have_two_units_at_most() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (59, "59s"),
            (119, "119s"),
            (120, "2m"),
            (184, "3m4s"),
            (904, "15m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 300, "3h5m"),
            (25 * 3600, "25h"),
            (49 * 3600, "2d1h"),
            (200 * 3600, "8d"),
            (365 * 24 * 3600 * 3, "3y"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }
}

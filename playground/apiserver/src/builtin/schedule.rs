//! What schedules of CronJobs must be like: five fields, or a name; and the time zones that they may be in.

const TIME_ZONES: &str = include_str!("time_zones.txt");

/// A field's bounds, and the names that its numbers have.
struct Bounds {
    least: u64,
    most: u64,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] = [
    Bounds { least: 0, most: 59, names: &[] },
    Bounds { least: 0, most: 23, names: &[] },
    Bounds { least: 1, most: 31, names: &[] },
    Bounds { least: 1, most: 12, names: &MONTHS },
    Bounds { least: 0, most: 6, names: &DAYS },
];

const NAMED: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// What is wrong with a schedule that is not empty.
pub(super) fn fault(schedule: &str) -> Option<String> {
    let schedule = match schedule.strip_prefix("CRON_TZ=").or_else(|| schedule.strip_prefix("TZ=")) {
        // A zone is refused elsewhere, whatever it is.
        Some(zoned) => zoned.split_once(' ').map_or("", |(_, rest)| rest).trim(),
        None => schedule,
    };
    if let Some(every) = schedule.strip_prefix("@every ") {
        return duration_fault(schedule, every);
    }
    if schedule.starts_with('@') {
        let known = NAMED.contains(&schedule);
        return (!known).then(|| format!("unrecognized descriptor: {schedule}"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!(
            "expected exactly {} fields, found {}: [{}]",
            FIELDS.len(),
            fields.len(),
            fields.join(" ")
        ));
    }
    let ranges = fields.iter().zip(&FIELDS).flat_map(|(field, bounds)| {
        field.split(',').filter(|range| !range.is_empty()).map(move |range| (range, bounds))
    });
    ranges.filter_map(|(range, bounds)| range_fault(range, bounds).err()).next()
}

/// Whether a time zone has this name.
pub(super) fn is_time_zone(name: &str) -> bool {
    let (area, place) = name.rsplit_once('/').unwrap_or(("-", name));
    let mut here = false;
    TIME_ZONES.lines().any(|line| {
        // Lines that begin with a space go on with the area of the line before.
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        if !line.starts_with(' ') {
            here = words.next() == Some(area);
        }
        here && words.any(|word| word == place)
    })
}

fn range_fault(range: &str, bounds: &Bounds) -> Result<(), String> {
    let parts: Vec<&str> = range.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        (bounds.least, bounds.most)
    } else {
        let start = number(ends[0], bounds)?;
        match ends.as_slice() {
            [_] => (start, start),
            [_, end] => (start, number(end, bounds)?),
            _ => return Err(format!("too many hyphens: {range}")),
        }
    };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            if ends.len() == 1 {
                end = bounds.most;
            }
            whole(step)?
        }
        _ => return Err(format!("too many slashes: {range}")),
    };
    let (least, most) = (bounds.least, bounds.most);
    if start < least {
        return Err(format!("beginning of range ({start}) below minimum ({least}): {range}"));
    }
    if end > most {
        return Err(format!("end of range ({end}) above maximum ({most}): {range}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {range}"));
    }
    Ok(())
}

fn number(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let named = bounds.names.iter().zip(bounds.least..).find(|(name, _)| **name == text.to_lowercase());
    named.map_or_else(|| whole(text), |(_, number)| Ok(number))
}

fn whole(text: &str) -> Result<u64, String> {
    match text.parse::<i64>() {
        Ok(number) => {
            u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
        }
        Err(_) => {
            let why = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                "value out of range"
            } else {
                "invalid syntax"
            };
            Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {why}"))
        }
    }
}

fn duration_fault(schedule: &str, every: &str) -> Option<String> {
    let unit_ends = ["ns", "us", "µs", "ms", "s", "m", "h"].iter().any(|unit| every.ends_with(unit));
    let fits = every.starts_with(|first: char| first.is_ascii_digit())
        && every.chars().all(|c| c.is_ascii_digit() || "nuµmsh.".contains(c))
        && unit_ends;
    (!fits).then(|| format!("failed to parse duration {schedule}: time: invalid duration {every:?}"))
}

#[cfg(test)]
mod tests {
    use super::{fault, is_time_zone};

    #[test]
    fn time_zones_are_known_by_their_names() {
        for known in ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+3"] {
            assert!(is_time_zone(known), "{known}");
        }
        for unknown in ["Berlin", "Europe/Nowhere", "Mars/Phobos", "-", "#"] {
            assert!(!is_time_zone(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_schedule_has_five_fields_or_a_name() {
        for good in ["*/5 0-6 1,15 jan-MAR ?", "@daily", "@every 1h30m", "0 0 * * sat/2"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, why) in [
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("70 * * * *", "end of range (70) above maximum (59): 70"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("@sometimes", "unrecognized descriptor: @sometimes"),
        ] {
            assert_eq!(fault(bad).as_deref(), Some(why));
        }
    }
}

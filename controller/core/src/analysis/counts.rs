//! An analysis that a Rollout waits for must end: no metric of it may be measured for ever.

use serde_json::Value;

use super::asked::Argument;

/// Checks the metrics of one template.
pub(super) fn check(template: &str, metrics: &[Value], args: &[Argument]) -> Result<(), String> {
    for metric in metrics {
        resolvable(&metric.to_string(), args).map_err(|tag| {
            format!("AnalysisTemplate {template}: failed to resolve {{{{{tag}}}}}; declare it in args")
        })?;
        let (Known::Is(count), Known::Is(interval)) =
            (resolved(metric.get("count"), args), resolved(metric.get("interval"), args))
        else {
            // It comes from a secret, which only who measures may read.
            continue;
        };
        let has_count = count.trim().parse::<i64>().is_ok_and(|count| count != 0);
        if !has_count && !interval.is_empty() {
            let name = metric.get("name").and_then(Value::as_str).unwrap_or_default();
            let found = if count.is_empty() { "<nil>" } else { count.as_str() };
            return Err(format!(
                "AnalysisTemplate {template} has metric {name} which runs indefinitely. Invalid value for count: \
                 {found}; write a count, or leave interval out"
            ));
        }
    }
    Ok(())
}

enum Known {
    Is(String),
    Later,
}

fn resolved(field: Option<&Value>, args: &[Argument]) -> Known {
    let mut text = match field {
        None | Some(Value::Null) => return Known::Is(String::new()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return Known::Is(other.to_string()),
    };
    for argument in args {
        let tags = tags(&text).filter(|tag| tag.trim().strip_prefix("args.") == Some(&argument.name));
        let tags: Vec<String> = tags.map(|tag| format!("{{{{{tag}}}}}")).collect();
        let Some(value) = &argument.value else {
            if tags.is_empty() {
                continue;
            }
            return Known::Later;
        };
        for tag in tags {
            text = text.replace(&tag, value);
        }
    }
    Known::Is(text)
}

/// The first tag that stands for no argument.
fn resolvable(metric: &str, args: &[Argument]) -> Result<(), String> {
    let names_one = |tag: &str| {
        let name = tag.trim().strip_prefix("args.");
        name.is_some_and(|name| args.iter().any(|argument| argument.name == name))
    };
    match tags(metric).find(|tag| !names_one(tag)) {
        Some(tag) => Err(tag.to_owned()),
        None => Ok(()),
    }
}

/// What stands between double braces.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(tag, _)| tag))
}

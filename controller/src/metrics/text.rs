//! Prometheus' text format, version 0.0.4.
//!
//! By hand, because that is all there is to it, and because the crates that do it hold a registry of label sets that has to
//! be pruned, and write OpenMetrics, in which a counter cannot have the names that the peer's have.

use std::fmt::{self, Write as _};

use super::histogram::Histogram;

/// The media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the samples of one family.
pub struct Lines<'a> {
    text: &'a mut String,
    name: &'static str,
    /// Labels that all of them have, as text.
    fixed: &'a str,
}

impl<'a> Lines<'a> {
    /// Samples of this family, all with these labels, which are [`label`]s already.
    pub fn new(text: &'a mut String, name: &'static str, fixed: &'a str) -> Self {
        Self { text, name, fixed }
    }

    /// One sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) {
        self.line("", labels, None, value);
    }

    /// All samples of a histogram.
    pub fn histogram<const N: usize>(&mut self, labels: &[(&str, &str)], histogram: &Histogram<N>) {
        for (bound, count) in histogram.cumulative() {
            self.line("_bucket", labels, Some(&bound), count);
        }
        self.line("_bucket", labels, Some(&"+Inf"), histogram.count());
        self.line("_sum", labels, None, histogram.sum());
        self.line("_count", labels, None, histogram.count());
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        bound: Option<&dyn fmt::Display>,
        value: impl fmt::Display,
    ) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let begin = self.text.len();
        self.text.push('{');
        self.text.push_str(self.fixed);
        for (name, value) in labels {
            label(self.text, name, value);
        }
        if let Some(bound) = bound {
            // Writing to a string does not fail.
            let _ = write!(self.text, "le=\"{bound}\",");
        }
        // The comma after the last label is allowed, but is a byte; without labels there are no braces either.
        self.text.truncate(self.text.len() - 1);
        if self.text.len() > begin {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Appends `name="value",`.
pub fn label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push_str("\",");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_as_prometheus_reads_them() {
        let mut text = String::new();
        let mut fixed = String::new();
        label(&mut fixed, "name", "a\"b\\c\nd");
        Lines::new(&mut text, "plain", "").sample(&[], 3);
        Lines::new(&mut text, "plain", &fixed).sample(&[("phase", "")], 0.25);
        let mut histogram = Histogram::new(&[0.5]);
        histogram.observe(0.5);
        histogram.observe(2.0);
        Lines::new(&mut text, "time", "").histogram(&[("verb", "get")], &histogram);
        let wanted = r#"plain 3
plain{name="a\"b\\c\nd",phase=""} 0.25
time_bucket{verb="get",le="0.5"} 1
time_bucket{verb="get",le="+Inf"} 2
time_sum{verb="get"} 2.5
time_count{verb="get"} 2
"#;
        assert_eq!(text, wanted);
    }
}

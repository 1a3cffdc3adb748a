//! Takes out of a text what differs from run to run.

use std::borrow::Cow;

use anyhow::Context as _;
use regex::Regex;

/// Expressions and what stands for what they find, in the order in which they are applied.
const RULES: &[(&str, &str)] = &[
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} \w+)?", "TIME"),
    (r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d( \w+)? \d{4}", "TIME"),
    (r"[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", "LOG "),
    (r#"(resourceVersion"?: ?"|Resource Version:\s+)\d+"#, "${1}VERSION"),
    (r"https://127\.0\.0\.1:\d+", "SERVER"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\b10\.\d+\.\d+\.\d+\b", "IP"),
    (r"\b3[0-2]\d{3}\b", "NODEPORT"),
    // What generateName and the hash of a pod template end with.
    (r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-HASH-SUFFIX"),
    (r"(pod-template-hash[=:] ?)[bcdfghjklmnpqrstvwxz2456789]{8,10}", "${1}HASH"),
    (
        r"\b([a-z][a-z0-9.-]*)-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|[bcdfghjklmnpqrstvwxz2456789]{8,10})\b",
        "${1}-SUFFIX",
    ),
    (r"modifiedAt=\d+", "modifiedAt=TIME"),
    // How often an event was seen, and for how long, depends on how fast the machine is.
    (r"\b(\d+[dhms])+ \(x\d+ over (\d+[dhms])+\)", "AGE"),
    (r"(^|[\s(])(?:\d+[dhms])+(\s|\)|$)", "${1}AGE${2}"),
    (r"(\S) {2,}", "${1}  "),
    (r"\s+$", ""),
];

/// Takes out of a text what differs from run to run.
pub struct Normaliser(Vec<(Regex, &'static str)>);

impl Normaliser {
    /// With all rules.
    ///
    /// # Errors
    /// If one of our own expressions is none.
    pub fn new() -> anyhow::Result<Self> {
        let compile = |(expression, stands): &(&str, &'static str)| {
            let compiled = Regex::new(expression).with_context(|| format!("understanding {expression}"))?;
            Ok((compiled, *stands))
        };
        Ok(Self(RULES.iter().map(compile).collect::<anyhow::Result<_>>()?))
    }

    /// The text without them, line by line.
    pub fn normalise(&self, text: &str) -> Vec<String> {
        text.lines().map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &str) -> String {
        let mut line = Cow::Borrowed(line);
        for (expression, stands) in &self.0 {
            if let Cow::Owned(changed) = expression.replace_all(&line, *stands) {
                line = Cow::Owned(changed);
            }
        }
        line.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(line: &str) -> String {
        Normaliser::new().unwrap().line(line)
    }

    #[test]
    fn names_of_pods_and_ages_go() {
        assert_eq!(
            normal("app-6d4f8c9b7d-x2xkq   1/1     Running   0          12s"),
            "app-HASH-SUFFIX  1/1  Running  0  AGE"
        );
        assert_eq!(normal("app-6d4f8c9b7d   1         1m2s"), "app-SUFFIX  1  AGE");
        assert_eq!(normal("  Normal  Pulled  5s (x3 over 7s)  kubelet"), "  Normal  Pulled  AGE  kubelet");
    }

    #[test]
    fn times_versions_and_addresses_go() {
        assert_eq!(normal("  creationTimestamp: \"2026-01-02T03:04:05Z\""), "  creationTimestamp: \"TIME\"");
        assert_eq!(normal("Start Time:  Sat, 21 Nov 2026 10:00:00 +0000"), "Start Time:  TIME");
        assert_eq!(normal("  resourceVersion: \"41\""), "  resourceVersion: \"VERSION\"");
        assert_eq!(
            normal("web   NodePort   10.0.3.7   <none>   80:31055/TCP"),
            "web  NodePort  IP  <none>  80:NODEPORT/TCP"
        );
    }

    #[test]
    fn what_people_name_stays() {
        assert_eq!(
            normal("deployment.apps/guestbook-active created"),
            "deployment.apps/guestbook-active created"
        );
        assert_eq!(normal("    terminationGracePeriodSeconds: 30"), "    terminationGracePeriodSeconds: 30");
    }
}

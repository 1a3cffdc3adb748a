//! Label and field selectors of lists and watches.

use std::collections::BTreeSet;

mod fields;
mod labels;

pub use fields::FieldSelector;
pub use labels::LabelSelector;

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Exists,
    Absent,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::In(set) => value.is_some_and(|text| set.contains(text)),
            // An absent label is not in the set, as in the real server.
            Operator::NotIn(set) => !value.is_some_and(|text| set.contains(text)),
            Operator::Greater(bound) => number().is_some_and(|found| found > *bound),
            Operator::Less(bound) => number().is_some_and(|found| found < *bound),
        }
    }
}

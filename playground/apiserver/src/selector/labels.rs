//! `labelSelector=app=web,tier in (a,b),!legacy`.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::{Operator, Requirement};
use crate::{
    field_error::FieldError,
    names::{label_value_faults, qualified_name_faults},
    status::ApiError,
};

/// Conditions on labels, all of which must hold. Empty, it selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Parses the text form.
    ///
    /// # Errors
    /// 400 with the reason the real server gives.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        parser.selector().map(Self).map_err(ApiError::bad_request)
    }

    /// The selector that a `LabelSelector` object (`matchLabels`, `matchExpressions`) stands for.
    pub fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut found: Vec<Requirement> = object["matchLabels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| Requirement {
                key: key.clone(),
                operator: Operator::In([text(value)].into()),
            })
            .collect();
        for expression in object["matchExpressions"].as_array().into_iter().flatten() {
            let values = expression["values"].as_array().into_iter().flatten().map(text).collect();
            let operator = match expression["operator"].as_str() {
                Some("In") => Operator::In(values),
                Some("NotIn") => Operator::NotIn(values),
                Some("Exists") => Operator::Exists,
                Some("DoesNotExist") => Operator::Absent,
                // Refused when the object was validated; selecting nothing is the safe reading.
                _ => Operator::In(BTreeSet::new()),
            };
            found.push(Requirement { key: text(&expression["key"]), operator });
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Self(found)
    }

    /// Whether these labels satisfy it; `labels` looks a label up by its key.
    pub fn matches<'a>(&self, labels: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels(&requirement.key)))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator }) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let listed = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
            match operator {
                Operator::Exists => write!(f, "{key}")?,
                Operator::Absent => write!(f, "!{key}")?,
                Operator::In(set) if set.len() == 1 => write!(f, "{key}={}", listed(set))?,
                Operator::In(set) => write!(f, "{key} in ({})", listed(set))?,
                Operator::NotIn(set) if set.len() == 1 => write!(f, "{key}!={}", listed(set))?,
                Operator::NotIn(set) => write!(f, "{key} notin ({})", listed(set))?,
                Operator::Greater(bound) => write!(f, "{key}>{bound}")?,
                Operator::Less(bound) => write!(f, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Symbol(symbol) => symbol,
            Self::End => "",
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    const SYMBOLS: [&str; 10] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<", "~"];
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "=!(),><~".contains(c)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    found.push(Token::End);
    found
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut found = Vec::new();
        loop {
            match self.peek() {
                Token::End => return Ok(found),
                Token::Word(_) | Token::Symbol("!") => found
                    .push(self.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?),
                other @ Token::Symbol(_) => {
                    return Err(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        other.text()
                    ));
                }
            }
            match self.next() {
                Token::End => return Ok(found),
                Token::Symbol(",") if matches!(self.peek(), Token::Word(_) | Token::Symbol("!")) => {}
                Token::Symbol(",") => {
                    return Err(format!("found '{}', expected: identifier after ','", self.peek().text()));
                }
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = *self.peek() == Token::Symbol("!");
        if absent {
            self.at += 1;
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        let faults = qualified_name_faults(&key);
        if !faults.is_empty() {
            // The real server has no path for the key here, and says so.
            return Err(FieldError::invalid("<nil>", key, faults.join("; ")).to_string());
        }
        if absent {
            return Ok(Requirement { key, operator: Operator::Absent });
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Ok(Requirement { key, operator: Operator::Exists });
        }
        let operator = match self.next() {
            Token::Symbol("=" | "==") => Operator::In(self.exact_value()?),
            Token::Symbol("!=") => Operator::NotIn(self.exact_value()?),
            Token::Symbol(">") => Operator::Greater(self.number()?),
            Token::Symbol("<") => Operator::Less(self.number()?),
            Token::Word(word) if word == "in" => Operator::In(self.values()?),
            Token::Word(word) if word == "notin" => Operator::NotIn(self.values()?),
            other => {
                return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.text()));
            }
        };
        if let Operator::In(values) | Operator::NotIn(values) = &operator {
            check_values(&key, values)?;
        }
        Ok(Requirement { key, operator })
    }

    fn exact_value(&mut self) -> Result<BTreeSet<String>, String> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(BTreeSet::from([String::new()])),
            Token::Word(_) => Ok(BTreeSet::from([self.next().text().to_owned()])),
            other @ Token::Symbol(_) => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let values = self.exact_value()?;
        values.first().and_then(|text| text.parse().ok()).ok_or_else(|| {
            let found = values.first().cloned().unwrap_or_default();
            FieldError::invalid("values[0]", found, "for 'Gt', 'Lt' operators, the value must be an integer")
                .to_string()
        })
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        if *self.peek() != Token::Symbol("(") {
            return Err(format!("found '{}' expected: '('", self.peek().text()));
        }
        self.at += 1;
        let mut found = BTreeSet::new();
        // An empty place between commas or parentheses counts as the empty value.
        let mut wants_value = true;
        loop {
            match self.next() {
                Token::Word(word) if wants_value => {
                    found.insert(word);
                    wants_value = false;
                }
                Token::Symbol(",") => {
                    if wants_value {
                        found.insert(String::new());
                    }
                    wants_value = true;
                }
                Token::Symbol(")") => {
                    if wants_value {
                        found.insert(String::new());
                    }
                    return Ok(found);
                }
                other if wants_value => {
                    return Err(format!("found '{}', expected: ',', or identifier", other.text()));
                }
                other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
            }
        }
    }
}

fn check_values(key: &str, values: &BTreeSet<String>) -> Result<(), String> {
    for (index, value) in values.iter().enumerate() {
        let faults = label_value_faults(value);
        if !faults.is_empty() {
            let path = format!("values[{index}][{key}]");
            return Err(FieldError::invalid(path, value.as_str(), faults.join("; ")).to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector = LabelSelector::parse(selector).expect(selector);
        selector.matches(|key| labels.iter().find(|(found, _)| *found == key).map(|(_, value)| *value))
    }

    #[test]
    fn equality_and_sets_select_as_kubernetes_does() {
        let web = [("app", "web"), ("tier", "front"), ("n", "5")];
        for yes in [
            "",
            "app=web",
            "app==web,tier",
            "tier in (front, back)",
            "app!=db",
            "other!=x",
            "!legacy",
            "other notin (a)",
            "n>4",
            "n<6",
            "app in (web),!x",
        ] {
            assert!(selects(yes, &web), "{yes}");
        }
        for no in [
            "app=db",
            "other",
            "!app",
            "tier in (back)",
            "tier notin (front)",
            "other=x",
            "other in ()",
            "n>5",
        ] {
            assert!(!selects(no, &web), "{no}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for bad in
            ["=", "a b", "a in b", "a in (b", "a,,b", "a=b=c", "-a", "a=b c", "a>x", "(", "a in (b c)", "!"]
        {
            assert_eq!(LabelSelector::parse(bad).expect_err(bad).code, 400, "{bad}");
        }
    }
}

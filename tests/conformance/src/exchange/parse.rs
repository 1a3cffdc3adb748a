//! Reading a file of exchanges.

use serde_json::Value;

use super::{Action, Again, Answer, Body, Outgoing, Step, Story};

/// Where a file is not as it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step:?}: {fault}")]
pub struct ParseError {
    /// The step's title, or its first line.
    pub step: String,
    /// What is wrong.
    pub fault: String,
}

impl Story {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ParseError`] says where it is not as it should be.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut blocks = vec![String::new()];
        for line in text.lines() {
            if line.starts_with("### ") {
                blocks.push(String::new());
            }
            if let Some(block) = blocks.last_mut() {
                block.push_str(line);
                block.push('\n');
            }
        }
        let mut blocks = blocks.into_iter();
        let head = blocks.next().unwrap_or_default();
        let steps: Vec<Step> = blocks.map(|block| Step::parse(&block)).collect::<Result<_, _>>()?;
        for (index, step) in steps.iter().enumerate() {
            if steps.iter().take(index).any(|earlier| earlier.title == step.title) {
                return Err(fault(&step.title, "another step has the same title"));
            }
        }
        Ok(Self { head, steps })
    }
}

impl Step {
    fn parse(block: &str) -> Result<Self, ParseError> {
        let lines: Vec<&str> = block.lines().collect();
        let title = lines.first().map(|line| line.trim_start_matches("### ").trim()).unwrap_or_default();
        let end = lines.iter().position(|line| line.starts_with("=>")).unwrap_or(lines.len());
        let (request, answer) = lines.split_at(end);
        let mut step = Self {
            text: request.join("\n").trim_end().to_owned(),
            title: title.to_owned(),
            action: Action::Events(String::new(), None),
            keep: Vec::new(),
            only: Vec::new(),
            again: Again::Never,
            differs: None,
            answer: None,
        };
        let rest: Vec<&str> =
            request.iter().skip(1).skip_while(|line| line.starts_with('#')).copied().collect();
        let directives =
            rest.iter().take_while(|line| line.starts_with('@') || line.starts_with('#')).count();
        for line in rest.iter().take(directives).filter(|line| line.starts_with('@')) {
            step.direct(line)?;
        }
        let rest = rest.get(directives..).unwrap_or_default();
        let (head, body) = head_and_body(rest);
        step.action = action(title, &head, body)?;
        if let Some((status, rest)) = answer.split_first() {
            let (head, body) = head_and_body(rest);
            step.answer = Some(Answer {
                status: status.trim_start_matches("=>").trim().to_owned(),
                headers: headers(title, &head)?,
                body: body_of(title, &body)?,
            });
        }
        Ok(step)
    }

    fn direct(&mut self, line: &str) -> Result<(), ParseError> {
        let mut words = line.split_whitespace();
        let directive = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        match (directive, rest.as_slice()) {
            ("@keep", [name, pointer]) => self.keep.push(((*name).to_owned(), (*pointer).to_owned())),
            ("@only", pointers) if !pointers.is_empty() => {
                self.only.extend(pointers.iter().map(|pointer| (*pointer).to_owned()));
            }
            ("@while", [code]) => {
                let code = code.parse().map_err(|_| fault(&self.title, "@while takes a status code"))?;
                self.again = Again::While(code);
            }
            ("@until", [pointer, value @ ..]) => {
                let value = value.join(" ");
                let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
                self.again = Again::Until((*pointer).to_owned(), value);
            }
            ("@differs", row) if !row.is_empty() => self.differs = Some(row.join(" ")),
            _ => return Err(fault(&self.title, format!("{line:?} is no directive"))),
        }
        Ok(())
    }
}

fn action(title: &str, head: &[&str], body: String) -> Result<Action, ParseError> {
    let Some((first, rest)) = head.split_first() else {
        return Err(fault(title, "there is no request"));
    };
    // Variables in a path may have spaces in them.
    let parts = if first.starts_with("WATCH ") || first.starts_with("EVENTS ") { 3 } else { 2 };
    let words: Vec<&str> = first.splitn(parts, ' ').collect();
    let headers = headers(title, rest)?;
    let outgoing = |method: &str, path: &str, body: String| Outgoing {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.clone(),
        body,
    };
    match words.as_slice() {
        ["WATCH", name, path] => Ok(Action::Watch((*name).to_owned(), outgoing("GET", path, body))),
        ["EVENTS", name, "end"] => Ok(Action::Events((*name).to_owned(), None)),
        ["EVENTS", name, count] => {
            let count = count.parse().map_err(|_| fault(title, "EVENTS takes a number or `end`"))?;
            Ok(Action::Events((*name).to_owned(), Some(count)))
        }
        [method, path] if method.chars().all(|c| c.is_ascii_uppercase()) => {
            Ok(Action::Send(outgoing(method, path, body)))
        }
        _ => Err(fault(title, format!("{first:?} is no request"))),
    }
}

/// The lines up to the first empty one, and the text behind it.
fn head_and_body<'a>(lines: &[&'a str]) -> (Vec<&'a str>, String) {
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let head = lines[..end].to_vec();
    let body = lines.get(end + 1..).unwrap_or_default().join("\n").trim_end().to_owned();
    (head, body)
}

fn headers(title: &str, lines: &[&str]) -> Result<Vec<(String, String)>, ParseError> {
    let header = |line: &&str| {
        let (name, value) =
            line.split_once(':').ok_or_else(|| fault(title, format!("{line:?} is no header")))?;
        Ok((name.trim().to_lowercase(), value.trim().to_owned()))
    };
    lines.iter().map(header).collect()
}

fn body_of(title: &str, text: &str) -> Result<Body, ParseError> {
    if text.is_empty() {
        return Ok(Body::Empty);
    }
    if !text.starts_with(['{', '[', '"']) {
        return Ok(Body::Text(text.to_owned()));
    }
    let parsed = serde_json::from_str(text);
    parsed.map(Body::Json).map_err(|error| fault(title, format!("the recorded body is no JSON: {error}")))
}

fn fault(step: &str, fault: impl Into<String>) -> ParseError {
    ParseError { step: step.to_owned(), fault: fault.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_written_as_it_stood() {
        let text = "# About.\n\n### one\n@keep v /metadata/resourceVersion\nPOST /a?b=c\nx-y: z\n\n{\"a\": 1}\n\n\
                    => 201\ncontent-type: application/json\n\n{\"b\": [1, 2]}\n\n### two\nEVENTS w 3\n\n=> events\n\n[]\n";
        let story = Story::parse(text).unwrap();
        assert_eq!(story.to_string(), text);
        assert_eq!(story.steps[0].keep, [("v".to_owned(), "/metadata/resourceVersion".to_owned())]);
        assert!(matches!(&story.steps[1].action, Action::Events(name, Some(3)) if name == "w"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_step() {
        let error = Story::parse("### a\n@nonsense\nGET /\n").unwrap_err();
        assert_eq!(error.to_string(), "step \"a\": \"@nonsense\" is no directive");
        assert_eq!(
            Story::parse("### a\nGET /\n### a\nGET /\n").unwrap_err().fault,
            "another step has the same title"
        );
    }
}

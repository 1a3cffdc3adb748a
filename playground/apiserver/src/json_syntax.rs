//! What is wrong with text that is no JSON, in the real server's words.

/// Deeper nesting than this is refused by name.
const DEPTH_MAX: usize = 10_000;

/// The first fault in a text; none if it is JSON.
pub fn fault(text: &[u8]) -> Option<String> {
    let mut scan = Scan { text, at: 0 };
    let end = || "unexpected end of JSON input".to_owned();
    match scan.document() {
        Ok(()) => None,
        Err(Fault::End) => Some(end()),
        Err(Fault::At(context)) => {
            Some(format!("invalid character {} {context}", shown(text.get(scan.at..)?)))
        }
    }
}

enum Fault {
    End,
    At(String),
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// What stands open around the place that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    List,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            // A value is to come here.
            match self.next_visible()? {
                b'{' | b'[' if open.len() >= DEPTH_MAX => {
                    return Err(Fault::At("exceeded max depth".to_owned()));
                }
                b'{' => {
                    self.at += 1;
                    if self.next_visible()? != b'}' {
                        self.key("looking for beginning of object key string")?;
                        open.push(Open::Object);
                        continue;
                    }
                    self.at += 1;
                }
                b'[' => {
                    self.at += 1;
                    if self.next_visible()? != b']' {
                        open.push(Open::List);
                        continue;
                    }
                    self.at += 1;
                }
                _ => self.scalar()?,
            }
            // A value has ended here.
            loop {
                let Some(inner) = open.last().copied() else { return self.end() };
                match (inner, self.next_visible()?) {
                    (Open::Object, b',') => {
                        self.at += 1;
                        self.next_visible()?;
                        self.key("looking for beginning of object key string")?;
                        break;
                    }
                    (Open::List, b',') => {
                        self.at += 1;
                        break;
                    }
                    (Open::Object, b'}') | (Open::List, b']') => {
                        self.at += 1;
                        open.pop();
                    }
                    (Open::Object, _) => return Err(Fault::At("after object key:value pair".to_owned())),
                    (Open::List, _) => return Err(Fault::At("after array element".to_owned())),
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.next_visible() {
            Ok(_) => Err(Fault::At("after top-level value".to_owned())),
            Err(_) => Ok(()),
        }
    }

    fn key(&mut self, context: &str) -> Result<(), Fault> {
        if self.next_visible()? != b'"' {
            return Err(Fault::At(context.to_owned()));
        }
        self.string()?;
        if self.next_visible()? != b':' {
            return Err(Fault::At("after object key".to_owned()));
        }
        self.at += 1;
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::At("looking for beginning of value".to_owned())),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        for wanted in word.bytes() {
            if self.peek()? != wanted {
                return Err(Fault::At(format!("in literal {word} (expecting '{}')", char::from(wanted))));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    match self.peek()? {
                        b'u' => {
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.peek()?.is_ascii_hexdigit() {
                                    return Err(Fault::At("in \\u hexadecimal character escape".to_owned()));
                                }
                            }
                        }
                        b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                        _ => return Err(Fault::At("in string escape code".to_owned())),
                    }
                    self.at += 1;
                }
                0..=0x1f => return Err(Fault::At("in string literal".to_owned())),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(Fault::At("in numeric literal".to_owned())),
        }
        if self.peek().is_ok_and(|c| c == b'.') {
            self.at += 1;
            if !self.peek()?.is_ascii_digit() {
                return Err(Fault::At("after decimal point in numeric literal".to_owned()));
            }
            self.digits();
        }
        if self.peek().is_ok_and(|c| matches!(c, b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            if !self.peek()?.is_ascii_digit() {
                return Err(Fault::At("in exponent of numeric literal".to_owned()));
            }
            self.digits();
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_ok_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn next_visible(&mut self) -> Result<u8, Fault> {
        while matches!(self.peek()?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.text.get(self.at).copied().ok_or(Fault::End)
    }
}

/// The first character of a text as messages quote it.
fn shown(rest: &[u8]) -> String {
    match rest.first() {
        Some(b'\'') => r"'\''".to_owned(),
        Some(byte) if *byte < 0x20 && !b"\t\n\r".contains(byte) => format!(r"'\x{byte:02x}'"),
        Some(byte) if byte.is_ascii() => format!("{:?}", char::from(*byte)),
        Some(byte) => format!("'{}'", char::from(*byte)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn faults_are_named_where_they_begin() {
        for (text, found) in [
            ("{}", None),
            (r#"{"a": [1, -2.5e3, true, null, "x\u00e4\n"], "b": {}}"#, None),
            ("not json", Some("invalid character 'o' in literal null (expecting 'u')")),
            ("", Some("unexpected end of JSON input")),
            (r#"{"a": 1"#, Some("unexpected end of JSON input")),
            ("{} x", Some("invalid character 'x' after top-level value")),
            ("{a: 1}", Some("invalid character 'a' looking for beginning of object key string")),
            (r#"{"a" 1}"#, Some("invalid character '1' after object key")),
            (r#"{"a": 1 "b"}"#, Some("invalid character '\"' after object key:value pair")),
            ("[1 2]", Some("invalid character '2' after array element")),
            ("[1,]", Some("invalid character ']' looking for beginning of value")),
            ("x", Some("invalid character 'x' looking for beginning of value")),
            ("1.x", Some("invalid character 'x' after decimal point in numeric literal")),
        ] {
            assert_eq!(fault(text.as_bytes()).as_deref(), found, "{text}");
        }
        assert_eq!(
            fault("[".repeat(10_001).as_bytes()).as_deref(),
            Some("invalid character '[' exceeded max depth")
        );
    }
}

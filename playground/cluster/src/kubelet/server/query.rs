//! The parameters of a request.

/// The parameters in their order, decoded; what is not valid UTF-8 becomes replacement characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// The first value.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// All values.
    pub(super) fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(found, _)| found == key).map(|(_, value)| value.clone()).collect()
    }

    /// Yes or no; absent means no.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A number, if there is one.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, std::num::ParseIntError> {
        self.get(key).filter(|text| !text.is_empty()).map(str::parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_in_order() {
        let query =
            Query::parse("command=sh&command=-c&command=echo+%22a%26b%22&tty=false&stdin=1&n=7&bad=%zz%4");
        assert_eq!(query.all("command"), ["sh", "-c", "echo \"a&b\""]);
        assert_eq!((query.flag("tty"), query.flag("stdin"), query.flag("stdout")), (false, true, false));
        assert_eq!((query.number("n"), query.number("none")), (Ok(Some(7)), Ok(None)));
        assert!(query.number("bad").is_err());
        assert_eq!(query.get("bad"), Some("%zz%4"));
    }
}

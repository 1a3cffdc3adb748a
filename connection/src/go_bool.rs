//! Truth values as Go's flags take them: `--flag` alone is true, `--flag=false` is not.

/// Reads a truth value.
///
/// # Errors
/// If it is none; the text says what to write instead.
pub fn parse(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_go_reads() {
        assert_eq!((parse("true"), parse("T"), parse("1")), (Ok(true), Ok(true), Ok(true)));
        assert_eq!((parse("false"), parse("0")), (Ok(false), Ok(false)));
        assert!(parse("yes").is_err() && parse("").is_err());
    }
}

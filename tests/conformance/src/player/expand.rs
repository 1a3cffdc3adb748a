//! Variables in requests.

use std::collections::BTreeMap;

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};

/// The text with each `${NAME}` replaced by its value, each `${repeat N TEXT}` by so many copies, and each `${base64 LETTERS}` by
/// what the letters stand for.
///
/// # Errors
/// If a name has no value, or what comes out is no text.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<String> {
    String::from_utf8(expand_body(text, variables)?).context("only a body may be anything but text")
}

/// The same for a body, which need not be text.
///
/// # Errors
/// If a name has no value.
pub fn expand_body(text: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after.split_once('}').context("a `${` is not closed")?;
        out.extend(before.bytes());
        match inside.split_once(' ') {
            Some(("repeat", repeat)) => {
                let (count, repeated) =
                    repeat.split_once(' ').context("`repeat` takes a number and a text")?;
                let count = count.parse().context("`repeat` takes a number")?;
                out.extend(repeated.repeat(count).bytes());
            }
            Some(("base64", letters)) => {
                let letters: String = letters.split_whitespace().collect();
                out.extend(STANDARD.decode(letters).context("`base64` takes what is encoded so")?);
            }
            _ => {
                let kept =
                    variables.get(inside).with_context(|| format!("nothing was kept as {inside:?}"))?;
                out.extend(kept.bytes());
            }
        }
        rest = after;
    }
    out.extend(rest.bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_texts_repeated_and_letters_decoded() {
        let variables = BTreeMap::from([("ns".to_owned(), "n".to_owned())]);
        assert_eq!(expand("/a/${ns}/b${repeat 3 ab}", &variables).unwrap(), "/a/n/bababab");
        assert_eq!(expand_body("a${base64 azhz\nAP8=}", &variables).unwrap(), b"ak8s\0\xff");
        assert!(expand("${base64 /w==}", &variables).is_err());
        assert!(expand("${other}", &variables).unwrap_err().to_string().contains("other"));
    }
}

//! Variables in requests.

use std::collections::BTreeMap;

use anyhow::Context as _;

/// The text with each `${NAME}` replaced by its value, and each `${repeat N TEXT}` by so many copies.
///
/// # Errors
/// If a name has no value.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after.split_once('}').context("a `${` is not closed")?;
        out.push_str(before);
        match inside.strip_prefix("repeat ") {
            Some(repeat) => {
                let (count, repeated) =
                    repeat.split_once(' ').context("`repeat` takes a number and a text")?;
                out.push_str(&repeated.repeat(count.parse().context("`repeat` takes a number")?));
            }
            None => out
                .push_str(variables.get(inside).with_context(|| format!("nothing was kept as {inside:?}"))?),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_texts_repeated() {
        let variables = BTreeMap::from([("ns".to_owned(), "n".to_owned())]);
        assert_eq!(expand("/a/${ns}/b${repeat 3 ab}", &variables).unwrap(), "/a/n/bababab");
        assert!(expand("${other}", &variables).unwrap_err().to_string().contains("other"));
    }
}

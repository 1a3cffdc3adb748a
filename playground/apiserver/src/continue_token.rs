//! Tokens with which a list that was cut short goes on: a version, and the key behind which to go on.

use base64::{
    DecodeError, Engine as _,
    alphabet::URL_SAFE,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};
use serde_json::{Value, json};

use crate::{json_syntax, status::ApiError};

/// The real server's decoder does not look at the bits behind the last whole byte either.
const BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// The token for what comes after the key `after` of a list in this version.
pub fn encode(version: u64, after: &str) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": version, "start": format!("{after}\u{0}")});
    BASE64.encode(token.to_string())
}

/// The version and the key that a token holds.
///
/// # Errors
/// 400 if it is no token of ours.
pub fn decode(token: &str) -> Result<(u64, String), ApiError> {
    let refusal = |why: &str| {
        ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
    };
    let illegal = |offset: usize| refusal(&format!("illegal base64 data at input byte {offset}"));
    let bytes = BASE64.decode(token).map_err(|error| match error {
        DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol { offset, .. } => {
            illegal(offset)
        }
        // The last group of four is no group: one letter is left over.
        DecodeError::InvalidLength(length) => illegal(length.saturating_sub(1)),
        DecodeError::InvalidPadding => illegal(token.find('=').unwrap_or_default()),
    })?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| refusal(&json_syntax::fault(&bytes).unwrap_or_else(|| error.to_string())))?;
    let start = value["start"].as_str().and_then(|start| start.strip_suffix('\u{0}'));
    let start = start.ok_or_else(|| illegal(0))?;
    match (value["v"].as_str(), value["rv"].as_u64()) {
        (Some("meta.k8s.io/v1"), Some(version)) => Ok((version, start.to_owned())),
        _ => Err(refusal("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        assert_eq!(decode(&encode(7, "default/a")).unwrap(), (7, "default/a".to_owned()));
    }

    #[test]
    fn what_is_no_base64_is_refused_with_its_place() {
        for (token, offset) in [("ab*d", 2), ("eyJ2IjoieCJ9=", 12), ("abcde", 4)] {
            let refused = decode(token).unwrap_err();
            assert_eq!(refused.code, 400);
            assert!(
                refused.message.ends_with(&format!("illegal base64 data at input byte {offset}")),
                "{token}: {}",
                refused.message
            );
        }
    }
}

//! JSON patch (RFC 6902).

use serde_json::Value;

use crate::status::ApiError;

const OPERATIONS_MAX: usize = 10_000;

/// The object that `patch` makes of `old`.
///
/// # Errors
/// 400 if the patch is none, 413 if it is too long, 422 if it does not fit the object.
pub fn apply(old: &Value, patch: &Value) -> Result<Value, ApiError> {
    let operations: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    if operations.0.len() > OPERATIONS_MAX {
        return Err(ApiError::too_large(format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.0.len()
        )));
    }
    let mut object = old.clone();
    json_patch::patch(&mut object, &operations).map_err(|_| ApiError::unfit())?;
    Ok(object)
}

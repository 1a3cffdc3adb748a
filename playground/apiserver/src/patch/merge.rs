//! JSON merge patch (RFC 7386).

use serde_json::Value;

use crate::status::ApiError;

/// The object that `patch` makes of `old`.
///
/// # Errors
/// 400 if the patch is not an object.
pub fn apply(old: &Value, patch: &Value) -> Result<Value, ApiError> {
    if !patch.is_object() {
        let found = crate::schema::type_name(patch);
        return Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )));
    }
    let mut object = old.clone();
    json_patch::merge(&mut object, patch);
    Ok(object)
}

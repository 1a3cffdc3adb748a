//! Reading JSON, and noticing fields that stand twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads JSON; the last of several fields of one name counts. Gives the paths of those that stood there before.
///
/// # Errors
/// If it is no JSON.
pub fn read(text: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut twice = Vec::new();
    // What is no UTF-8 is read as the sign for that.
    let text = String::from_utf8_lossy(text);
    let mut source = serde_json::Deserializer::from_str(&text);
    let value = Reading { twice: &mut twice }.deserialize(&mut source)?;
    source.end()?;
    Ok((value, twice))
}

/// One value being read. Paths are put together on the way back, so that they cost nothing where nothing stands twice.
struct Reading<'a> {
    twice: &'a mut Vec<String>,
}

impl Reading<'_> {
    fn again(&mut self) -> Reading<'_> {
        Reading { twice: self.twice }
    }

    fn put_below(&mut self, known: usize, step: &str) {
        for path in self.twice.iter_mut().skip(known) {
            let dot = if path.starts_with('[') { "" } else { "." };
            *path = format!("{step}{dot}{path}");
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a JSON number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut source: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        let mut known = self.twice.len();
        while let Some(item) = source.next_element_seed(self.again())? {
            if self.twice.len() > known {
                self.put_below(known, &format!("[{}]", items.len()));
                known = self.twice.len();
            }
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut source: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = source.next_key::<String>()? {
            let known = self.twice.len();
            let value = source.next_value_seed(self.again())?;
            if self.twice.len() > known {
                self.put_below(known, &name);
            }
            if fields.contains_key(&name) {
                self.twice.push(name.clone());
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_stand_twice_are_named_by_their_paths() {
        let (value, twice) =
            read(br#"{"a": {"b": 1, "b": 2}, "l": [0, {"c": 1, "c": [1.5, true, null, "x"]}], "a2": 1}"#)
                .unwrap();
        assert_eq!(value, json!({"a": {"b": 2}, "l": [0, {"c": [1.5, true, null, "x"]}], "a2": 1}));
        assert_eq!(twice, ["a.b", "l[1].c"]);
        assert!(read(b"{} x").is_err());
    }
}

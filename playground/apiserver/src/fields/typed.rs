//! Objects as trees of fields: which fields an object has, what differs, how two merge, how fields are taken
//! out. Where the schema says nothing, objects have fields and lists are one value.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::set::{FieldSet, below};
use crate::{
    go_text as go,
    schema::{ListType, MapType, Schema, Type},
};

/// How a place is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Whole.
    Whole,
    /// Field by field.
    Fields,
    /// Item by item, told apart by keys.
    Items,
    /// Member by member.
    Set,
}

fn kind_of(value: &Value, schema: Option<&Schema>) -> Kind {
    match value {
        Value::Object(_) if schema.is_some_and(|node| node.map_type == Some(MapType::Atomic)) => Kind::Whole,
        Value::Object(_) => Kind::Fields,
        Value::Array(_) => match schema.and_then(|node| node.list_type) {
            Some(ListType::Map) if schema.is_some_and(Schema::is_map_list) => Kind::Items,
            Some(ListType::Set) => Kind::Set,
            _ => Kind::Whole,
        },
        _ => Kind::Whole,
    }
}

/// The step that leads to an item of a list.
fn item_step(kind: Kind, item: &Value, schema: Option<&Schema>) -> String {
    if kind == Kind::Set {
        return format!("v:{item}");
    }
    let mut keys = Map::new();
    for key in schema.map(|node| node.list_map_keys.as_slice()).unwrap_or_default() {
        let default = schema.and_then(|node| node.items.as_ref()?.properties.get(key)?.default.as_ref());
        if let Some(value) = item.get(key).or(default) {
            keys.insert(key.clone(), value.clone());
        }
    }
    format!("k:{}", Value::Object(keys))
}

/// All parts of a place with the steps to them; nothing for a place that is whole.
fn parts<'v>(value: &'v Value, schema: Option<&Schema>) -> Vec<(String, &'v Value)> {
    let kind = kind_of(value, schema);
    match (kind, value) {
        (Kind::Fields, Value::Object(fields)) => {
            fields.iter().map(|(name, value)| (format!("f:{name}"), value)).collect()
        }
        (Kind::Items | Kind::Set, Value::Array(items)) => {
            items.iter().map(|item| (item_step(kind, item, schema), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// All fields of a value.
pub fn fields_of(value: &Value, schema: Option<&Schema>) -> FieldSet {
    if kind_of(value, schema) == Kind::Whole {
        return FieldSet::leaf();
    }
    let mut set = FieldSet::default();
    for (step, part) in parts(value, schema) {
        let mut below_set = fields_of(part, below(schema, &step));
        // Items and entries of maps are there or not; the fields of a struct always are, so only what is in
        // them counts, unless they are empty.
        let named = step
            .strip_prefix("f:")
            .is_some_and(|name| schema.is_some_and(|node| node.properties.contains_key(name)));
        below_set.member |= !named || part.as_object().is_some_and(Map::is_empty);
        // A list without items says nothing that could be owned.
        if !below_set.is_empty() {
            set.children.insert(step, below_set);
        }
    }
    set
}

/// What is not the same in two values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The places that are new, or have another value.
    pub touched: FieldSet,
    /// The places that are gone.
    pub removed: FieldSet,
}

impl Comparison {
    fn leaf(old: Option<&Value>, new: Option<&Value>) -> Self {
        let mut found = Self::default();
        match (old, new) {
            (Some(_), None) => found.removed.member = true,
            (old, new) => found.touched.member = old != new,
        }
        found
    }
}

/// Compares two values, either of which may not be there. A place that is new (or gone) as a whole counts itself, besides
/// what is in it.
pub fn compare(old: Option<&Value>, new: Option<&Value>, schema: Option<&Schema>) -> Comparison {
    let here =
        |value: Option<&Value>| value.filter(|value| !value.is_null()).map(|value| kind_of(value, schema));
    let kind = match (here(old), here(new)) {
        (Some(old), Some(new)) if old != new => Kind::Whole,
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => Kind::Whole,
    };
    let before = old.map(|old| parts(old, schema)).unwrap_or_default();
    let after = new.map(|new| parts(new, schema)).unwrap_or_default();
    // What is empty is a value of its own.
    if kind == Kind::Whole || (before.is_empty() && after.is_empty()) {
        return Comparison::leaf(old, new);
    }
    let mut pairs: BTreeMap<String, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
    for (step, part) in before {
        pairs.entry(step).or_default().0 = Some(part);
    }
    for (step, part) in after {
        pairs.entry(step).or_default().1 = Some(part);
    }
    let mut found = Comparison::default();
    found.touched.member = old.is_none();
    found.removed.member = new.is_none();
    for (step, (old, new)) in pairs {
        let below_found = compare(old, new, below(schema, &step));
        if !below_found.touched.is_empty() {
            found.touched.children.insert(step.clone(), below_found.touched);
        }
        if !below_found.removed.is_empty() {
            found.removed.children.insert(step, below_found.removed);
        }
    }
    found
}

/// The live value with what is wanted put over it.
pub fn merged(live: &Value, wanted: &Value, schema: Option<&Schema>) -> Value {
    let kind = kind_of(wanted, schema);
    if kind == Kind::Whole || kind != kind_of(live, schema) {
        return wanted.clone();
    }
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            let mut out = live.clone();
            for (name, value) in wanted {
                let node = schema.and_then(|node| node.field(name)).map(|node| &**node);
                let value = match live.get(name) {
                    Some(live) => merged(live, value, node),
                    None => value.clone(),
                };
                out.insert(name.clone(), value);
            }
            Value::Object(out)
        }
        (Value::Array(live), Value::Array(wanted)) => merged_items(kind, live, wanted, schema),
        _ => wanted.clone(),
    }
}

/// Items that only the live list has stay in front of what they stood in front of; else the wanted order.
fn merged_items(kind: Kind, live: &[Value], wanted: &[Value], schema: Option<&Schema>) -> Value {
    let step = |item: &Value| item_step(kind, item, schema);
    let wanted_steps: Vec<String> = wanted.iter().map(step).collect();
    let live_steps: Vec<String> = live.iter().map(step).collect();
    let node = schema.and_then(|node| node.items.as_deref());
    let mut out = Vec::with_capacity(live.len() + wanted.len());
    let mut next = 0;
    for (item, own_step) in wanted.iter().zip(&wanted_steps) {
        while let Some(found) = live_steps.get(next) {
            if !wanted_steps.contains(found) {
                out.push(live[next].clone());
            } else if found != own_step {
                break;
            }
            next += 1;
            if found == own_step {
                break;
            }
        }
        let before = live_steps.iter().position(|found| found == own_step).and_then(|at| live.get(at));
        out.push(before.map_or_else(|| item.clone(), |before| merged(before, item, node)));
    }
    let rest = live.iter().zip(&live_steps).skip(next);
    out.extend(rest.filter(|(_, step)| !wanted_steps.contains(step)).map(|(item, _)| item.clone()));
    Value::Array(out)
}

/// The value without these fields. A field that is emptied by that is `null`: whoever owns it still does.
pub fn removed(value: &Value, doomed: &FieldSet, schema: Option<&Schema>) -> Option<Value> {
    let kind = kind_of(value, schema);
    if doomed.children.is_empty() || kind == Kind::Whole {
        return Some(value.clone());
    }
    let kept = parts(value, schema).into_iter().filter_map(|(step, part)| {
        let left = match doomed.children.get(&step) {
            Some(doomed) if doomed.member => None,
            Some(doomed) => {
                let left = removed(part, doomed, below(schema, &step));
                left.or_else(|| value.is_object().then_some(Value::Null))
            }
            None => Some(part.clone()),
        };
        left.map(|left| (step, left))
    });
    let (out, empty) = match value {
        Value::Object(_) => {
            let fields: Map<String, Value> =
                kept.map(|(step, part)| (step.trim_start_matches("f:").to_owned(), part)).collect();
            let empty = fields.is_empty();
            (Value::Object(fields), empty)
        }
        _ => {
            let items: Vec<Value> = kept.map(|(_, item)| item).collect();
            let empty = items.is_empty();
            (json!(items), empty)
        }
    };
    (!empty).then_some(out)
}

/// What keeps a value from being of the schema's type, as the real server's merging of types words it.
fn type_fault(value: &Value, node: &Schema) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let fits = match (node.kind, value) {
        _ if node.int_or_string => value.is_string() || value.is_number() || value.is_boolean(),
        (None, _)
        | (Some(Type::String), Value::String(_))
        | (Some(Type::Integer | Type::Number), Value::Number(_))
        | (Some(Type::Boolean), Value::Bool(_))
        | (Some(Type::Object), Value::Object(_))
        | (Some(Type::Array), Value::Array(_)) => true,
        _ => false,
    };
    if fits {
        return None;
    }
    let plain = format!("&{{{}}}", go::plain(value));
    Some(match node.kind {
        _ if node.int_or_string => format!("expected any scalar, got {plain}"),
        Some(Type::String) => {
            format!("expected string, got &value.valueUnstructured{{Value:{}}}", go::syntax(value))
        }
        Some(Type::Integer | Type::Number) => {
            format!("expected numeric (int or float), got {}", go::type_of(value))
        }
        Some(Type::Boolean) => format!("expected boolean, got {plain}"),
        Some(Type::Array) => format!("expected list, got {plain}"),
        Some(Type::Object) | None => format!("expected map, got {plain}"),
    })
}

/// The first item that cannot be told apart from others, and why.
fn step_fault(kind: Kind, value: &Value, node: &Schema) -> Option<(usize, String)> {
    let keys = &node.list_map_keys;
    // What always stands in an object of a built-in type is empty where nobody has said it.
    let defaulted = |key: &String| {
        node.items.as_ref().is_some_and(|item| {
            let always = item.definition.is_some() && item.required.contains(key);
            always || item.properties.get(key).is_some_and(|key| key.default.is_some())
        })
    };
    let fault = |item: &Value| match (kind, item) {
        (Kind::Items, Value::Null) => {
            Some("associative list with keys may not have a null element".to_owned())
        }
        (Kind::Items, Value::Object(fields)) => {
            let known = keys.iter().any(|key| fields.contains_key(key) || defaulted(key));
            let quoted: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            let fault = format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                quoted.join(" ")
            );
            (!known).then_some(fault)
        }
        (Kind::Items, _) => Some("associative list with keys may not have non-map elements".to_owned()),
        (Kind::Set, Value::Null) => {
            Some("associative list without keys has an element that's an explicit null".to_owned())
        }
        (Kind::Set, Value::Object(_)) => {
            Some("associative list without keys has an element that's a map type".to_owned())
        }
        (Kind::Set, Value::Array(_)) => {
            Some("not supported: associative list with lists as elements".to_owned())
        }
        _ => None,
    };
    value.as_array()?.iter().enumerate().find_map(|(index, item)| Some((index, fault(item)?)))
}

/// What is wrong with a wanted object's shape: fields that the schema does not know, items that stand twice.
pub fn shape_faults(value: &Value, schema: Option<&Schema>, path: &str, faults: &mut Vec<String>) {
    let Some(node) = schema else { return };
    if let Some(fault) = type_fault(value, node) {
        faults.push(format!("{path}: {fault}"));
        return;
    }
    let kind = kind_of(value, schema);
    if let Some((index, fault)) = step_fault(kind, value, node) {
        faults.push(format!("{path}: element {index}: {fault}"));
        return;
    }
    if kind == Kind::Items || kind == Kind::Set {
        let mut steps: Vec<String> = parts(value, schema).into_iter().map(|(step, _)| step).collect();
        steps.sort();
        for pair in steps.windows(2).filter(|pair| pair[0] == pair[1]) {
            let mut twice = FieldSet::default();
            twice.children.insert(pair[0].clone(), FieldSet::leaf());
            faults.push(format!("{path}: duplicate entries for key {}", twice.paths().join("")));
        }
    }
    match value {
        Value::Object(fields) => {
            let open = node.preserve_unknown || node.kind.is_none() || node.additional_properties.is_some();
            let shapeless = node.properties.is_empty() && node.additional_properties.is_none();
            for (name, part) in fields {
                match node.field(name) {
                    Some(node) => shape_faults(part, Some(node), &format!("{path}.{name}"), faults),
                    None if open || shapeless => {}
                    None => faults.push(format!("{path}.{name}: field not declared in schema")),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let step = match kind {
                    Kind::Items | Kind::Set => {
                        let mut one = FieldSet::default();
                        one.children.insert(item_step(kind, item, schema), FieldSet::leaf());
                        one.paths().join("")
                    }
                    Kind::Whole | Kind::Fields => format!("[{index}]"),
                };
                shape_faults(item, node.items.as_deref(), &format!("{path}{step}"), faults);
            }
        }
        _ => {}
    }
}

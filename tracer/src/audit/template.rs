//! A record that has every field of every type of record: what a condition over records may name. Made of the
//! schema, so that it has what is written.

use serde_json::{Map, Value, json};

/// The record. `certificate` is one that has every fact.
pub fn template(certificate: &Value) -> Value {
    let schema = super::schema();
    let mut record = sample(&schema, &schema);
    if let Some(record) = record.as_object_mut() {
        record.insert("certificate".to_owned(), certificate.clone());
    }
    record
}

fn sample(schema: &Value, root: &Value) -> Value {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let at = name.strip_prefix('#').unwrap_or(name);
        return root
            .pointer(at)
            .map_or(Value::Null, |one| sample(one, root));
    }
    let mut all = Value::Null;
    for word in ["oneOf", "anyOf", "allOf"] {
        let several = schema.get(word).and_then(Value::as_array);
        for one in several.into_iter().flatten() {
            all = merged(all, sample(one, root));
        }
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let members = properties.iter();
        let members: Map<String, Value> = members
            .map(|(name, one)| (name.clone(), sample(one, root)))
            .collect();
        return merged(all, Value::Object(members));
    }
    if !all.is_null() {
        return all;
    }
    if schema.get("const").is_some_and(Value::is_string) || schema.get("enum").is_some() {
        return json!("");
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match kind {
        Some("string") => json!(""),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        Some("array") => json!([schema
            .get("items")
            .map_or(Value::Null, |items| sample(items, root))]),
        Some("object") => json!({}),
        _ => Value::Null,
    }
}

fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                let before = one.remove(&name).unwrap_or(Value::Null);
                one.insert(name, merged(before, value));
            }
            Value::Object(one)
        }
        (Value::Null, other) => other,
        (one, _) => one,
    }
}

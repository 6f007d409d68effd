//! The table of scenarios, as it is on disk.

use std::path::PathBuf;

use serde_json::{Value, json};

/// Something that is to happen, and what is to come of it.
pub struct Scenario {
    pub name: String,
    pub actors: Value,
    /// Supervisors with all that is below them.
    pub trees: Value,
    pub steps: Vec<Value>,
}

fn read(file: &str) -> Vec<Value> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../__test__/scenarios"));
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn is_ours(scenario: &Value) -> bool {
    scenario["runners"].as_array().is_none_or(|runners| runners.contains(&json!("rust")))
}

/// The scenarios of a file that are run here.
pub fn scenarios(file: &str) -> Vec<Scenario> {
    let list = read(file);
    let ours = list.into_iter().filter(is_ours);
    ours.map(|scenario| Scenario {
        name: text(&scenario["name"]).to_owned(),
        actors: scenario["actors"].clone(),
        trees: scenario["trees"].clone(),
        steps: scenario["steps"].as_array().unwrap().clone(),
    })
    .collect()
}

/// One scenario for each row and restart type of the matrix.
pub fn matrix(file: &str) -> Vec<Scenario> {
    let rows = read(file);
    rows.iter()
        .filter(|row| is_ours(row))
        .flat_map(|row| ["permanent", "transient", "temporary"].map(|restart| of_row(row, restart)))
        .collect()
}

fn of_row(row: &Value, restart: &str) -> Scenario {
    let expected = &row[restart];
    let starts = row["starts"].as_str().unwrap_or_default();
    let ended = if expected == "ready" { Value::Null } else { json!({ "ended": row["reason"] }) };
    let mut steps = vec![json!(["spawn", "a"]), json!(["watch", "w", "a"])];
    steps.extend(row["end"].as_array().unwrap().iter().cloned());
    steps.extend([json!(["state", "a", expected]), json!(["expect", "w", ended])]);
    Scenario {
        name: format!("a {restart} actor after {}", text(&row["cause"])),
        actors: json!({ "a": { "restart": restart, "starts": starts } }),
        trees: Value::Null,
        steps,
    }
}

/// A text of the table.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected a text, received {value}"))
}

/// A number of the table.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("expected a number, received {value}"))
}

//! The catalogue through the host: each file is taken as it is, and nothing of it is bent or left out.

use std::path::Path;

use serde_json::{Value, json};

use super::bed::Bed;

/// A service of the catalogue that waits for upstream MCP: a connector without a tool is none.
const WAITING: &str = "operations: []";

/// AK-801 to AK-809, CX-01 to CX-40
#[tokio::test]
async fn every_file_of_the_catalogue_is_taken() {
    let bed = Bed::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/catalog");
    let (mut taken, mut faults) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_none_or(|ending| ending != "yaml") || text.contains(WAITING) {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let answer = bed.client().put(&format!("/v1/connectors/{name}"), &json!({ "document": text })).await;
        let made = answer.json();
        if answer.status != 201 {
            faults.push(format!("{name}: {made}"));
            continue;
        }
        for key in ["skipped", "warnings"] {
            faults.extend(made[key].as_array().unwrap().iter().map(|fault: &Value| format!("{name}: {fault}")));
        }
        taken += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(taken >= 83, "{taken}");
}

//! Real documents: every operation is a tool, or is listed with a reason.

use std::path::{Path, PathBuf};

use super::*;

/// Where the documents lie: beside the project, or a folder further up.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    ["../shared/specs", "../../shared/specs"].iter().map(|path| root.join(path)).find(|path| path.is_dir())
}

#[test]
fn every_operation_is_a_tool_or_has_a_reason() {
    let Some(folder) = folder() else {
        println!("skipped: there is no folder shared/specs");
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (file, operations) = (columns[0], columns[4].parse::<usize>().unwrap());
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let options = json!({ "name": "api", "document_url": "https://docs.example/openapi.json" }).to_string();
        let imported = import_document(&text, &options).unwrap();
        let bytes: usize = imported.tools.iter().map(|tool| tool.input_schema.len()).sum();
        let longest = imported.tools.iter().map(|tool| tool.input_schema.len()).max().unwrap_or_default();
        println!(
            "{file}: {operations} operations, {} tools, {} skipped, {} warnings, {bytes} bytes of schemas, at most {longest}",
            imported.tools.len(),
            imported.skipped.len(),
            imported.warnings.len(),
        );
        for (operation, reason) in &imported.skipped {
            println!("  skipped {operation}: {reason}");
        }
        for warning in imported.warnings.iter().take(5) {
            println!("  warning {warning}");
        }
        assert_eq!(imported.tools.len() + imported.skipped.len(), operations, "{file}");
        assert!(imported.skipped.is_empty(), "{file}");
        for tool in &imported.tools {
            assert!(
                tool.name.len() <= 64 && tool.binding.as_ref().is_some_and(|binding| binding.len() < 65_536),
                "{}",
                tool.name
            );
        }
    }
}

//! The component: what the worlds `connector` and `importer` export, in terms of this crate's functions.

use gloveport_sdk::__private::bindings;
use gloveport_sdk::__private::bindings::gloveport::connector::types::Descriptor;
use gloveport_sdk::Failure;

mod importer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "importer",
        with: { "gloveport:connector/types@0.1.0": gloveport_sdk::__private::bindings::gloveport::connector::types },
    });
}

struct Mcp;

impl bindings::Guest for Mcp {
    fn describe() -> Descriptor {
        Descriptor { tools: Vec::new() }
    }

    fn call(_tool: String, input: String, binding: Option<String>) -> Result<String, Failure> {
        crate::call(binding.as_deref(), &input)
    }
}

impl importer::Guest for Mcp {
    fn import_document(document: String, options: String) -> Result<importer::Imported, Failure> {
        let imported =
            crate::import_document(&document, &options).map_err(|reason| Failure::invalid_input("", reason))?;
        Ok(importer::Imported {
            title: imported.title,
            description: imported.description,
            version: imported.version,
            base_url: imported.base_url,
            hosts: imported.hosts,
            auth: serde_json::Value::Array(imported.auth).to_string(),
            tools: imported.tools,
            operations: imported.operations,
            approvals: imported.approvals,
            skipped: imported
                .skipped
                .into_iter()
                .map(|(operation, reason)| importer::Skipped { operation, reason })
                .collect(),
            filtered: imported.filtered,
            warnings: imported.warnings,
            categories: imported.categories,
            test: imported.test.map(|test| test.to_string()),
        })
    }
}

#[expect(
    unsafe_code,
    reason = "a section of a component, and its exports, are made by attributes that count as unsafe"
)]
const _: () = {
    #[used]
    #[unsafe(link_section = "gloveport:manifest")]
    static MANIFEST: [u8; crate::MANIFEST.len()] = bytes();

    const fn bytes() -> [u8; crate::MANIFEST.len()] {
        let (mut copy, mut index) = ([0; crate::MANIFEST.len()], 0);
        while index < copy.len() {
            copy[index] = crate::MANIFEST.as_bytes()[index];
            index += 1;
        }
        copy
    }

    bindings::export!(Mcp with_types_in bindings);
    importer::export!(Mcp with_types_in importer);
};

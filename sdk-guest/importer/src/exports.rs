//! The component: what the worlds `connector` and `importer` export, in terms of a crate's functions.

use gloveport_sdk::__private::bindings::gloveport::connector::types::Descriptor;

use crate::Imported;

/// The contract as Rust.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "importer",
        with: { "gloveport:connector/types@0.1.0": gloveport_sdk::__private::bindings::gloveport::connector::types },
        pub_export_macro: true,
        export_macro_name: "export_importer",
        default_bindings_module: "::gloveport_importer::__private::bindings",
    });
}

/// Its tools are those of what it imported: it has none of its own.
pub fn descriptor() -> Descriptor {
    Descriptor { tools: Vec::new() }
}

/// What goes to the host.
pub fn result(imported: Imported) -> bindings::Imported {
    let skipped = imported.skipped.into_iter().map(|(operation, reason)| bindings::Skipped { operation, reason });
    bindings::Imported {
        title: imported.title,
        description: imported.description,
        version: imported.version,
        base_url: imported.base_url,
        hosts: imported.hosts.into_iter().collect(),
        auth: serde_json::Value::Array(imported.auth).to_string(),
        tools: imported.tools,
        operations: imported.operations,
        approvals: imported.approvals,
        skipped: skipped.collect(),
        filtered: imported.filtered,
        warnings: imported.warnings,
        categories: imported.categories,
        test: imported.test.map(|test| test.to_string()),
        offers: imported.offers.map(|offers| offers.to_string()),
    }
}

/// Makes the calling crate a component, out of its manifest, and of how it makes tools of a document and calls one.
#[macro_export]
macro_rules! component {
    ($manifest:path, $import:path, $call:path) => {
        struct Component;

        impl $crate::__private::connector::Guest for Component {
            fn describe() -> $crate::__private::connector::gloveport::connector::types::Descriptor {
                $crate::__private::descriptor()
            }

            fn call(_tool: String, input: String, binding: Option<String>) -> Result<String, gloveport_sdk::Failure> {
                $call(binding.as_deref(), &input)
            }
        }

        impl $crate::__private::bindings::Guest for Component {
            fn import_document(
                document: String,
                options: String,
            ) -> Result<$crate::__private::bindings::Imported, gloveport_sdk::Failure> {
                $import(&document, &options)
                    .map($crate::__private::result)
                    .map_err(|reason| gloveport_sdk::Failure::invalid_input("", reason))
            }
        }

        #[expect(
            unsafe_code,
            reason = "a section of a component, and its exports, are made by attributes that count as unsafe"
        )]
        const _: () = {
            #[used]
            #[unsafe(link_section = "gloveport:manifest")]
            static SECTION: [u8; $manifest.len()] = bytes();

            const fn bytes() -> [u8; $manifest.len()] {
                let (mut copy, mut index) = ([0; $manifest.len()], 0);
                while index < copy.len() {
                    copy[index] = $manifest.as_bytes()[index];
                    index += 1;
                }
                copy
            }

            $crate::__private::connector::export!(Component);
            $crate::__private::bindings::export_importer!(Component);
        };
    };
}

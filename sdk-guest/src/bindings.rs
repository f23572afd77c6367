//! The contract as Rust: generated from `wit/` and fenced in this file.

wit_bindgen::generate!({
    path: "../wit",
    world: "connector",
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "::gloveport_sdk::__private::bindings",
    additional_derives: [PartialEq],
});

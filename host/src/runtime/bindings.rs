//! Generated from `wit/`: the only file that names the generator.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "connector",
    imports: {
        "gloveport:connector/http": async | trappable,
        "gloveport:connector/tools": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

/// The world of importers, with the words of the first one.
pub(super) mod importer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "importer",
        with: { "gloveport:connector/types": super::gloveport::connector::types },
        exports: { default: async },
    });
}

/// The world of modifiers, with the words of the other one.
pub(super) mod modifier {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "modifier",
        with: { "gloveport:connector/types": super::gloveport::connector::types },
        exports: { default: async },
    });
}

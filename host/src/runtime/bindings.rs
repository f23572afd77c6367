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

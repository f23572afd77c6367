//! What the macros glue to: ordinary functions from an author's function to the contract.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::gloveport::connector::types::{self, Effect};
use crate::{Failure, bindings, pointer, schema};

/// A connector, as `#[connector]` implements it.
pub trait Connector {
    /// The prefix of all tool names.
    const NAME: &'static str;
    /// The JSON of the section `gloveport:manifest`.
    const MANIFEST: &'static str;
    /// Whether it may write to the operator's log.
    #[doc(hidden)]
    const LOGS: bool;

    #[doc(hidden)]
    fn tools() -> &'static [Tool];
}

/// What `#[tool]` knows of a function without its types.
pub struct ToolSpec {
    /// Name of the function.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For models.
    pub description: &'static str,
    /// What it does to the outside world.
    pub effect: Effect,
    /// The only requests it may send.
    pub routes: &'static [RouteSpec],
    /// Scopes that the account needs.
    pub scopes: &'static [&'static str],
    /// For sorting.
    pub tags: &'static [&'static str],
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Left out of lists unless asked for.
    pub deferred: bool,
}

/// One kind of request.
pub struct RouteSpec {
    /// In capitals.
    pub method: &'static str,
    /// Another host than the base URL's.
    pub host: Option<&'static str>,
    /// The template.
    pub path: &'static str,
    /// What it does, where the method does not tell.
    pub effect: Option<Effect>,
}

/// Implemented by `#[tool]` on a type with the function's name.
pub trait ToolFn {
    /// What was declared.
    const SPEC: ToolSpec;
    /// JSON Schema as text.
    fn input_schema() -> String;
    /// JSON Schema as text.
    fn output_schema() -> String;
    /// Runs the function from JSON text to JSON text.
    fn call(input: &str) -> Result<String, Failure>;
}

/// A [`ToolFn`] as a value.
pub struct Tool {
    /// What was declared.
    pub spec: ToolSpec,
    input_schema: fn() -> String,
    output_schema: fn() -> String,
    call: fn(&str) -> Result<String, Failure>,
}

impl Tool {
    /// The tool of this function.
    pub const fn of<F: ToolFn>() -> Self {
        Self { spec: F::SPEC, input_schema: F::input_schema, output_schema: F::output_schema, call: F::call }
    }

    fn describe(&self, connector: &str) -> types::Tool {
        let spec = &self.spec;
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let route = |route: &RouteSpec| types::Route {
            method: route.method.into(),
            host: route.host.map(Into::into),
            path: route.path.into(),
            effect: route.effect,
        };
        types::Tool {
            name: format!("{connector}_{}", spec.name),
            title: spec.title.into(),
            description: spec.description.into(),
            input_schema: (self.input_schema)(),
            output_schema: Some((self.output_schema)()),
            effect: spec.effect,
            scopes: owned(spec.scopes),
            routes: spec.routes.iter().map(route).collect(),
            tags: owned(spec.tags),
            deferred: spec.deferred,
            aliases: owned(spec.aliases),
            binding: None,
        }
    }
}

/// The exports of a component that is `C`.
pub struct Exported<C>(PhantomData<C>);

impl<C: Connector> bindings::Guest for Exported<C> {
    fn describe() -> types::Descriptor {
        describe::<C>()
    }

    fn call(tool: String, input: String, _binding: Option<String>) -> Result<String, Failure> {
        if C::LOGS {
            tell_panics();
        }
        call::<C>(&tool, &input)
    }
}

/// What `C` offers.
pub fn describe<C: Connector>() -> types::Descriptor {
    types::Descriptor { tools: C::tools().iter().map(|tool| tool.describe(C::NAME)).collect() }
}

/// Runs the tool of this full name.
pub fn call<C: Connector>(name: &str, input: &str) -> Result<String, Failure> {
    match find::<C>(name) {
        Some(tool) => (tool.call)(input),
        None => Err(Failure::unsupported(format!("{} has no tool `{name}`", C::NAME))),
    }
}

/// The tool of this full name.
pub fn find<C: Connector>(name: &str) -> Option<&'static Tool> {
    let function = name.strip_prefix(C::NAME)?.strip_prefix('_')?;
    C::tools().iter().find(|tool| tool.spec.name == function)
}

/// The input schema of a function of this type.
pub fn input_schema<I: JsonSchema, O>(_: fn(I) -> Result<O, Failure>) -> String {
    schema::of_input::<I>().to_string()
}

/// The input schema of a function without input.
pub fn input_schema_without_input<O>(_: fn() -> Result<O, Failure>) -> String {
    schema::of_no_input().to_string()
}

/// The output schema of a function of this type.
pub fn output_schema<I, O: JsonSchema>(_: fn(I) -> Result<O, Failure>) -> String {
    schema::of_output::<O>().to_string()
}

/// The output schema of a function without input.
pub fn output_schema_without_input<O: JsonSchema>(_: fn() -> Result<O, Failure>) -> String {
    schema::of_output::<O>().to_string()
}

/// Runs a function on JSON text.
pub fn run<I: DeserializeOwned, O: Serialize + JsonSchema>(
    function: fn(I) -> Result<O, Failure>,
    input: &str,
) -> Result<String, Failure> {
    let input = serde_json::from_str(input).map_err(|error| {
        Failure::invalid_input(pointer::at(input, error.line(), error.column()), without_position(&error))
    })?;
    write(&function(input)?)
}

/// Runs a function without input; what comes as input is the host's to check.
pub fn run_without_input<O: Serialize + JsonSchema>(
    function: fn() -> Result<O, Failure>,
    _input: &str,
) -> Result<String, Failure> {
    write(&function()?)
}

/// Whether a tool changes nothing.
pub const fn reads<F: ToolFn>() -> bool {
    matches!(F::SPEC.effect, Effect::Read)
}

/// Whether the function's name leaves room for the connector's in 64 characters.
pub const fn name_fits<F: ToolFn>(room: usize) -> bool {
    F::SPEC.name.len() <= room
}

/// Whether each route goes to the base URL or to one of `hosts`.
pub const fn routes_stay_within<F: ToolFn>(hosts: &[&str]) -> bool {
    let routes = F::SPEC.routes;
    let mut index = 0;
    while index < routes.len() {
        if let Some(host) = routes[index].host {
            let mut candidate = 0;
            while candidate < hosts.len() && !same(hosts[candidate].as_bytes(), host.as_bytes()) {
                candidate += 1;
            }
            if candidate == hosts.len() {
                return false;
            }
        }
        index += 1;
    }
    true
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

fn write<O: Serialize + JsonSchema>(output: &O) -> Result<String, Failure> {
    let text = serde_json::to_string(output)?;
    // What decides is the text: it is cheap to see, and a list is written with a bracket whatever its type.
    Ok(if text.starts_with('[') { format!("{{\"{}\":{text}}}", schema::ITEMS) } else { text })
}

/// The position stands in the pointer already.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// A panic ends the call as a trap that says nothing; its place, which holds no user data, goes to the log.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            crate::log::error!("panicked at {}:{}", place.file(), place.line());
        }
    }));
}

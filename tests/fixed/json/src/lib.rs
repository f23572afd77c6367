//! A guest with one tool, whose schema has keywords that are easily lost on the way to a client.

use std::borrow::Cow;

use gloveport_sdk::{Failure, Json, connector, tool};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Takes what a schema describes in many words.
#[connector(
    name = "json",
    title = "JSON Schema",
    publisher = "Gloveport",
    categories = ["test"],
    base_url = "https://fixed.test",
    hosts = ["fixed.test"],
    imports = [],
    auth = [none(name = "none", title = "No account")],
    tools = [schema_2020_12_tool],
)]
pub struct Described;

/// A person who can be reached.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Contact(Json);

impl JsonSchema for Contact {
    fn schema_name() -> Cow<'static, str> {
        "Contact".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": { "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            } },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" },
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
            "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false,
        })
    }
}

/// Answers what it is given.
#[tool(effect = read)]
pub fn schema_2020_12_tool(input: Contact) -> Result<Json, Failure> {
    Ok(input.0)
}

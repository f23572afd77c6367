//! What each API takes of JSON Schema.

use serde_json::Value;

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Kept,
    /// It stays, and the schemas in it are rewritten.
    Walked,
    /// It says nothing of values.
    Dropped,
    /// It is said in the description.
    Told,
    /// It cannot be said.
    Lost,
}

/// The part of JSON Schema that an API takes.
#[derive(Debug)]
pub(in crate::formats) struct Dialect {
    /// Whether every object lists all its members.
    pub(super) closes: bool,
    /// Whether every member is required, and null stands for one that is left out.
    pub(super) requires_all: bool,
    /// Whether a value of several types is a choice of schemas: the vendor's own helper knows no list of types.
    pub(super) splits_types: bool,
    /// Whether a schema may refer to itself.
    pub(super) recurses: bool,
    /// Keywords about values that it takes.
    narrowing: &'static [&'static str],
    /// Formats of texts that it takes.
    formats: &'static [&'static str],
    /// Whether a whole schema is within the API's limits; says which it is beyond.
    pub(super) fits: fn(&Value) -> Result<(), String>,
}

/// OpenAI's strict mode.
pub(in crate::formats) const OPENAI: Dialect = Dialect {
    closes: true,
    requires_all: true,
    splits_types: false,
    recurses: true,
    narrowing: &[
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "const",
    ],
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"],
    fits: within_openai,
};

/// Anthropic's strict mode.
pub(in crate::formats) const CLAUDE: Dialect = Dialect {
    closes: true,
    requires_all: false,
    splits_types: true,
    recurses: false,
    narrowing: &["const"],
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
    fits: |_| Ok(()),
};

/// What Gemini reads of a schema.
pub(in crate::formats) const GEMINI: Dialect = Dialect {
    closes: false,
    requires_all: false,
    splits_types: false,
    recurses: true,
    narrowing: &["minimum", "maximum", "minItems", "maxItems"],
    formats: &["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"],
    fits: legal_parameters,
};

impl Dialect {
    pub(super) fn fate(&self, keyword: &str, value: &Value) -> Fate {
        match keyword {
            "type" | "description" | "title" | "enum" => Fate::Kept,
            "required" if !self.requires_all => Fate::Kept,
            "properties" | "items" | "anyOf" | "oneOf" => Fate::Walked,
            "prefixItems" if !self.closes => Fate::Walked,
            "additionalProperties" if !self.closes => Fate::Walked,
            "additionalProperties" if *value == Value::Bool(false) => Fate::Dropped,
            "format" if value.as_str().is_some_and(|format| self.formats.contains(&format)) => Fate::Kept,
            // Anthropic knows of lists that they are not empty.
            "minItems" if self.closes && !self.requires_all && is_at_most_one(value) => Fate::Kept,
            keyword if self.narrowing.contains(&keyword) => Fate::Kept,
            "format" | "pattern" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
            | "minItems" | "maxItems" | "minLength" | "maxLength" | "uniqueItems" | "minProperties"
            | "maxProperties" | "contains" | "minContains" | "maxContains" | "propertyNames" | "contentEncoding"
            | "contentMediaType" | "const" | "default" | "examples" => Fate::Told,
            "additionalProperties"
            | "prefixItems"
            | "not"
            | "if"
            | "then"
            | "else"
            | "dependentRequired"
            | "dependentSchemas"
            | "patternProperties"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "$dynamicRef" => Fate::Lost,
            _ => Fate::Dropped,
        }
    }
}

fn is_at_most_one(value: &Value) -> bool {
    value.as_u64().is_some_and(|count| count <= 1)
}

/// OpenAI's documented limits on one schema: members, objects one in another, values in lists of values, and characters
/// in names and values.
const OPENAI_MEMBERS: usize = 5_000;
const OPENAI_NESTING: usize = 10;
const OPENAI_VALUES: usize = 1_000;
const OPENAI_CHARACTERS: usize = 120_000;

#[derive(Debug, Default)]
struct Size {
    members: usize,
    nesting: usize,
    values: usize,
    characters: usize,
}

impl Size {
    fn add(&mut self, schema: &Value, nesting: usize) {
        let Value::Object(keywords) = schema else { return };
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("properties", Value::Object(members)) => {
                    self.nesting = self.nesting.max(nesting + 1);
                    self.members += members.len();
                    for (name, member) in members {
                        self.characters += name.len();
                        self.add(member, nesting + 1);
                    }
                }
                ("$defs", Value::Object(definitions)) => {
                    for (name, definition) in definitions {
                        self.characters += name.len();
                        self.add(definition, nesting);
                    }
                }
                ("items", value) => self.add(value, nesting + 1),
                ("anyOf", Value::Array(branches)) => branches.iter().for_each(|branch| self.add(branch, nesting)),
                ("enum", Value::Array(values)) => {
                    self.values += values.len();
                    self.characters += values.iter().map(|value| value.as_str().map_or(0, str::len)).sum::<usize>();
                }
                ("const", Value::String(value)) => self.characters += value.len(),
                _ => {}
            }
        }
    }
}

fn within_openai(schema: &Value) -> Result<(), String> {
    let mut size = Size::default();
    size.add(schema, 0);
    for (what, found, most) in [
        ("parameters", size.members, OPENAI_MEMBERS),
        ("levels", size.nesting, OPENAI_NESTING),
        ("values to choose from", size.values, OPENAI_VALUES),
        ("characters in names and values", size.characters, OPENAI_CHARACTERS),
    ] {
        if found > most {
            return Err(format!("it has {found} {what}, and {most} are taken"));
        }
    }
    Ok(())
}

/// Characters of a parameter's name.
const GEMINI_NAME: usize = 64;

fn legal_parameters(schema: &Value) -> Result<(), String> {
    let legal = |name: &str| {
        name.len() <= GEMINI_NAME
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match schema["properties"].as_object().and_then(|members| members.keys().find(|name| !legal(name))) {
        Some(name) => Err(format!("`{name}` is no name of a parameter")),
        None => Ok(()),
    }
}

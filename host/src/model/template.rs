//! Templates of preset parameters: `{{ account.domain }}` within texts, filled from facts of the call.

use serde_json::Value;
use thiserror::Error;

/// Bytes of one text with templates: a message that an operator writes, not a document.
const TEXT_MAX: usize = 8 * 1024;

/// Templates within one text: nobody reads a text with more gaps.
const GAPS_MAX: usize = 32;

/// Bytes of a text that was filled in: half of what a call's input may have (4 MiB), since a preset is only a part of it.
const RENDERED_MAX: usize = 2 * 1024 * 1024;

/// How deeply the parameters may be nested: a request body that people write is below 10.
const DEPTH_MAX: usize = 32;

/// Bytes of the name of an account's field: what a manifest allows, rounded up.
const FIELD_MAX: usize = 128;

/// A preset value: JSON whose texts may have `{{ … }}` in them. It has no logic and no filters.
///
/// Whatever stands for a variable is text, also where the template is nothing else; it is never read again, so that a
/// value with braces in it stays a value with braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset(Node);

/// What a template may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// `account.…`: a public field of the account.
    Account(String),
    /// `call.identifier`: as which user.
    Identifier,
    /// `call.organization`: the account's organization.
    Organization,
    /// `call.chat_id`: the conversation it belongs to.
    ChatId,
    /// `call.trigger_type`: what set it off.
    TriggerType,
    /// `call.tool`: the tool's full name.
    Tool,
    /// `call.connection`: the connection's name.
    Connection,
    /// `call.execution_id`: the id of its record.
    ExecutionId,
}

/// Why a value is no preset, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at `{pointer}`, line {line}, column {column}: {reason}")]
pub struct PresetError {
    /// The text within the value, as a JSON pointer; empty if it is the value itself.
    pub pointer: String,
    /// Within the text, counted from 1.
    pub line: usize,
    /// Within its line, counted from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

/// Why a preset cannot be filled in. No value is repeated in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RenderError {
    /// There is no value for a variable.
    #[error("`{name}` has no value for this call")]
    Missing {
        /// As it is written.
        name: String,
    },
    /// The texts together are too long.
    #[error("a preset is longer than {RENDERED_MAX} bytes once it is filled in")]
    TooLong,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Without templates.
    Plain(Value),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Gap(Variable),
}

/// What is wrong with a text, and at which byte.
type Wrong = (usize, String);

impl Preset {
    /// Reads a value.
    ///
    /// # Errors
    /// With its place: braces that do not close, a variable that does not exist, a limit that is reached.
    pub fn parse(value: &Value) -> Result<Self, PresetError> {
        read(value, "", DEPTH_MAX).map(Self)
    }

    /// Fills it in. `values` gives what stands for a variable.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render<'v>(&self, values: impl Fn(&Variable) -> Option<&'v str>) -> Result<Value, RenderError> {
        let mut left = RENDERED_MAX;
        render(&self.0, &values, &mut left)
    }

    /// The variables that it names, in the order of the text; one may be there twice.
    pub fn variables(&self) -> Vec<&Variable> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found
    }
}

impl Variable {
    /// Those with a name of their own.
    const CALL: [(&'static str, Self); 7] = [
        ("call.identifier", Self::Identifier),
        ("call.organization", Self::Organization),
        ("call.chat_id", Self::ChatId),
        ("call.trigger_type", Self::TriggerType),
        ("call.tool", Self::Tool),
        ("call.connection", Self::Connection),
        ("call.execution_id", Self::ExecutionId),
    ];

    /// Reads a name.
    fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, variable)) = Self::CALL.into_iter().find(|(known, _)| *known == name) {
            return Ok(variable);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match name.strip_prefix("account.") {
            Some(field) if !field.is_empty() && field.len() <= FIELD_MAX && field.chars().all(allowed) => {
                Ok(Self::Account(field.to_owned()))
            }
            _ => {
                let known: Vec<_> = Self::CALL.iter().map(|(known, _)| *known).collect();
                let name: String = name.chars().take(FIELD_MAX).collect();
                Err(format!("there is no `{name}`: there are `account.` with a field, and {}", known.join(", ")))
            }
        }
    }

    /// As it is written.
    pub fn name(&self) -> String {
        match self {
            Self::Account(field) => format!("account.{field}"),
            other => {
                let found = Self::CALL.iter().find(|(_, variable)| variable == other);
                found.map_or("", |(name, _)| *name).to_owned()
            }
        }
    }
}

fn read(value: &Value, pointer: &str, levels: usize) -> Result<Node, PresetError> {
    let place = |text: &str, (at, reason): Wrong| {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        PresetError { pointer: pointer.to_owned(), line, column, reason }
    };
    let below = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    let levels = levels.checked_sub(1).ok_or_else(|| place("", (0, format!("deeper than {DEPTH_MAX} levels"))))?;
    let node = match value {
        Value::String(text) => Node::Text(pieces(text).map_err(|wrong| place(text, wrong))?),
        Value::Array(items) => {
            let nodes = items.iter().enumerate().map(|(at, item)| read(item, &below(&at.to_string()), levels));
            Node::List(nodes.collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let nodes = entries.iter().map(|(key, item)| Ok((key.clone(), read(item, &below(key), levels)?)));
            Node::Map(nodes.collect::<Result<_, _>>()?)
        }
        plain => Node::Plain(plain.clone()),
    };
    Ok(node)
}

/// Splits a text at its templates.
fn pieces(text: &str) -> Result<Vec<Piece>, Wrong> {
    if text.len() > TEXT_MAX {
        return Err((0, format!("the text is longer than {TEXT_MAX} bytes")));
    }
    let mut pieces = Vec::new();
    let mut gaps = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|found| at + found) {
        if open > at {
            pieces.push(Piece::Literal(literal(text, at, open)?));
        }
        let inside = open + 2;
        let close = text[inside..].find("}}").map(|found| inside + found);
        let close = close.ok_or_else(|| (open, "`{{` has no `}}`".to_owned()))?;
        let name = &text[inside..close];
        let trimmed = name.trim_matches(' ');
        let start = inside + (name.len() - name.trim_start_matches(' ').len());
        pieces.push(Piece::Gap(Variable::parse(trimmed).map_err(|reason| (start, reason))?));
        gaps += 1;
        if gaps > GAPS_MAX {
            return Err((open, format!("the text has more than {GAPS_MAX} templates")));
        }
        at = close + 2;
    }
    if at < text.len() {
        pieces.push(Piece::Literal(literal(text, at, text.len())?));
    }
    Ok(pieces)
}

/// A part of a text outside of templates.
fn literal(text: &str, from: usize, to: usize) -> Result<String, Wrong> {
    match text[from..to].find("}}") {
        Some(found) => Err((from + found, "`}}` has no `{{`".to_owned())),
        None => Ok(text[from..to].to_owned()),
    }
}

fn render<'v>(
    node: &Node,
    values: &impl Fn(&Variable) -> Option<&'v str>,
    left: &mut usize,
) -> Result<Value, RenderError> {
    Ok(match node {
        Node::Plain(value) => value.clone(),
        Node::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                let part = match piece {
                    Piece::Literal(literal) => literal,
                    Piece::Gap(variable) => {
                        values(variable).ok_or_else(|| RenderError::Missing { name: variable.name() })?
                    }
                };
                *left = left.checked_sub(part.len()).ok_or(RenderError::TooLong)?;
                text.push_str(part);
            }
            Value::String(text)
        }
        Node::List(nodes) => {
            let items: Result<_, _> = nodes.iter().map(|node| render(node, values, left)).collect();
            Value::Array(items?)
        }
        Node::Map(nodes) => {
            let entries: Result<_, RenderError> =
                nodes.iter().map(|(key, node)| Ok((key.clone(), render(node, values, left)?))).collect();
            Value::Object(entries?)
        }
    })
}

fn collect<'n>(node: &'n Node, found: &mut Vec<&'n Variable>) {
    match node {
        Node::Plain(_) => {}
        Node::Text(pieces) => found.extend(pieces.iter().filter_map(|piece| match piece {
            Piece::Gap(variable) => Some(variable),
            Piece::Literal(_) => None,
        })),
        Node::List(nodes) => nodes.iter().for_each(|node| collect(node, found)),
        Node::Map(nodes) => nodes.iter().for_each(|(_, node)| collect(node, found)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values(variable: &Variable) -> Option<&'static str> {
        match variable {
            Variable::Account(field) if field == "domain" => Some("acme.example"),
            Variable::Account(field) if field == "brace" => Some("{{ call.chat_id }}"),
            Variable::Account(field) if field == "number" => Some("5"),
            Variable::Identifier => Some("alice"),
            Variable::ChatId => Some("chat-7"),
            Variable::Tool => Some("slack.send"),
            _ => None,
        }
    }

    /// SI-15: pre-set values as templates.
    #[test]
    fn templates_are_filled_in() {
        for (preset, rendered) in [
            (json!("{{ account.domain }}"), json!("acme.example")),
            (json!("{{account.domain}}"), json!("acme.example")),
            (json!("https://{{ account.domain }}/u/{{ call.identifier }}!"), json!("https://acme.example/u/alice!")),
            (json!("{{call.tool}}{{ call.chat_id }}"), json!("slack.sendchat-7")),
            // A value stays text, and is not read again.
            (json!("{{ account.number }}"), json!("5")),
            (json!("{{ account.brace }}"), json!("{{ call.chat_id }}")),
            (json!("plain { text } é"), json!("plain { text } é")),
            (json!(""), json!("")),
            (json!(null), json!(null)),
            (json!(1.50), json!(1.50)),
            (
                json!({ "channel": "#{{ call.chat_id }}", "deep": [1, true, { "{{ key }}": ["{{ call.identifier }}"] }] }),
                json!({ "channel": "#chat-7", "deep": [1, true, { "{{ key }}": ["alice"] }] }),
            ),
        ] {
            let parsed = Preset::parse(&preset).unwrap();
            assert_eq!(parsed.render(values), Ok(rendered), "{preset}");
        }
        let preset = Preset::parse(&json!(["{{ call.tool }}", { "a": "{{ account.x }}{{ call.tool }}" }])).unwrap();
        let names: Vec<_> = preset.variables().into_iter().map(Variable::name).collect();
        assert_eq!(names, ["call.tool", "account.x", "call.tool"]);
    }

    /// SI-15: what cannot work is told when it is stored, with its place.
    #[test]
    fn what_is_no_template_is_refused_with_its_place() {
        for (preset, pointer, line, column, reason) in [
            (json!("{{ default_channel }}"), "", 1, 4, "there is no `default_channel`"),
            (json!({ "a/b": ["x", "é\n {{ call.nope }}"] }), "/a~1b/1", 2, 5, "there is no `call.nope`"),
            (json!("{{ }}"), "", 1, 4, "there is no ``"),
            (json!("{{}}"), "", 1, 3, "there is no ``"),
            (json!("{{ account. }}"), "", 1, 4, "there is no `account.`"),
            (json!("{{ account.a.b }}"), "", 1, 4, "there is no"),
            (json!("{{ account.a | upper }}"), "", 1, 4, "there is no"),
            (json!("{{ account.a b }}"), "", 1, 4, "there is no"),
            (json!("{{ account }}"), "", 1, 4, "there is no `account`"),
            (json!("{{ CALL.TOOL }}"), "", 1, 4, "there is no"),
            (json!("{{\tcall.tool}}"), "", 1, 3, "there is no"),
            (json!("{{ if call.tool }}"), "", 1, 4, "there is no"),
            (json!("{{{ call.tool }}}"), "", 1, 3, "there is no"),
            (json!("{{ secret.token }}"), "", 1, 4, "there is no"),
            (json!("a {{ call.tool"), "", 1, 3, "`{{` has no `}}`"),
            (json!("a {{ call.tool }"), "", 1, 3, "`{{` has no `}}`"),
            (json!("a }} b"), "", 1, 3, "`}}` has no `{{`"),
            (json!("{{ call.tool }} }}"), "", 1, 17, "`}}` has no `{{`"),
            (json!("{{ call.tool {{ call.tool }} }}"), "", 1, 4, "there is no"),
            (json!("{{ call.tool }}".repeat(GAPS_MAX + 1)), "", 1, 481, "more than 32"),
            (json!({ "a": "b".repeat(TEXT_MAX + 1) }), "/a", 1, 1, "longer than"),
        ] {
            let error = Preset::parse(&preset).unwrap_err();
            assert!(error.reason.contains(reason), "{preset}: {error}");
            assert_eq!(
                (error.pointer.as_str(), error.line, error.column),
                (pointer, line, column),
                "{preset}: {error}"
            );
        }
        let deep = (0..DEPTH_MAX).fold(json!("x"), |inner, _| Value::Array(vec![inner]));
        assert!(Preset::parse(&deep).unwrap_err().reason.contains("deeper"));
        assert!(Preset::parse(&deep[0]).is_ok());
    }

    #[test]
    fn what_has_no_value_or_is_too_long_is_refused() {
        for (preset, name) in [
            (json!("{{ account.nothing }}"), "account.nothing"),
            (json!(["{{ call.tool }}", "{{ call.organization }}"]), "call.organization"),
        ] {
            let rendered = Preset::parse(&preset).unwrap().render(values);
            assert_eq!(rendered, Err(RenderError::Missing { name: name.into() }));
        }
        let long = "a".repeat(RENDERED_MAX / 2);
        let twice = |more: &str| Preset::parse(&json!([format!("{{{{call.tool}}}}{more}"), "{{call.tool}}"])).unwrap();
        assert!(twice("").render(|_| Some(long.as_str())).is_ok());
        assert_eq!(twice("b").render(|_| Some(long.as_str())), Err(RenderError::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|([{} ]|\\{\\{|\\}\\}|call\\.tool|account\\.|[a-zé\\n]){0,20}") {
            match Preset::parse(&Value::String(text.clone())) {
                Err(error) => {
                    prop_assert!(error.line <= text.matches('\n').count() + 1, "{}", error);
                    prop_assert!(error.column <= text.chars().count() + 1, "{}", error);
                }
                Ok(preset) => {
                    // There are as many markers as variables, and what is between them is of the text.
                    let rendered = preset.render(|_| Some("\u{1}")).unwrap();
                    let rendered = rendered.as_str().unwrap();
                    prop_assert_eq!(rendered.matches('\u{1}').count(), preset.variables().len());
                    let found = rendered.split('\u{1}').all(|literal| text.contains(literal));
                    prop_assert!(found, "{} {}", text, rendered);
                    prop_assert!(preset.variables().is_empty() == (rendered == text));
                }
            }
        }

        /// No value adds to what a template says, whatever is in it.
        #[test]
        fn a_value_is_only_ever_text(value in "\\PC{0,30}|[{}\"\\\\ a-z.]{0,30}", before in "[a-z ]{0,5}") {
            let preset = json!({ "a": format!("{before}{{{{ account.x }}}}"), "b": ["{{ account.x }}"] });
            let rendered = Preset::parse(&preset).unwrap().render(|_| Some(value.as_str())).unwrap();
            prop_assert_eq!(rendered, json!({ "a": format!("{before}{value}"), "b": [value] }));
        }
    }
}

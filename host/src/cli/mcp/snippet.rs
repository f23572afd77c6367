//! What to paste where, so that a program knows an MCP server.

use clap::ValueEnum;
use serde_json::json;

/// A program that speaks MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code.
    ClaudeCode,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    Vscode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
}

/// The bridge of this program, as another program starts it.
pub(super) struct Command {
    /// What the server is for.
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// The variable of the environment that holds the credential, and what is in it.
    pub(super) variable: (&'static str, String),
}

/// What to paste, and where.
pub(crate) struct Snippet {
    /// One sentence.
    pub(crate) place: &'static str,
    pub(crate) text: String,
}

impl Program {
    /// How this program is told of a server.
    pub(crate) fn snippet(self, config: &str, url: &str) -> Snippet {
        let name = server_name(config);
        let (place, text) = match self {
            Self::ClaudeDesktop => {
                ("Add it in Settings, Connectors, Add custom connector, with this URL:", url.to_owned())
            }
            Self::ClaudeCode => ("Run this:", format!("claude mcp add --transport http {name} {}", shell_quoted(url))),
            Self::Cursor => {
                ("Put this into ~/.cursor/mcp.json:", pretty(&json!({ "mcpServers": { name: { "url": url } } })))
            }
            Self::Vscode => (
                "Put this into .vscode/mcp.json:",
                pretty(&json!({ "servers": { name: { "type": "http", "url": url } } })),
            ),
            Self::Codex => (
                "Put this into ~/.codex/config.toml:",
                // A JSON text is a TOML basic string.
                format!("[mcp_servers.{name}]\nurl = {}", json!(url)),
            ),
            Self::Gemini => (
                "Put this into ~/.gemini/settings.json:",
                pretty(&json!({ "mcpServers": { name: { "httpUrl": url } } })),
            ),
        };
        Snippet { place, text }
    }
}

impl Program {
    /// How this program is told to start the bridge.
    pub(super) fn starting(self, command: &Command) -> Snippet {
        let Command { name, arguments, variable: (variable, value) } = command;
        let name = server_name(name);
        let server = json!({ "command": PROGRAM, "args": arguments, "env": { *variable: value } });
        let (place, text) = match self {
            Self::ClaudeDesktop => (
                "Put this into claude_desktop_config.json (Settings, Developer, Edit Config):",
                pretty(&json!({ "mcpServers": { name: server } })),
            ),
            Self::ClaudeCode => {
                let all: Vec<String> = arguments.iter().map(|argument| shell_quoted(argument)).collect();
                let variable = shell_quoted(&format!("{variable}={value}"));
                (
                    "Run this:",
                    format!("claude mcp add --env {variable} --transport stdio {name} -- {PROGRAM} {}", all.join(" ")),
                )
            }
            Self::Cursor => ("Put this into ~/.cursor/mcp.json:", pretty(&json!({ "mcpServers": { name: server } }))),
            Self::Vscode => {
                let mut server = server;
                server["type"] = "stdio".into();
                ("Put this into .vscode/mcp.json:", pretty(&json!({ "servers": { name: server } })))
            }
            Self::Codex => (
                "Put this into ~/.codex/config.toml:",
                // A JSON text is a TOML basic string, and a JSON list of texts a TOML array.
                format!(
                    "[mcp_servers.{name}]\ncommand = {}\nargs = {}\nenv = {{ {variable} = {} }}",
                    json!(PROGRAM),
                    json!(arguments),
                    json!(value)
                ),
            ),
            Self::Gemini => {
                ("Put this into ~/.gemini/settings.json:", pretty(&json!({ "mcpServers": { name: server } })))
            }
        };
        Snippet { place, text }
    }
}

/// What the bridge is started as.
const PROGRAM: &str = "gloveport";

/// A name that each program takes: no dots, which TOML would take for tables.
fn server_name(config: &str) -> String {
    let plain = |sign: char| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '-' };
    format!("gloveport-{}", config.chars().map(plain).collect::<String>())
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_program_is_told_the_url_in_its_own_form() {
        let url = "https://gp.example/mcp/gpm_a-b_c";
        for program in Program::value_variants() {
            let Snippet { place, text } = program.snippet("my.config_1", url);
            assert!(text.contains(url) && place.ends_with(':'), "{program:?}: {place} {text}");
            match program {
                Program::Cursor | Program::Vscode | Program::Gemini => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    let server = value.as_object().unwrap().values().next().unwrap();
                    assert!(server["gloveport-my-config-1"].is_object(), "{text}");
                }
                Program::Codex => assert!(text.starts_with("[mcp_servers.gloveport-my-config-1]\nurl = \"")),
                Program::ClaudeCode => assert!(text.starts_with("claude mcp add --transport http gloveport-my")),
                Program::ClaudeDesktop => assert_eq!(text, url),
            }
        }
    }

    #[test]
    fn each_program_is_told_what_to_start() {
        let command = Command {
            name: "my.config".into(),
            arguments: ["mcp", "--config", "a 'b'"].map(str::to_owned).into(),
            variable: ("GLOVEPORT_KEY", "gp \"x\"".into()),
        };
        let expected = json!({ "command": "gloveport", "args": ["mcp", "--config", "a 'b'"],
            "env": { "GLOVEPORT_KEY": "gp \"x\"" } });
        for program in Program::value_variants() {
            let Snippet { place, text } = program.starting(&command);
            assert!(place.ends_with(':'), "{place}");
            match program {
                Program::ClaudeCode => {
                    let quoted = r#"--env 'GLOVEPORT_KEY=gp "x"' --transport stdio gloveport-my-config -- gloveport 'mcp' '--config'"#;
                    assert_eq!(text, format!(r"claude mcp add {quoted} 'a '\''b'\'''"));
                }
                Program::Codex => {
                    let read: toml::Table = text.parse().unwrap();
                    let server = &read["mcp_servers"]["gloveport-my-config"];
                    assert_eq!(serde_json::to_value(server).unwrap(), expected);
                }
                Program::Vscode => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    let mut expected = expected.clone();
                    expected["type"] = "stdio".into();
                    assert_eq!(value["servers"]["gloveport-my-config"], expected);
                }
                _ => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(value["mcpServers"]["gloveport-my-config"], expected);
                }
            }
        }
    }

    #[test]
    fn nothing_of_a_name_or_a_url_is_taken_for_a_command() {
        let text = Program::ClaudeCode.snippet("$(reboot);x'", "https://a/'; reboot").text;
        assert_eq!(text, "claude mcp add --transport http gloveport---reboot--x- 'https://a/'\\''; reboot'");
    }
}

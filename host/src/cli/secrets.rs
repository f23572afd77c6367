//! Secrets and inputs from standard input or a file, never from arguments, which every user of the machine can see.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{CliError, Session};

/// Most bytes of a file or of standard input: far more than any credential or tool input, so a wrong file is noticed.
const MAX_TEXT: u64 = 16 * 1024 * 1024;

/// Secret fields by name, in clear: they are on their way to the host, which seals them.
pub(super) struct Credentials(BTreeMap<String, Zeroizing<String>>);

impl Credentials {
    /// Asks for each of `names`: prompts a person without echo, or takes standard input (all of it for one name, a
    /// line each for several).
    ///
    /// # Errors
    ///
    /// When a name carries a value, comes twice, or standard input holds too little or too much.
    pub(super) fn ask(names: &[String], session: &mut Session<'_>) -> Result<Self, CliError> {
        check_names(names)?;
        let values = match names {
            [] => Vec::new(),
            _ if session.interactive => names.iter().map(|name| prompt(name, session)).collect::<Result<_, _>>()?,
            [_] => vec![without_newline(read_text(session.input, "standard input")?)],
            _ => lines(&read_text(session.input, "standard input")?, names)?,
        };
        for (name, value) in names.iter().zip(&values) {
            if value.is_empty() {
                return Err(CliError::Usage(format!("standard input holds no value for the secret {name}")));
            }
        }
        Ok(Self(names.iter().cloned().zip(values).collect()))
    }

    /// One field, with a value that was read.
    ///
    /// # Errors
    ///
    /// When the value is empty.
    pub(super) fn one(name: &str, value: Zeroizing<String>) -> Result<Self, CliError> {
        if value.is_empty() {
            return Err(CliError::Usage(format!("there is no {name} in what was read")));
        }
        Ok(Self(BTreeMap::from([(name.to_owned(), value)])))
    }

    /// Reads a JSON object of texts from a file, or from standard input for `-`.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is something else. The message never repeats what the file holds.
    pub(super) fn read(path: &Path, session: &mut Session<'_>) -> Result<Self, CliError> {
        let text = read_text_from(path, session)?;
        let members: BTreeMap<String, Zeroizing<String>> = serde_json::from_str::<BTreeMap<String, String>>(&text)
            .map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let name = path.display();
                CliError::Usage(format!("{name} is not a JSON object of texts (line {line}, column {column})"))
            })?
            .into_iter()
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect();
        if members.is_empty() {
            return Err(CliError::Usage(format!("{} holds no secret", path.display())));
        }
        Ok(Self(members))
    }
}

impl Serialize for Credentials {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.as_str())))
    }
}

/// Reads a text file, or standard input for `-`.
pub(super) fn read_text_from(path: &Path, session: &mut Session<'_>) -> Result<Zeroizing<String>, CliError> {
    if path == Path::new("-") { read_text(session.input, "standard input") } else { read_file(path) }
}

/// Reads a text file.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let mut file = std::fs::File::open(path).map_err(|source| CliError::File { path: path.into(), source })?;
    read_text(&mut file, &path.display().to_string())
}

/// The text without the newline that editors and `echo` put at its end.
pub(super) fn without_newline(text: Zeroizing<String>) -> Zeroizing<String> {
    let end = text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    let mut text = text;
    text.truncate(end);
    text
}

fn read_text(input: &mut dyn Read, name: &str) -> Result<Zeroizing<String>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = |source| CliError::File { path: name.into(), source };
    input.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(file)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(CliError::Usage(format!("{name} is larger than {MAX_TEXT} bytes")));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(CliError::Usage(format!("{name} is not UTF-8 text"))),
    }
}

/// Refuses `--secret name=value` without repeating it.
fn check_names(names: &[String]) -> Result<(), CliError> {
    for (index, name) in names.iter().enumerate() {
        if let Some((name, _)) = name.split_once('=') {
            return Err(CliError::Usage(format!(
                "--secret takes a name, not a value: arguments are visible to every user of this machine and stay in \
                 the shell's history. Write `--secret {name}` and give the value on standard input, for example \
                 `--secret {name} < file`. The value just given should be considered exposed"
            )));
        }
        if name.is_empty() || names[..index].contains(name) {
            return Err(CliError::Usage(format!("--secret {name:?} is empty or given twice")));
        }
    }
    Ok(())
}

fn lines(text: &str, names: &[String]) -> Result<Vec<Zeroizing<String>>, CliError> {
    let values: Vec<_> = text.lines().map(|line| Zeroizing::new(line.to_owned())).collect();
    if values.len() != names.len() {
        return Err(CliError::Usage(format!(
            "standard input has {} lines for {} secrets: give one line each, in the order {}",
            values.len(),
            names.len(),
            names.join(", ")
        )));
    }
    Ok(values)
}

/// Asks a person for a line that the terminal does not show.
fn prompt(name: &str, session: &mut Session<'_>) -> Result<Zeroizing<String>, CliError> {
    let _quiet = Quiet::new().ok_or_else(|| {
        CliError::Usage(format!(
            "this terminal cannot hide what is typed: pipe the value of {name} into standard input"
        ))
    })?;
    write!(session.err, "{name}: ")?;
    session.err.flush()?;
    let line = read_line(session.input)?;
    writeln!(session.err)?;
    Ok(line)
}

/// Reads up to a newline, byte by byte: what follows belongs to the next prompt.
fn read_line(input: &mut dyn Read) -> Result<Zeroizing<String>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut byte = [0];
    while input.read(&mut byte)? == 1 && byte[0] != b'\n' && (bytes.len() as u64) < MAX_TEXT {
        bytes.push(byte[0]);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| CliError::Usage("what was typed is not UTF-8 text".into()))?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}

/// While it lives, the terminal does not show what is typed.
struct Quiet;

impl Quiet {
    fn new() -> Option<Self> {
        stty("-echo").then_some(Self)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Calls the POSIX tool rather than taking a terminal library for one bit.
fn stty(setting: &str) -> bool {
    let done = Command::new("stty").arg(setting).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(names: &[&str], input: &str) -> Result<String, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), input.as_bytes());
        let mut session = Session { out: &mut out, err: &mut err, input: &mut input, interactive: false, key: None };
        let asked = Credentials::ask(&names, &mut session);
        assert!(out.is_empty() && err.is_empty(), "a secret was echoed");
        asked.map(|secrets| serde_json::to_string(&secrets).expect("JSON")).map_err(|error| error.to_string())
    }

    #[test]
    fn one_secret_is_all_of_standard_input_and_several_are_lines() {
        assert_eq!(ask(&[], "ignored").as_deref(), Ok("{}"));
        assert_eq!(ask(&["token"], "abc\n").as_deref(), Ok(r#"{"token":"abc"}"#));
        assert_eq!(ask(&["token"], "abc\r\n").as_deref(), Ok(r#"{"token":"abc"}"#));
        assert_eq!(ask(&["token"], " a b ").as_deref(), Ok(r#"{"token":" a b "}"#));
        assert_eq!(ask(&["pem"], "-----\nx\n-----\n").as_deref(), Ok(r#"{"pem":"-----\nx\n-----"}"#));
        assert_eq!(ask(&["b", "a"], "1\n2\n").as_deref(), Ok(r#"{"a":"2","b":"1"}"#));
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_told_without_the_secret() {
        let cases: [(&[&str], &str); 9] = [
            (&["token=canary"], ""),
            (&["token="], ""),
            (&[""], "canary"),
            (&["a", "a"], "canary\ncanary\n"),
            (&["token"], ""),
            (&["token"], "\n"),
            (&["a", "b"], "canary\n"),
            (&["a", "b"], "canary\ncanary\ncanary\n"),
            (&["a", "b"], "canary\n\n"),
        ];
        for (names, input) in cases {
            let message = ask(names, input).expect_err(&format!("{names:?} {input:?} was taken"));
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn a_secrets_file_is_an_object_of_texts_and_is_never_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.json");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), bytes);
            let mut session =
                Session { out: &mut out, err: &mut err, input: &mut input, interactive: false, key: None };
            let from_file = Credentials::read(&path, &mut session).map(|it| serde_json::to_string(&it).expect("JSON"));
            let from_input = Credentials::read(Path::new("-"), &mut session).map(|_| ());
            assert_eq!(from_file.is_ok(), from_input.is_ok());
            from_file.map_err(|error| error.to_string())
        };
        assert_eq!(read(br#"{"a": "1", "b": "\n"}"#).as_deref(), Ok(r#"{"a":"1","b":"\n"}"#));
        let wrong: [&[u8]; 9] = [
            b"",
            b"{}",
            b"canary",
            b"[\"canary\"]",
            b"{\"a\": 7}",
            b"{\"a\": {\"canary\": 1}}",
            b"{\"a\": [\"canary\"]}",
            b"{\"a\": \"canary\"} {}",
            b"\xff\xfe",
        ];
        for bytes in wrong {
            let message = read(bytes).expect_err("taken");
            assert!(!message.contains("canary"), "{message}");
        }
    }
}

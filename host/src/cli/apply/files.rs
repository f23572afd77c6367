//! The files of `gloveport apply`: read, put together, and everything in that they name.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::node::{At, Content, Key, Mistake, Node, read};
use super::schema::Schema;
use crate::catalog::Service;
use crate::cli::secrets::{read_text_from, without_newline};
use crate::cli::{CliError, Session};

/// What was read.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// All documents as one, with their places.
    pub(super) root: Node,
}

/// Puts what an entry names in its place; the names of files begin at this folder.
type Fill = fn(&mut Value, &Path) -> Result<(), String>;

impl Files {
    /// Reads files, and all YAML files that are directly in folders. `-` is standard input.
    pub(super) fn read(given: &[PathBuf], schema: &Schema, session: &mut Session<'_>) -> Result<Self, CliError> {
        let mut paths = Vec::new();
        for path in given {
            if path.is_dir() { paths.extend(in_folder(path)?) } else { paths.push(path.clone()) }
        }
        let root = Node { at: At { file: 0, line: 1, column: 1 }, content: Content::Map(Vec::new()) };
        let mut files = Self { paths, root };
        let mut mistakes = Vec::new();
        for (index, path) in files.paths.clone().iter().enumerate() {
            let text = read_text_from(path, session)?;
            match read(&text, index) {
                Ok(documents) => {
                    for mut document in documents.into_iter().filter(|document| !document.is_null()) {
                        declared(&mut document);
                        mistakes.extend(schema.check(&mut document));
                        files.merge(document, &mut mistakes);
                    }
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        files.refuse(mistakes)?;
        Ok(files)
    }

    /// What is sent: with the documents and components that the files name, and the secrets that they refer to.
    pub(super) fn resources(&self) -> Result<Value, CliError> {
        let mut value = self.root.value();
        let mut mistakes = Vec::new();
        for (member, pointer, fill) in [
            ("connectors", "/file", connector as Fill),
            ("connectors", "/catalog", service as Fill),
            ("modifiers", "/file", modifier as Fill),
            ("connections", "/oauth/client_secret", client_secret as Fill),
        ] {
            let entries = value.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten();
            for (index, entry) in entries.enumerate() {
                if entry.pointer(pointer).is_none_or(Value::is_null) {
                    continue;
                }
                let at = self.root.find(&format!("/{member}/{index}{pointer}"));
                let folder = self.paths[at.file].parent().unwrap_or(Path::new("")).to_owned();
                if let Err(message) = fill(entry, &folder) {
                    mistakes.push(Mistake { at, message });
                }
            }
        }
        self.refuse(mistakes)?;
        Ok(value)
    }

    /// Where it is, for people.
    pub(super) fn place(&self, at: At) -> String {
        let path = self.paths.get(at.file).map(|path| path.display().to_string()).unwrap_or_default();
        format!("{path}:{}:{}", at.line, at.column)
    }

    fn refuse(&self, mistakes: Vec<Mistake>) -> Result<(), CliError> {
        if mistakes.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = mistakes.iter().map(|one| format!("{}: {}", self.place(one.at), one.message)).collect();
        Err(CliError::Failed(format!("nothing was applied\n{}", told.join("\n"))))
    }

    fn merge(&mut self, document: Node, mistakes: &mut Vec<Mistake>) {
        // The schema refused whatever is no map.
        let (Content::Map(members), Content::Map(all)) = (document.content, &mut self.root.content) else { return };
        for (key, node) in members {
            let Some(known) = all.iter().position(|(known, _)| known.name == key.name) else {
                all.push((key, node));
                continue;
            };
            let (first, known) = &mut all[known];
            match (&mut known.content, node.content) {
                (Content::List(known), Content::List(more)) => known.extend(more),
                _ => {
                    let message = format!("`{}` is there already, in line {}", key.name, first.at.line);
                    mistakes.push(Mistake { at: key.at, message });
                }
            }
        }
    }
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |source| CliError::File { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(CliError::Failed(format!("{} has no file that ends in .yaml or .yml", folder.display())));
    }
    Ok(found)
}

/// SI-16: a connector whose operations are written in its place is one that is made of them as a document.
fn declared(document: &mut Node) {
    let Content::Map(members) = &mut document.content else { return };
    let lists = members.iter_mut().filter(|(key, _)| key.name == "connectors").map(|(_, node)| &mut node.content);
    for list in lists {
        let Content::List(entries) = list else { continue };
        for entry in entries {
            let at = entry.at;
            let is_declared = entry.member("operations").is_some() && entry.member("document").is_none();
            let Content::Map(members) = &mut entry.content else { continue };
            if !is_declared {
                continue;
            }
            let all = std::mem::take(members);
            let (own, document): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(key, _)| matches!(key.name.as_str(), "name" | "options"));
            *members = own;
            let key = Key { at, name: "document".into() };
            members.push((key, Node { at, content: Content::Map(document) }));
        }
    }
}

fn service(entry: &mut Value, _folder: &Path) -> Result<(), String> {
    let named = entry.as_object_mut().and_then(|members| members.remove("catalog"));
    let name = named.as_ref().and_then(Value::as_str).unwrap_or_default();
    let service = Service::find(name).ok_or_else(|| format!("there is no `{name}` in the catalogue"))?;
    entry["document"] = service.document.into();
    Ok(())
}

fn connector(entry: &mut Value, folder: &Path) -> Result<(), String> {
    let (bytes, is_component) = take_file(entry, folder)?;
    if is_component {
        entry["component"] = STANDARD.encode(bytes).into();
    } else {
        entry["document"] = String::from_utf8(bytes).map_err(|_| "the document is not text in UTF-8")?.into();
    }
    Ok(())
}

fn modifier(entry: &mut Value, folder: &Path) -> Result<(), String> {
    entry["component"] = STANDARD.encode(take_file(entry, folder)?.0).into();
    Ok(())
}

/// The bytes of the file that an entry names, and whether they are a component.
fn take_file(entry: &mut Value, folder: &Path) -> Result<(Vec<u8>, bool), String> {
    let named = entry.as_object_mut().and_then(|members| members.remove("file"));
    let path = folder.join(named.as_ref().and_then(Value::as_str).unwrap_or_default());
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((bytes, path.extension().is_some_and(|extension| extension == "wasm")))
}

#[expect(clippy::disallowed_methods, reason = "a secret of a client, which has no configuration of its own")]
fn client_secret(entry: &mut Value, folder: &Path) -> Result<(), String> {
    let reference = entry["oauth"]["client_secret"].as_str().unwrap_or_default().to_owned();
    let secret = match (reference.strip_prefix("env:"), reference.strip_prefix("file:")) {
        (Some(name), _) => std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?,
        (_, Some(path)) => {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            without_newline(text.into()).to_string()
        }
        _ => return Err("a secret is given by reference: `env:NAME` or `file:PATH`".into()),
    };
    entry["oauth"]["client_secret"] = secret.into();
    Ok(())
}

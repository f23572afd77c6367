//! Puts the services of `plugins/catalog` into the program: their documents, and what lists of them say.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

/// What a list says of a service.
#[derive(Deserialize)]
struct Service {
    name: String,
    title: String,
    description: String,
    categories: Vec<String>,
    auth: Vec<Pattern>,
    operations: Vec<Operation>,
    document_url: Option<String>,
}

#[derive(Deserialize)]
struct Pattern {
    name: String,
    title: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Operation {}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../plugins/catalog").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    let mut list = "&[\n".to_owned();
    for path in &files {
        write(&mut list, path)?;
    }
    list.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("services.rs"), list)?;
    Ok(())
}

fn write(list: &mut String, path: &Path) -> Result<(), Box<dyn Error>> {
    let service: Service =
        serde_saphyr::from_str(&fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    let Service { name, title, description, categories, auth, operations, document_url } = service;
    writeln!(list, "Service {{ name: {name:?}, title: {title:?}, description: {description:?},")?;
    writeln!(list, "categories: &{categories:?}, auth: &[")?;
    for Pattern { name, title, r#type } in auth {
        writeln!(list, "ServicePattern {{ name: {name:?}, title: {title:?}, kind: {:?} }},", r#type)?;
    }
    writeln!(list, "], tools: {}, document_url: {document_url:?},", operations.len())?;
    writeln!(list, "document: include_str!({:?}) }},", path.display().to_string())?;
    Ok(())
}

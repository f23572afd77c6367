//! `gloveport apply`: makes a host as files say, all of it or nothing.

mod files;
mod node;
mod schema;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use http::Method;
use serde_json::{Value, json};

#[cfg(test)]
pub(super) use node_reading::read_back;

use super::remote::Remote;
use super::table::clean;
use super::{CliError, Session};
use files::Files;
use schema::Schema;

const HELP: &str = "\
Examples:
  gloveport apply gloveport.yaml --dry-run
  gloveport apply ./config --prune
  gloveport export > gloveport.yaml
  gloveport apply --schema > gloveport.schema.json

Files are YAML, of one or more documents, with lists of connectors, connections, secrets (by reference only), profiles,
policies, modifiers, mcp_configs and webhooks, and with policy_defaults. All files are one: everything in them is done, or
nothing is. Of a folder, the files that end in .yaml or .yml are read, without those in folders within it.";

/// Options of `gloveport apply`.
#[derive(ClapArgs, Debug)]
#[command(after_help = HELP)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Files and folders; `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    files: Vec<PathBuf>,
    /// Only say what would be different.
    #[arg(long)]
    dry_run: bool,
    /// Remove what was made of these files before, and is no longer in them.
    #[arg(long)]
    prune: bool,
    /// Which set of files these are, where several are applied to one project.
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    /// Print the JSON Schema of the files, for editors.
    #[arg(long)]
    schema: bool,
}

/// Runs `gloveport apply`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, files, dry_run, prune, set, schema: only_schema } = args;
    let schema = Schema::new()?;
    if only_schema {
        let text = serde_json::to_string_pretty(&schema.for_editors());
        return Ok(writeln!(session.out, "{}", text.map_err(|error| CliError::Failed(error.to_string()))?)?);
    }
    let files = Files::read(&files, &schema, session)?;
    let client = remote.client(session)?;
    let mut body = json!({ "resources": files.resources()?, "dry_run": dry_run, "prune": prune });
    if let Some(set) = set {
        body["set"] = set.into();
    }
    let answer = match client.send(Method::POST, &["v1", "apply"], &[], &body).await {
        Err(CliError::Problem(problem)) if problem.errors.iter().any(|error| error.path.starts_with("/resources")) => {
            let told = problem.errors.iter().map(|error| {
                let pointer = error.path.strip_prefix("/resources").unwrap_or_default();
                let inner = pointer.splitn(4, '/').nth(3).map(|inner| format!("{}: ", inner.replace('/', ".")));
                let place = files.place(files.root.find(pointer));
                format!("{place}: {}{}", inner.unwrap_or_default(), clean(&error.message))
            });
            let told: Vec<String> = told.collect();
            return Err(CliError::Failed(format!("nothing was applied\n{}", told.join("\n"))));
        }
        answer => answer?,
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    show(&answer.value, session)
}

fn show(answer: &Value, session: &mut Session<'_>) -> Result<(), CliError> {
    let texts = |value: &Value| value.as_str().map(clean).unwrap_or_default();
    for change in answer["changes"].as_array().into_iter().flatten() {
        let action = change["action"].as_str().unwrap_or_default();
        let sign = match action {
            "create" => '+',
            "change" => '~',
            "remove" => '-',
            _ => continue,
        };
        writeln!(session.out, "{sign} {:<15} {}", texts(&change["kind"]), texts(&change["name"]))?;
        let fields = change["fields"].as_array().into_iter().flatten().filter(|_| action == "change");
        for field in fields {
            let path = texts(&field["path"]).trim_start_matches('/').replace('/', ".");
            let value = |value: &Value| if value.is_null() { "(none)".into() } else { clean(&value.to_string()) };
            writeln!(session.out, "    {path}: {} → {}", value(&field["before"]), value(&field["after"]))?;
        }
        for note in change["notes"].as_array().into_iter().flatten() {
            writeln!(session.out, "    {}", texts(note))?;
        }
        if let Some(secret) = change["secret"].as_str() {
            writeln!(session.out, "    secret, shown once: {}", clean(secret))?;
        }
    }
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    let [created, changed, removed, unchanged] = ["created", "changed", "removed", "unchanged"].map(count);
    let line = match (created + changed + removed, answer["dry_run"] == true) {
        (0, _) => format!("Nothing to do: {unchanged} as the files say."),
        (_, true) => {
            format!(
                "{created} to create, {changed} to change, {removed} to remove, {unchanged} unchanged. Nothing was done."
            )
        }
        (_, false) => format!("{created} created, {changed} changed, {removed} removed, {unchanged} unchanged."),
    };
    Ok(writeln!(session.out, "{line}")?)
}

#[cfg(test)]
mod node_reading {
    use serde_json::Value;

    /// What `apply` reads of a text.
    pub(in crate::cli) fn read_back(text: &str) -> Vec<Value> {
        super::node::read(text, 0).expect("YAML").iter().map(super::node::Node::value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Fake, run_args_at, run_offline};

    const NOTHING: &str =
        r#"{"changes": [], "created": 0, "changed": 0, "removed": 0, "unchanged": 3, "dry_run": false}"#;

    #[tokio::test]
    async fn files_are_one_and_bring_what_they_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        std::fs::create_dir(folder.path().join("docs")).expect("made");
        put("docs/api.yaml", "openapi: 3.1.0\n");
        put("docs/x.wasm", "\0asm");
        put("secret", "canary-secret\n");
        put(
            "a.yaml",
            "connectors: [{name: a, file: docs/api.yaml}]\n---\nconnectors: [{name: b, file: docs/x.wasm}]\n",
        );
        put(
            "b.yml",
            "connectors: [{name: c, baseUrl: 'https://x.example', operations: []}]\nconnections:\n- name: d\n  \
             connector: a\n  oauth: {clientId: id, clientSecret: 'file:secret'}\n",
        );
        let fake = Fake::answering(200, NOTHING).await;
        let args = ["apply", folder.path().to_str().expect("text"), "--prune", "--set", "ours"];
        let ran = run_args_at(&fake, &args, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "Nothing to do: 3 as the files say.\n"), "{}", ran.err);
        assert_eq!(fake.request().line(), "POST /v1/apply");
        let expected = json!({ "dry_run": false, "prune": true, "set": "ours", "resources": {
            "connectors": [
                { "name": "a", "document": "openapi: 3.1.0\n" },
                { "name": "b", "component": "AGFzbQ==" },
                { "name": "c", "document": { "baseUrl": "https://x.example", "operations": [] } },
            ],
            "connections": [{ "name": "d", "connector": "a",
                "oauth": { "client_id": "id", "client_secret": "canary-secret" } }],
        } });
        assert_eq!(fake.request().json(), expected);
    }

    #[tokio::test]
    async fn mistakes_are_told_by_file_line_and_column_and_nothing_is_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.yaml");
        let fake = Fake::answering(200, NOTHING).await;
        for (text, said) in [
            (
                "connections:\n- name: a\n  conector: b\n",
                "x.yaml:3:3: unknown key `conector`: did you mean `connector`?",
            ),
            ("a: [", "x.yaml:"),
            (
                "policy_defaults: {}\n---\npolicy_defaults: {}\n",
                "x.yaml:3:1: `policy_defaults` is there already, in line 1",
            ),
            ("connectors: [{name: a, file: nothing.wasm}]", "nothing.wasm: "),
            ("connections: [{name: a, connector: b, oauth: {client_id: x, client_secret: canary}}]", "x.yaml:1:61: "),
            (
                "connections: [{name: a, connector: b, oauth: {client_id: x, client_secret: 'env:NOT_SET_X'}}]",
                "NOT_SET_X",
            ),
        ] {
            std::fs::write(&path, text).expect("written");
            let ran = run_args_at(&fake, &["apply", path.to_str().expect("text")], "").await;
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{text}");
            assert!(ran.err.contains(said) && ran.err.contains("nothing was applied"), "{text}: {}", ran.err);
        }
        assert_eq!(fake.requests().len(), 0);
        let problem = r#"{"title": "no", "status": 422, "code": "invalid_input", "errors": [
            {"path": "/resources/connections/0/base_url", "message": "it is no URL"}, {"path": "", "message": "whole"}]}"#;
        let fake = Fake::answering(422, problem).await;
        std::fs::write(&path, "connections:\n- name: a\n  connector: b\n  baseUrl: x\n").expect("written");
        let ran = run_args_at(&fake, &["apply", path.to_str().expect("text")], "").await;
        assert!(ran.code == 1 && ran.err.contains("x.yaml:4:3: base_url: it is no URL"), "{}", ran.err);
    }

    #[tokio::test]
    async fn the_schema_is_one_and_knows_both_ways_to_write_keys() {
        let ran = run_offline("apply --schema", "").await;
        let schema: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert!(
            crate::catalog::check_against(&ran.out, r#"{"mcpConfigs": [], "mcp_configs": []}"#)
                .expect("a schema")
                .is_ok()
        );
        assert!(crate::catalog::check_against(&ran.out, r#"{"nothing": []}"#).expect("a schema").is_err());
        assert!(schema["$defs"]["NewConnection"]["properties"]["baseUrl"].is_object(), "{schema}");
        assert!(!ran.out.contains("#/components"), "{}", ran.out);
        assert_eq!(run_offline("apply", "").await.code, 2);
    }
}

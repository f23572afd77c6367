//! `gloveport connector import`: a document becomes a connector, and what that changes is shown.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use http::Method;
use serde_json::{Map, Value, json};

use super::remote::Remote;
use super::secrets::read_text_from;
use super::table::{array_at, clean, str_at, text_at};
use super::{CliError, Session};

pub(super) const HELP: &str = "\
Examples:
  gloveport connector import petstore https://petstore3.swagger.io/api/v3/openapi.json
  gloveport connector import billing billing.yaml --base-url https://billing.example.com --tag invoices
  gloveport connector import billing --dry-run

The document is OpenAPI 3.0 or 3.1 in JSON or YAML, or a list of operations:
  base_url: https://api.example.com
  auth: {type: bearer}
  operations:
    - {name: get_item, method: GET, path: '/items/{id}', parameters: {properties: {id: {type: string}}, required: [id]}}

Without a document the connector is imported again from where it came, with the options that it had.";

/// Options of `gloveport connector import`.
#[derive(ClapArgs, Debug)]
pub(super) struct Import {
    /// Name of the connector, with which the names of its tools begin.
    name: String,
    /// File with the document, `-` for standard input, or its https:// URL, which the host fetches.
    #[arg(value_name = "FILE|URL")]
    source: Option<String>,
    /// Where its requests go, whatever servers the document names.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Only operations with this tag; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only operations on this path, with `*` for any text; may be repeated.
    #[arg(long = "path", value_name = "PATTERN")]
    paths: Vec<String>,
    /// Only operations with this method; may be repeated.
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,
    /// Only this operation, by its id or as 'GET /path', with `*` for any text; may be repeated.
    #[arg(long = "operation", value_name = "PATTERN")]
    operations: Vec<String>,
    /// Not this operation, likewise; may be repeated.
    #[arg(long = "exclude", value_name = "PATTERN")]
    excluded: Vec<String>,
    /// Leave its tools out of lists unless they are asked for.
    #[arg(long)]
    deferred: bool,
    /// Have a person approve each call of a tool that does not only read.
    #[arg(long)]
    requires_approval: bool,
    /// JSON file with more options, such as what is said of single operations; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    options: Option<PathBuf>,
    /// Keep the options of the last import where none are given now.
    #[arg(long)]
    again: bool,
    /// Only show what would become of it.
    #[arg(long)]
    dry_run: bool,
}

/// Runs `gloveport connector import`.
pub(super) async fn run(remote: &Remote, asked: Import, session: &mut Session<'_>) -> Result<(), CliError> {
    let mut body = json!({ "options": options(&asked, session)?, "dry_run": asked.dry_run });
    match asked.source.as_deref() {
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => body["url"] = url.into(),
        Some(file) => body["document"] = read_text_from(Path::new(file), session)?.as_str().into(),
        None => {}
    }
    let client = remote.client(session)?;
    let answer = if asked.again || asked.source.is_none() {
        client.send(Method::POST, &["v1", "connectors", &asked.name, "import-openapi"], &[], &body).await?
    } else {
        client.send(Method::PUT, &["v1", "connectors", &asked.name], &[], &body).await?
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    show(session, &answer.value)
}

fn options(asked: &Import, session: &mut Session<'_>) -> Result<Value, CliError> {
    let mut options: Map<String, Value> = match &asked.options {
        Some(file) => {
            let text = read_text_from(file, session)?;
            let wrong = |error| CliError::Usage(format!("{} is not a JSON object: {error}", file.display()));
            serde_json::from_str(&text).map_err(wrong)?
        }
        None => Map::new(),
    };
    let mut include = Map::new();
    let lists = [
        ("tags", &asked.tags),
        ("paths", &asked.paths),
        ("methods", &asked.methods),
        ("operations", &asked.operations),
    ];
    include
        .extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.into(), json!(list))));
    if !include.is_empty() {
        options.insert("include".into(), include.into());
    }
    if !asked.excluded.is_empty() {
        options.insert("exclude".into(), json!({ "operations": asked.excluded }));
    }
    if let Some(url) = &asked.base_url {
        options.insert("base_url".into(), url.as_str().into());
    }
    for (name, given) in [("deferred", asked.deferred), ("requires_approval", asked.requires_approval)] {
        if given {
            options.insert(name.into(), true.into());
        }
    }
    Ok(options.into())
}

/// Shows what became of an import.
pub(super) fn show(session: &mut Session<'_>, answer: &Value) -> Result<(), CliError> {
    let [name, version, patterns] = ["/name", "/version", "/auth/*/name"].map(|pointer| text_at(answer, pointer));
    let is = |pointer: &str| answer.pointer(pointer).and_then(Value::as_bool).unwrap_or_default();
    let (dry_run, created) = (is("/dry_run"), is("/created"));
    let done = if dry_run { "Would import" } else { "Imported" };
    let tools = array_at(answer, "/tools").len();
    writeln!(session.out, "{done} {name} {version}: {tools} tools; auth patterns: {patterns}.")?;
    if !created {
        differences(session, &answer["difference"])?;
        if is("/difference/breaking") {
            writeln!(session.err, "Calls that were right before may be refused: see the lines with - and !.")?;
        }
    }
    for one in array_at(answer, "/skipped") {
        let [operation, reason] = ["/operation", "/reason"].map(|pointer| clean(str_at(one, pointer)));
        writeln!(session.err, "Skipped {operation}: {reason}")?;
    }
    for warning in array_at(answer, "/warnings").iter().filter_map(Value::as_str) {
        writeln!(session.err, "Note: {}", clean(warning))?;
    }
    if created && !dry_run {
        writeln!(session.err, "Next: gloveport connection add {name} --connector {name}")?;
    }
    Ok(())
}

/// A line for each operation that is not what it was.
pub(super) fn differences(session: &mut Session<'_>, difference: &Value) -> Result<(), CliError> {
    let named = |one: &Value| format!("{}  {}", clean(str_at(one, "/operation")), clean(str_at(one, "/tool")));
    for (sign, pointer) in [("+", "/added"), ("-", "/removed")] {
        for one in array_at(difference, pointer) {
            writeln!(session.out, "{sign} {}", named(one))?;
        }
    }
    for one in array_at(difference, "/changed") {
        let what: Vec<String> = array_at(one, "/what").iter().filter_map(Value::as_str).map(clean).collect();
        let sign = if one["breaking"] == json!(true) { "!" } else { "~" };
        writeln!(session.out, "{sign} {}: {}", named(one), what.join("; "))?;
    }
    for one in array_at(difference, "/offers") {
        let [kind, name, what] = ["/kind", "/name", "/what"].map(|place| clean(str_at(one, place)));
        writeln!(session.out, "~ {kind} {name}: {what}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::cli::testing::{Fake, run_args_at, run_offline};

    const DONE: &str = r#"{"name": "pets", "version": "1.0+ab", "auth": [{"name": "token"}],
        "tools": [{"operation": "GET /pets", "name": "pets_list"}], "skipped": [{"operation": "TRACE /x", "reason": "no"}],
        "warnings": ["bent\u001b[2J"], "created": false, "dry_run": false, "difference": {"breaking": true,
        "added": [{"operation": "GET /a", "tool": "pets_a"}], "removed": [{"operation": "GET /b", "tool": "pets_b"}],
        "changed": [{"operation": "GET /c", "tool": "pets_c", "what": ["x is new", "y is gone"], "breaking": true},
            {"operation": "GET /d", "tool": "pets_d", "what": ["it is described otherwise"], "breaking": false}],
        "offers": [{"kind": "prompt", "name": "pets_feed", "what": "it is new: \"Feed\""}]}}"#;

    /// SI-07: what another import changes is shown a line each.
    #[tokio::test]
    async fn an_import_shows_what_it_changed() {
        let fake = Fake::answering(200, DONE).await;
        let url = "https://docs.example/openapi.json";
        let ran = run_args_at(&fake, &["connector", "import", "pets", url, "--tag", "a", "--tag", "b"], "").await;
        let expected = "\
Imported pets 1.0+ab: 1 tools; auth patterns: token.
+ GET /a  pets_a
- GET /b  pets_b
! GET /c  pets_c: x is new; y is gone
~ GET /d  pets_d: it is described otherwise
~ prompt pets_feed: it is new: \"Feed\"
";
        assert_eq!((ran.code, ran.out.as_str()), (0, expected));
        assert!(ran.err.contains("Skipped TRACE /x: no\n") && !ran.err.contains('\u{1b}'), "{}", ran.err);
        let request = fake.request();
        assert_eq!(request.line(), "PUT /v1/connectors/pets");
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let options = json!({ "include": { "tags": ["a", "b"] } });
        assert_eq!(sent, json!({ "url": url, "options": options, "dry_run": false }));
    }

    #[tokio::test]
    async fn a_document_goes_as_text_and_without_one_it_is_imported_again() {
        let fake = Fake::answering(200, DONE).await;
        let line = [
            "connector",
            "import",
            "pets",
            "-",
            "--deferred",
            "--exclude",
            "DELETE *",
            "--base-url",
            "https://a.example",
        ];
        run_args_at(&fake, &line, "openapi: 3.1.0\n").await;
        let sent: Value = serde_json::from_slice(&fake.request().body).unwrap();
        assert_eq!(sent["document"], json!("openapi: 3.1.0\n"));
        let options =
            json!({ "base_url": "https://a.example", "deferred": true, "exclude": { "operations": ["DELETE *"] } });
        assert_eq!(sent["options"], options);

        let fake = Fake::answering(200, DONE).await;
        let ran = run_args_at(&fake, &["connector", "import", "pets", "--dry-run", "--json"], "").await;
        assert_eq!(ran.out.trim_end(), DONE);
        assert_eq!(fake.request().line(), "POST /v1/connectors/pets/import-openapi");
        let sent: Value = serde_json::from_slice(&fake.request().body).unwrap();
        assert_eq!(sent, json!({ "options": {}, "dry_run": true }));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_sent() {
        for (line, code, said) in [
            ("connector import pets /nonexistent.yaml", 1, "/nonexistent.yaml"),
            ("connector import pets x --options /nonexistent.json", 1, "/nonexistent.json"),
            ("connector import", 2, "NAME"),
        ] {
            let ran = run_offline(line, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line}");
            assert!(ran.err.contains(said), "{line}: {}", ran.err);
        }
    }
}

//! `gloveport doctor`: whether a host can run here, and what to do where it cannot.

mod clock;
mod database;
mod folder;
mod kernel;
mod running;
mod sealed;

use std::path::PathBuf;

use serde::Serialize;
use url::Url;

use super::remote::{Remote, parse_server};
use super::table::clean;
use super::{CliError, Session};

/// Options of `gloveport doctor`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  gloveport doctor
  gloveport doctor --data /var/lib/gloveport --server https://tools.example.com --key-file admin.key

A host that is named by --server or GLOVEPORT_SERVER has to answer; the default one need not run.
Exit codes: 0 nothing failed (there may be warnings), 1 something failed.")]
pub(super) struct Args {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Address of the running host; http://127.0.0.1:7070 is tried if left out.
    #[arg(long, value_name = "URL", env = "GLOVEPORT_SERVER", value_parser = parse_server)]
    server: Option<Url>,
    /// File that holds an admin key, to look at installed connectors; without it the key comes from GLOVEPORT_KEY.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Check],
}

/// Runs `gloveport doctor`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let watch = clock::Watch::start();
    let mut checks = folder::checks(&args.data);
    checks.push(database::check(&args.data, args.database.as_deref()).await);
    if checks.iter().all(|check| check.name != "database" || check.status == Status::Ok) {
        checks.extend(sealed::check(&args.data, args.database.as_deref()).await);
    }
    checks.extend(kernel::checks(&kernel::Facts::read()));
    let is_named = args.server.is_some();
    let server = match args.server {
        Some(server) => server,
        None => parse_server("http://127.0.0.1:7070").map_err(CliError::Usage)?,
    };
    let client = Remote { server, key_file: args.key_file, json: args.json }.client(session)?;
    checks.extend(running::checks(&client, is_named).await);
    checks.push(watch.check());
    report(&checks, args.json, session)
}

fn report(checks: &[Check], json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let failed = count(Status::Fail);
    if json {
        let report = Report { ok: failed == 0, checks };
        let text = serde_json::to_string(&report).map_err(|error| CliError::Failed(error.to_string()))?;
        writeln!(session.out, "{text}")?;
    } else {
        for check in checks {
            writeln!(session.out, "{}  {:<14}  {}", check.status.as_str(), check.name, clean(&check.detail))?;
            if !check.advice.is_empty() {
                writeln!(session.out, "{:22}→ {}", "", clean(&check.advice))?;
            }
        }
        writeln!(session.out, "{} ok, {} to look at, {failed} failed", count(Status::Ok), count(Status::Warn))?;
    }
    if failed == 0 { Ok(()) } else { Err(CliError::Failed(format!("{failed} of {} checks failed", checks.len()))) }
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), advice: String::new() }
    }

    fn warn(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into(), advice: advice.into() }
    }

    fn fail(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into(), advice: advice.into() }
    }
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok  ",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::cli::testing::{Fake, run_args_at, run_offline};

    fn list(status: &str) -> String {
        format!(r#"{{"items": [{{"name": "github", "status": "{status}", "tools": [{{}}]}}], "next_cursor": null}}"#)
    }

    /// The statuses of the checks named, of a doctor who looks at a fresh folder and at `fake`.
    async fn examine(fake: &Fake) -> (u8, Vec<(String, String)>) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let ran = run_args_at(fake, &["doctor", "--json", "--data", data.to_str().expect("text")], "").await;
        let report: Value = serde_json::from_str(&ran.out).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let checks = report["checks"].as_array().expect("a list");
        let found = checks.iter().map(|check| (text(&check["name"]), text(&check["status"])));
        let found: Vec<_> = found.filter(|(name, _)| ["host", "connectors"].contains(&name.as_str())).collect();
        assert_eq!(report["ok"] == true, ran.code == 0, "{}", ran.out);
        (ran.code, found)
    }

    fn statuses(host: &str, connectors: &str) -> Vec<(String, String)> {
        vec![("host".into(), host.into()), ("connectors".into(), connectors.into())]
    }

    #[tokio::test]
    async fn a_host_is_examined_with_its_connectors() {
        let ready = (200, "ok".to_owned());
        let fake = Fake::with([ready.clone(), (200, list("ready"))]).await;
        assert_eq!(examine(&fake).await.1, statuses("ok", "ok"));
        let targets: Vec<_> = fake.requests().iter().map(|request| request.target.clone()).collect();
        assert_eq!(targets, ["/readyz", "/v1/connectors?limit=200"]);

        let fake = Fake::with([ready.clone(), (200, list("incompatible"))]).await;
        assert_eq!(examine(&fake).await, (1, statuses("ok", "fail")));
        let fake = Fake::with([(503, String::new()), (200, list("ready"))]).await;
        assert_eq!(examine(&fake).await, (1, statuses("fail", "ok")));
        let fake = Fake::with([ready.clone(), (500, String::new())]).await;
        assert_eq!(examine(&fake).await, (1, statuses("ok", "fail")));
        let refused = r#"{"title": "No key", "status": 401, "code": "unauthenticated"}"#;
        let fake = Fake::with([ready, (401, refused.to_owned())]).await;
        assert_eq!(examine(&fake).await.1, statuses("ok", "warn"));
    }

    #[tokio::test]
    async fn a_named_host_that_is_not_there_is_a_failure_with_advice() {
        let ran = run_offline("doctor --data /nonexistent/data --server http://127.0.0.1:1", "").await;
        assert_eq!(ran.code, 1);
        assert!(ran.out.contains("FAIL  host "), "{}", ran.out);
        assert!(ran.out.contains("start it, or correct --server"), "{}", ran.out);
        assert!(ran.err.contains("checks failed"), "{}", ran.err);
    }
}

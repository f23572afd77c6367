//! `gloveport demo` from the built program: what a person sees, and that nothing of it stays behind (point 9).

use std::path::Path;
use std::process::Stdio;

use gloveport_tests::host::Client;
use gloveport_tests::programs;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

fn demo(scratch: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(programs::gloveport());
    command.arg("demo").args(arguments).env("TMPDIR", scratch).current_dir(scratch).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn nothing_is_left_in(scratch: &TempDir) {
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Side by side what the provider received and what the caller got, and a table of who held the credential.
#[tokio::test]
async fn the_demo_shows_who_held_the_credential() {
    let scratch = TempDir::new().unwrap();
    // The connectors lie beside the program's folder, where the demo looks by itself.
    let ran = demo(scratch.path(), &[]).output().await.unwrap();
    let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert_eq!((ran.status.code(), err.as_str()), (Some(0), ""), "{out}");
    for tool in ["github_user_get", "github_issues_create", "stripe_customers_list", "stripe_refund_create"] {
        assert!(out.contains(&format!("== {tool} ")), "{tool}:\n{out}");
    }
    let side = |line: &str| line.starts_with("authorization: Bearer cnry_") && line.contains(" | ");
    assert_eq!(out.lines().filter(|line| side(line)).count(), 5, "each call as its provider received it:\n{out}");
    assert!(out.contains("waiting for a person (appr_") && out.contains("approved: it left once"), "{out}");
    for (who, held) in [
        ("GitHub (the upstream)", "PRESENT"),
        ("Stripe (the upstream)", "PRESENT"),
        ("the shop (the upstream)", "PRESENT"),
        ("the caller", "absent"),
        ("the log", "absent"),
        ("the database and its log", "absent"),
        ("other files of the host", "absent"),
        ("guest memory", "absent"),
    ] {
        let row = out.lines().find(|line| line.starts_with(who)).unwrap_or_default();
        assert_eq!(row[who.len()..].split_whitespace().next(), Some(held), "{who}:\n{out}");
    }
    assert!(!out.contains("<- wrong"), "{out}");
    // HA-03: an API of one's own, by its document.
    assert!(out.contains("shop: imported from http://127.0.0.1:") && out.contains("== shop_list_orders "), "{out}");
    // A user's consent, as a browser goes through it; the token that comes of it is searched for like the rest.
    assert!(out.contains("connects an account of the shop by consent") && out.contains("/login/authorize?"), "{out}");
    assert!(out.contains("the page says                    Your account is connected"), "{out}");
    // AK-901: an agent's endpoint, and at the very end what to paste into it.
    assert!(out.contains("== github_user_get by MCP (2026-07-28), at a URL of ada's that offers "), "{out}");
    let last = out.trim_end().rsplit('\n').next().unwrap_or_default();
    assert!(last.trim().starts_with("claude mcp add --transport http gloveport-desk"), "{out}");
    // KO-23: the same call in demo mode reaches nobody.
    assert!(out.contains("in demo mode, as a user without a credential"), "{out}");
    assert!(out.contains("simulated from the output schema (0 requests arrived anywhere)"), "{out}");
    // The audit chain is verified last, and tells who approved what waited.
    let (_, audit) = out.split_once("the audit chain, read from the database itself").unwrap_or_default();
    let actions: Vec<_> = audit.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let told = ["execution.started", "execution.waiting", "execution.started", "execution.succeeded"];
    assert!(actions.windows(4).any(|rows| rows == told), "{out}");
    let approved: Vec<_> = audit.lines().filter(|line| line.contains("execution.")).collect();
    let approvers = approved.iter().filter(|line| line.trim_end().rsplit(' ').next() != Some("-")).count();
    assert_eq!(approvers, 1, "{out}");
    assert!(audit.contains("each hashed with the one before it: unbroken; head "), "{out}");
    nothing_is_left_in(&scratch);
}

/// With `--keep`, the printed lines work until an interrupt, which is a good end.
#[tokio::test]
async fn a_kept_demo_answers_until_it_is_interrupted() {
    let scratch = TempDir::new().unwrap();
    let mut running = demo(scratch.path(), &["--keep"]).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let (mut tools, mut pasted) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        match line {
            line if line.contains("/v1/tools?identifier=") => tools = line,
            // The last line: all of it is there.
            line if line.contains("claude mcp add") => {
                pasted = line;
                break;
            }
            _ => {}
        }
    }
    let (key, rest) = tools.split_once("Bearer ").and_then(|(_, rest)| rest.split_once('\'')).unwrap();
    let (base, path) = rest.trim_matches([' ', '\'']).split_once("/v1").unwrap();
    let client = Client::new(base, key);
    let listed = client.get(&format!("/v1{path}")).await.expect(200);
    let named = |name: &str| listed["items"].as_array().unwrap().iter().any(|tool| tool["name"] == name);
    assert!(named("github_issues_create") && named("stripe_refund_create"), "{listed}");
    assert!(!named("probe_scan_memory"), "what searched the guest's memory is gone: {listed}");
    let input = json!({ "owner": "acme", "repo": "widgets", "title": "By hand" });
    let body = json!({ "identifier": "ada", "input": input });
    client.post("/v1/tools/github_issues_create/execute", &body).await.expect(200);
    assert_eq!(Client::new(base, "").get("/v1/tools").await.problem(401), "unauthenticated");
    let endpoint = pasted.split_whitespace().last().unwrap().trim_matches('\'');
    let endpoint = endpoint.strip_prefix(base).unwrap();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let listed = Client::new(base, "").send("POST", endpoint, &headers, list).await.expect(200);
    assert!(listed["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()), "{listed}");
    let interrupt = format!("kill -INT {}", running.id().unwrap());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().await.unwrap().success());
    assert_eq!(running.wait().await.unwrap().code(), Some(0));
    nothing_is_left_in(&scratch);
}

/// Without its connectors the demo says where it looked and what to run; one that is no connector is told as such.
#[tokio::test]
async fn a_demo_without_connectors_says_what_to_do() {
    let (scratch, empty, broken) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    for name in ["github.wasm", "stripe.wasm"] {
        std::fs::write(broken.path().join(name), "not wasm").unwrap();
    }
    for (folder, said) in [
        (empty.path(), ["cargo xtask plugins", "--connectors", empty.path().to_str().unwrap()].as_slice()),
        (broken.path(), &["not a connector"]),
    ] {
        let ran = demo(scratch.path(), &["--connectors", folder.to_str().unwrap()]).output().await.unwrap();
        let err = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{err}");
        assert!(said.iter().all(|part| err.contains(part)), "{err}");
        nothing_is_left_in(&scratch);
    }
}

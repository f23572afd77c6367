//! AK-310: an administrator authorizes an account in a browser of their own machine, and confirms it by their key.

use std::process::Stdio;

use gloveport::config::WrittenConnect;
use gloveport_tests::host::{ADMIN_KEY, Answer, Client};
use gloveport_tests::programs;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use url::{Position, Url};

use super::stage::{Stage, with_parameters};
use super::visitor::{Visitor, text};

/// A command that waits for a browser.
struct Waiting {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Waiting {
    /// One for this user, and the link that it shows.
    async fn start(stage: &Stage, identifier: &str) -> (Self, String) {
        let mut process = Command::new(programs::gloveport())
            .args(["account", "authorize", "crm", identifier, "--here"])
            .env("GLOVEPORT_SERVER", stage.bed.client().base())
            .env("GLOVEPORT_KEY", ADMIN_KEY)
            .current_dir(stage.bed.host.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let link = lines.next_line().await.unwrap().unwrap();
        (Self { process, lines }, link)
    }

    /// How it ends, and what it says then.
    async fn end(mut self) -> (Option<i32>, String) {
        assert_eq!(self.lines.next_line().await.unwrap(), None, "the link is all that it writes");
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (self.process.wait().await.unwrap().code(), said)
    }
}

async fn stage() -> Stage {
    // Where every authorization has to be confirmed, and no application is there to do it.
    let connect = WrittenConnect {
        verify_origins: Some(vec!["https://app.example.com".into()]),
        require_verification: Some(true),
        ..WrittenConnect::default()
    };
    Stage::with(connect, |_| {}).await
}

/// What a browser gets there that has never been anywhere.
async fn browse(url: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    Client::new(&url[..Position::BeforePath], "").get(&url[Position::BeforePath..]).await
}

/// Through the provider and back to the command: where it is.
async fn at_the_command(stage: &Stage, visitor: &Visitor, link: &str) -> String {
    let url = stage.begin_at(visitor, link, &[]).await;
    let answer = visitor.open(&stage.consent(&url)).await;
    assert_eq!(answer.status, 303, "{}", text(&answer));
    let command = answer.header("location").unwrap().to_owned();
    assert!(command.starts_with("http://127.0.0.1:"), "{command}");
    assert_eq!(stage.ada().await["status"], "pending");
    command
}

#[tokio::test]
async fn an_administrator_confirms_in_a_browser_of_their_own() {
    let stage = stage().await;
    let (waiting, link) = Waiting::start(&stage, "ada").await;
    let ada = Visitor::new(&stage.bed);
    let command = at_the_command(&stage, &ada, &link).await;
    // Whoever finds the address knows neither the state nor the attempt.
    for changed in [
        with_parameters(&command, &[("state", Some("guessed"))]),
        with_parameters(&command, &[("state", None)]),
        with_parameters(&command, &[("auth_request_id", Some("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"))]),
    ] {
        let refused = browse(&changed).await;
        assert!([400, 404].contains(&refused.status), "{changed}: {refused:?}");
    }
    assert_eq!(stage.ada().await["status"], "pending");
    let confirmed = browse(&command).await;
    assert_eq!((confirmed.status, stage.ada().await["status"].as_str()), (303, Some("active")));
    let (code, said) = waiting.end().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("Connected.\n"), "{said}");
    let end = ada.open(confirmed.header("location").unwrap()).await;
    assert!(text(&end).contains("is connected"), "{}", text(&end));
}

/// What the host refuses is told to the browser and by the command; a form has nobody to be confirmed.
#[tokio::test]
async fn what_is_refused_is_told_at_both_ends() {
    let stage = stage().await;
    let (waiting, link) = Waiting::start(&stage, "ada").await;
    let command = at_the_command(&stage, &Visitor::new(&stage.bed), &link).await;
    stage.bed.client().delete("/v1/connections/crm/accounts/ada").await;
    let refused = browse(&command).await;
    assert_eq!(refused.status, 409);
    assert!(String::from_utf8_lossy(&refused.body).starts_with("Nothing was connected: "), "{refused:?}");
    let (code, said) = waiting.end().await;
    assert_eq!(code, Some(1), "{said}");
    let form = super::super::cli::run(&stage.bed.host, &["account", "authorize", "probe", "ada", "--here"], "").await;
    assert_eq!(form.code, Some(2), "{}", form.err);
    assert!(form.err.contains("leave out --here"), "{}", form.err);
}

/// An address of the machine itself is for administrators: whoever makes links for others has an application.
#[tokio::test]
async fn agents_name_applications_only() {
    let stage = stage().await;
    let made = stage.bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": ["accounts:write"] })).await;
    let agent = Client::new(stage.bed.client().base(), made.expect(201)["key"].as_str().unwrap());
    let path = "/v1/connections/crm/accounts/ada/authorize";
    let body = |url: &str| json!({ "user_verify_url": url });
    agent.post(path, &body("https://app.example.com/verify")).await.expect(201);
    assert_eq!(agent.post(path, &body("http://127.0.0.1:9/")).await.problem(422), "invalid_input");
    stage.bed.client().post(path, &body("http://127.0.0.1:9/")).await.expect(201);
    stage.bed.client().post(path, &body("http://[::1]:9/")).await.expect(201);
    for url in [
        "https://127.0.0.1:9/",
        "http://localhost:9/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
    ] {
        assert_eq!(stage.bed.client().post(path, &body(url)).await.problem(422), "invalid_input", "{url}");
    }
}

//! Lesson 1: every way to cause a call, against everything that can come of one. The same code on each, and the upstream
//! saw what it should, or nothing (KO-07). A new `model::Surface` does not compile until it has its rows here.

mod clients;
mod ways;

use std::num::NonZeroU32;

use gloveport::config::{Database, NeighbourLimits};
use gloveport::model::{By, Clock, ProjectId, Random, Surface};
use gloveport::store::{AccountFilter, PageRequest, Store};
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::imitation::{GitHub, User};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::documented::Document;
use super::postgres::beside;
use ways::{MCP, Way, entrance, rows};

/// What a call comes to, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Allowed,
    Denied,
    Asked,
    NotConnected,
    AccountDisabled,
    ConnectionDisabled,
    MissingScope,
    RateLimited,
    NoSuchTool,
    BadInput,
}

const CASES: [Case; 10] = [
    Case::Allowed,
    Case::Denied,
    Case::Asked,
    Case::NotConnected,
    Case::AccountDisabled,
    Case::ConnectionDisabled,
    Case::MissingScope,
    Case::RateLimited,
    Case::NoSuchTool,
    Case::BadInput,
];

impl Case {
    /// The code, or how the call stands.
    fn expected(self) -> &'static str {
        match self {
            Self::Allowed => "succeeded",
            Self::Asked => "waiting",
            Self::Denied => "denied_by_policy",
            Self::NotConnected => "account_not_connected",
            Self::AccountDisabled | Self::ConnectionDisabled => "account_disabled",
            Self::MissingScope => "missing_scopes",
            Self::RateLimited => "rate_limited",
            Self::NoSuchTool => "not_found",
            Self::BadInput => "invalid_input",
        }
    }

    fn user(self) -> &'static str {
        if self == Self::NotConnected { "eve" } else { "ada" }
    }

    fn tool(self) -> &'static str {
        if self == Self::NoSuchTool { "github_issues_burn" } else { "github_issues_create" }
    }

    fn input(self) -> Value {
        let title = if self == Self::BadInput { json!(7) } else { json!("one") };
        json!({ "owner": "acme", "repo": "widgets", "title": title })
    }
}

/// A host with GitHub and the relay, and Ada on both; Eve is on the relay only.
struct Table {
    host: TestHost,
    github: GitHub,
    agent: Client,
    database: Option<String>,
}

impl Table {
    async fn start(case: Case) -> Option<Self> {
        // Scopes are the provider's to tell, and no pattern of now asks for them: the test writes them into the database,
        // which has to be one that the host does not keep in memory.
        let database = if case == Case::MissingScope { Some(postgres::new_database()?) } else { None };
        let limits = match case {
            Case::RateLimited => {
                NeighbourLimits { calls_per_minute_per_connection: NonZeroU32::new(1), ..NeighbourLimits::NONE }
            }
            _ => NeighbourLimits::NONE,
        };
        let setup = match &database {
            Some(database) => beside(database),
            None => Setup::usual(),
        };
        let host = TestHost::with(Setup { limits, ..setup }).await;
        let canary = host.plant();
        let github = GitHub::start(vec![User::new("ada", canary.token())]).await;
        host.install("github").await;
        host.connection("github", &github.upstream().url("")).await;
        let proxied = json!({ "proxy_enabled": true }).to_string();
        let headers = [("content-type", "application/json")];
        host.client().send("PATCH", "/v1/connections/github", &headers, proxied).await.expect(200);
        host.account("github", "ada", &json!({ "token": canary.token() })).await.expect(201);
        host.install("relay").await;
        let relay = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
        host.client().post("/v1/connections", &relay).await.expect(201);
        for user in ["ada", "eve"] {
            host.account("relay", user, &json!({})).await.expect(201);
        }
        let agent = host.caller("agent", "agent").await;
        Some(Self { host, github, agent, database })
    }

    /// Makes the case be so.
    async fn set(&self, case: Case) {
        let admin = self.host.client();
        let policy = async |outcome: Value| {
            let condition = format!("tool in ['{}', 'github_proxy_write']", case.tool());
            let body = json!({ "name": "matrix", "condition": condition, "outcome": outcome });
            admin.post("/v1/policies", &body).await.expect(201);
        };
        match case {
            Case::Allowed | Case::NotConnected | Case::NoSuchTool | Case::BadInput => {}
            Case::Denied => policy(json!({ "outcome": "deny", "reason": "not today" })).await,
            Case::Asked => policy(json!({ "outcome": "ask" })).await,
            Case::AccountDisabled => {
                let path = "/v1/connections/github/accounts/ada/disable";
                admin.post(path, &json!({})).await.expect(200);
            }
            Case::ConnectionDisabled => {
                let headers = [("content-type", "application/json")];
                let body = json!({ "disabled": true }).to_string();
                admin.send("PATCH", "/v1/connections/github", &headers, body).await.expect(200);
            }
            Case::MissingScope => self.lose_scopes().await,
            Case::RateLimited => {
                let body = json!({ "identifier": "ada", "input": {} });
                self.agent.post("/v1/tools/github_user_get/execute", &body).await.expect(200);
            }
        }
    }

    /// Lets the provider have granted another scope than the tool needs.
    async fn lose_scopes(&self) {
        let url = self.database.clone().unwrap();
        let store = Store::open(&Database::Postgres(url)).await.unwrap();
        let clock = Clock::system();
        let project: ProjectId = store.default_project(&clock, &Random::system()).await.unwrap();
        let filter = AccountFilter { identifier: Some("ada".into()), ..AccountFilter::default() };
        let accounts = store.list_accounts(&project, &filter, &PageRequest::first()).await.unwrap().items;
        for (_, mut account) in accounts {
            let sealed = store.credential(&project, &account.id).await.unwrap().unwrap().sealed;
            account.scopes = vec!["user:email".into()];
            store.put_account(&By::host(clock.now()), &account, &sealed).await.unwrap();
        }
    }

    fn sent(&self) -> usize {
        self.github.upstream().requests().iter().filter(|request| request.method == "POST").count()
    }

    /// Causes the call; gives its code or how it stands.
    async fn cause(&self, way: Way, case: Case) -> String {
        let body = json!({ "identifier": case.user(), "input": case.input() });
        let path = format!("/v1/tools/{}/execute", case.tool());
        let json_type = ("content-type", "application/json");
        match way {
            Way::Execute => of(&self.agent.post(&path, &body).await.json()),
            Way::Proxied => {
                let path = if case == Case::BadInput { "issues" } else { "/repos/acme/widgets/issues" };
                let body = json!({ "connection": "github", "identifier": case.user(), "method": "POST", "path": path,
                    "body": { "title": "one" } });
                let answer = self.agent.post("/v1/proxy", &body).await.json();
                if answer["status"] == 201 { "succeeded".into() } else { of(&answer) }
            }
            Way::Tried => {
                let path = format!("/v1/connectors/github/test/{}", case.tool());
                of(&self.host.client().post(&path, &body).await.json())
            }
            Way::Native => {
                let call = json!({ "type": "tool_use", "id": "toolu_1", "name": case.tool(), "input": case.input() });
                let body = json!({ "identifier": case.user(), "tool_call": call });
                let answer = self.agent.post(&path, &body).await.json();
                assert_eq!(answer["tool_result"]["tool_use_id"], "toolu_1", "{answer}");
                assert_eq!(answer["tool_result"]["is_error"] == true, answer["code"].is_string(), "{answer}");
                of(&answer)
            }
            Way::Batch => {
                let call = json!({ "identifier": case.user(), "tool": case.tool(), "input": case.input() });
                let answer = self.agent.post("/v1/tools/execute-batch", &json!({ "calls": [call] })).await.expect(200);
                let outcome = answer["outcomes"][0].as_object().unwrap();
                of(outcome.values().find(|value| value.is_object()).unwrap())
            }
            Way::Keyed => {
                let headers = [json_type, ("idempotency-key", "matrix")];
                let mut told = Vec::new();
                for _ in 0..2 {
                    told.push(of(&self.agent.send("POST", &path, &headers, body.to_string()).await.json()));
                }
                // Asked twice, answered once: what was refused before it began may be refused for the same reason again.
                assert_eq!(told[0], told[1], "{case:?}");
                told.swap_remove(0)
            }
            Way::Background => {
                let headers = [json_type, ("prefer", "respond-async")];
                let answer = self.agent.send("POST", &path, &headers, body.to_string()).await.json();
                match answer["status"].as_str() {
                    Some("started") => of(&self.ended(&answer["execution_id"]).await),
                    _ => of(&answer),
                }
            }
            Way::Mcp
            | Way::McpLegacy
            | Way::McpByKey
            | Way::McpByToken
            | Way::McpBridged
            | Way::McpSearched
            | Way::McpSearchedLegacy => self.by_mcp(way, case).await,
            Way::McpPrompt | Way::McpResource => self.by_offer(way, case).await,
            Way::Inner => {
                let call = json!({ "tool": case.tool(), "input": case.input() });
                let body = json!({ "identifier": case.user(), "input": call });
                let answer = self.agent.post("/v1/tools/relay_call/execute", &body).await.json();
                match case {
                    // What the outer connector wrote wrong is its own mistake; the inner call's code goes no further than this.
                    Case::BadInput if answer["code"] == "guest_error" => Case::BadInput.expected().to_owned(),
                    _ => of(&answer),
                }
            }
            Way::Approved | Way::Continued => self.resumed(way, case).await,
        }
    }

    /// Lets a call wait while all is well, makes the case be so, and approves it.
    async fn resumed(&self, way: Way, case: Case) -> String {
        let admin = self.host.client();
        let ask =
            json!({ "name": "ask", "condition": "tool == 'github_issues_create'", "outcome": { "outcome": "ask" } });
        let rule = admin.post("/v1/policies", &ask).await.expect(201);
        let body = json!({ "identifier": "ada", "input": case.input() });
        let waiting = self.agent.post("/v1/tools/github_issues_create/execute", &body).await.expect(202);
        admin.delete(&format!("/v1/policies/{}", rule["id"].as_str().unwrap())).await.expect(204);
        match case {
            Case::NotConnected => {
                admin.delete("/v1/connections/github/accounts/ada").await.expect(204);
            }
            case => self.set(case).await,
        }
        let (execution, approval) = (&waiting["execution_id"], waiting["approval_id"].as_str().unwrap());
        match way {
            Way::Continued => {
                let path = format!("/v1/executions/{}/continue", execution.as_str().unwrap());
                admin.post(&path, &json!({ "decision": "approve" })).await.expect(202);
            }
            _ => {
                admin.post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await.expect(200);
            }
        }
        let ended = self.ended(execution).await;
        match case {
            // The account that the call was to go through is named by its id, and is not there any more.
            Case::NotConnected if ended["code"] == "not_found" => case.expected().to_owned(),
            _ => of(&ended),
        }
    }

    async fn ended(&self, execution: &Value) -> Value {
        let path = format!("/v1/executions/{}?wait_ms=30000", execution.as_str().unwrap());
        self.agent.get(&path).await.expect(200)
    }
}

fn of(answer: &Value) -> String {
    answer["code"].as_str().or(answer["status"].as_str()).unwrap().to_owned()
}

/// Whether a case can come to a surface at all.
fn applies(way: Way, case: Case) -> bool {
    match (way, case) {
        // What somebody writes says nothing of scopes, and names no tool.
        (Way::Proxied, Case::MissingScope | Case::NoSuchTool) => false,
        // A call that is approved was asked for before, was counted then, and named a tool with an input that fits.
        (Way::Approved | Way::Continued, Case::Asked | Case::RateLimited | Case::NoSuchTool | Case::BadInput) => false,
        (
            Way::Execute
            | Way::Native
            | Way::Batch
            | Way::Mcp
            | Way::McpLegacy
            | Way::McpByKey
            | Way::McpByToken
            | Way::McpBridged
            | Way::McpSearched
            | Way::McpSearchedLegacy
            | Way::McpPrompt
            | Way::McpResource
            | Way::Background
            | Way::Keyed
            | Way::Proxied
            | Way::Tried
            | Way::Inner
            | Way::Approved
            | Way::Continued,
            _,
        ) => true,
    }
}

#[tokio::test]
async fn every_surface_meets_every_rule() {
    let all: Vec<Way> = Surface::ALL.iter().flat_map(|&surface| rows(surface)).copied().collect();
    let host = TestHost::start().await;
    let mut entered = MCP.to_vec();
    for operation in Document::of(host.client()).await.operations() {
        let route = format!("{} {}", operation.method, operation.path);
        let changes = route.starts_with("POST ") || route.starts_with("PUT ");
        let found = if changes { entrance(&route) } else { Some(&[][..]) };
        entered.extend(found.unwrap_or_else(|| panic!("{route}: can it cause a call? Say so in this test")));
    }
    drop(host);
    for way in &entered {
        assert!(all.contains(way), "{way:?} is an entrance to no surface");
    }
    for &way in &all {
        assert!(entered.contains(&way), "no route is an entrance to {way:?}");
        for case in CASES {
            meets(way, case).await;
        }
    }
}

async fn meets(way: Way, case: Case) {
    if !applies(way, case) {
        return;
    }
    let Some(table) = Table::start(case).await else { return };
    if !matches!(way, Way::Approved | Way::Continued) {
        table.set(case).await;
    }
    let before = table.sent();
    assert_eq!(table.cause(way, case).await, case.expected(), "{way:?} {case:?}");
    let sent = usize::from(case == Case::Allowed);
    assert_eq!(table.sent() - before, sent, "{way:?} {case:?}: what the upstream saw");
}

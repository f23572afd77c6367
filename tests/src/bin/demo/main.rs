//! `cargo xtask demo`: sealed calls from end to end, and what each party held of the credential.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's output is its purpose")]

use std::process::ExitCode;

use gloveport_tests::canary::Canary;
use gloveport_tests::demo::{Party, received, side_by_side, who_saw};
use gloveport_tests::host::{ADMIN_KEY, TestHost};
use gloveport_tests::imitation::{GitHub, Stripe, User};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

/// The user for whom the tools run.
const USER: &str = "ada";

/// The calls that are shown: connector, tool, input. The first of each connector reads, the second writes.
fn calls() -> [(&'static str, &'static str, Value); 4] {
    let issue = json!({ "owner": "acme", "repo": "widgets", "title": "Made in a sealed cabinet" });
    [
        ("github", "github_user_get", json!({})),
        ("github", "github_issues_create", issue),
        ("stripe", "stripe_customers_list", json!({ "limit": 2 })),
        ("stripe", "stripe_refund_create", json!({ "charge": "ch_1", "amount": 500 })),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    let keep = std::env::args().any(|argument| argument == "--keep");
    match demo(keep).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(keep: bool) -> Result<(), String> {
    let host = TestHost::start().await;
    let canary = host.plant();
    let user = || vec![User::new(USER, canary.token())];
    let (github, stripe) = (GitHub::start(user()).await, Stripe::start(user()).await);
    println!("the host listens on {}\n", host.client().base());
    connect(&host, "github", github.upstream(), &canary).await?;
    connect(&host, "stripe", stripe.upstream(), &canary).await?;
    for (connector, tool, input) in calls() {
        let upstream = if connector == "github" { github.upstream() } else { stripe.upstream() };
        show(&host, upstream, tool, &input).await?;
    }
    let echo = Upstream::start(|request| Reply::json(200, &json!({ "seen": request.target }))).await;
    guest_memory(&host, &echo, &canary).await?;
    let verdict = who_saw(&canary, &parties(&host, &[("GitHub", github.upstream()), ("Stripe", stripe.upstream())]));
    println!("{}", verdict.table);
    if !verdict.sealed {
        return Err("the credential is where it must not be, or did not arrive".into());
    }
    if keep {
        println!("{}", to_try(host.client().base()));
        tokio::signal::ctrl_c().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Installs a connector, and connects the user with the credential in whatever field its pattern asks for.
async fn connect(host: &TestHost, connector: &str, upstream: &Upstream, canary: &Canary) -> Result<(), String> {
    let installed = host.install(connector).await;
    let field = installed["auth"][0]["fields"][0]["name"].as_str().ok_or("the connector asks for no credential")?;
    host.connection(connector, &upstream.url("")).await;
    let account = host.account(connector, USER, &json!({ field: canary.token() })).await;
    if account.status >= 300 {
        return Err(format!("{connector}: {}", String::from_utf8_lossy(&account.body)));
    }
    let tools = installed["tools"].as_array().map_or(0, Vec::len);
    println!("{connector}: installed with {tools} tools, {USER} is connected");
    Ok(())
}

/// Calls a tool, and shows its request and its answer beside each other.
async fn show(host: &TestHost, upstream: &Upstream, tool: &str, input: &Value) -> Result<(), String> {
    let answer = host.execute(tool, USER, input).await;
    let last = upstream.requests().pop().ok_or("nothing arrived at the upstream")?;
    let body = serde_json::to_string_pretty(&answer.json()).map_err(|error| error.to_string())?;
    println!("\n== {tool} {input}\n");
    println!("{}", side_by_side(("what the provider received", &received(&last)), ("what the caller got", &body)));
    if answer.status == 200 { Ok(()) } else { Err(format!("{tool} answered {}", answer.status)) }
}

/// The upstreams, and everybody who must not hold the credential.
fn parties(host: &TestHost, upstreams: &[(&str, &Upstream)]) -> Vec<Party> {
    let mut parties: Vec<_> = upstreams
        .iter()
        .map(|(name, upstream)| {
            let requests = upstream.requests().into_iter().enumerate();
            let held = requests.map(|(n, request)| (format!("request {}", n + 1), request.wire().into_bytes()));
            Party { name: format!("{name} (the upstream)"), held: held.collect(), entitled: true }
        })
        .collect();
    let traces = host.traces();
    for (name, begins) in [("the caller", "the answer to"), ("the log", "the log"), ("guest memory", "guest memory")] {
        let held = traces.iter().filter(|(label, _)| label.starts_with(begins)).cloned().collect();
        parties.push(Party { name: name.into(), held, entitled: false });
    }
    let files = traces.into_iter().filter(|(label, _)| label.starts_with('/'));
    let (database, other): (Vec<_>, Vec<_>) = files.partition(|(label, _)| label.contains(".db"));
    parties.push(Party { name: "the database and its log".into(), held: database, entitled: false });
    parties.push(Party { name: "other files of the host".into(), held: other, entitled: false });
    parties
}

/// Lets a guest look for the credential in its own memory, after a request of it was sent with the credential. What it
/// answers is searched as everything else: a find would be told as the credential itself.
async fn guest_memory(host: &TestHost, upstream: &Upstream, canary: &Canary) -> Result<(), String> {
    /// Hides the needle from the search for itself.
    const MASK: u8 = 0x5a;
    host.install("probe").await;
    let connection = json!({
        "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url(""),
    });
    host.client().post("/v1/connections", &connection).await.expect(201);
    host.account("probe", USER, &json!({ "token": canary.token() })).await.expect(201);
    let masked: Vec<u8> = canary.token().bytes().map(|byte| byte ^ MASK).collect();
    let request = json!({ "method": "GET", "target": "/whoami" });
    let input = json!({ "masked": masked, "mask": MASK, "request": request });
    let answer = host.execute("probe_scan_memory", USER, &input).await.json();
    let (count, scanned) = (&answer["data"]["count"], &answer["data"]["scanned"]);
    let found = count.as_u64().ok_or_else(|| format!("the guest did not look: {answer}"))?;
    let held = if found == 0 { vec![0; scanned.as_u64().unwrap_or(0) as usize] } else { canary.token().into() };
    host.search_in("guest memory", held);
    Ok(())
}

fn to_try(base: &str) -> String {
    let [_, (_, tool, input), ..] = calls();
    let body = json!({ "identifier": USER, "input": input });
    format!(
        "Try it by hand, and end with Ctrl-C:\n\n  curl -H 'Authorization: Bearer {ADMIN_KEY}' {base}/v1/tools?identifier={USER}\n\
         \n  curl -H 'Authorization: Bearer {ADMIN_KEY}' -H 'Content-Type: application/json' \\\n    \
         -d '{body}' \\\n    {base}/v1/tools/{tool}/execute\n\
         \n  curl -H 'Authorization: Bearer {ADMIN_KEY}' {base}/v1/executions\n  curl {base}/openapi.json\n"
    )
}

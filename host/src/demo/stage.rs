//! The demo itself: connectors are installed, a user is connected, tools run, and every trace is searched.

use std::io::Write;
use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::DemoError;
use super::canary::Canary;
use super::host::DemoHost;
use super::imitation::{GitHub, Reply, Stripe, User};
use super::ledger;
use super::log::Log;
use super::own::{CONSENTED, GENERIC};
use super::places::{CONNECTORS, component};
use super::provider::Provider;
use super::show::{Party, received, side_by_side, who_saw};
use crate::cli::client::{Answer, Body, Client, Page};

/// The user for whom the tools run.
pub(super) const USER: &str = "ada";

/// The connection in demo mode.
const TRIAL: &str = "trial";

/// The user of it, who has no credential.
const NEWCOMER: &str = "grace";

/// The connector that looks for the credential in its own memory.
const PROBE: &str = "probe";

/// Who is invited to connect an account by hand.
pub(super) const GUEST: &str = "lin";

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

/// All that takes part.
pub(super) struct Stage<'a> {
    out: &'a mut dyn Write,
    folder: PathBuf,
    log: Log,
    canary: Canary,
    host: DemoHost,
    /// The operator.
    client: Client,
    /// Who calls tools; it can approve nothing.
    agent: Option<Client>,
    /// In the order of [`CONNECTORS`].
    providers: [Provider; 2],
    /// The API that was imported.
    pub(super) own: Option<Provider>,
    /// The execution that a person approved.
    approved: String,
    /// The user's URL for MCP clients.
    pub(super) endpoint: String,
    /// What the caller got: what it asked for, and all of the answer.
    answers: Vec<(String, Vec<u8>)>,
    /// What a guest found in its own memory; `None` as long as none has looked.
    guest_memory: Option<Vec<u8>>,
}

impl<'a> Stage<'a> {
    /// Starts the host and the imitated providers, which know one user by a fresh credential.
    pub(super) async fn open(folder: PathBuf, log: Log, out: &'a mut dyn Write) -> Result<Self, DemoError> {
        let canary = Canary::plain();
        let users = || vec![User::new(USER, canary.token())];
        let (mut github, mut stripe) = (GitHub::new(users()), Stripe::new(users()));
        let providers = [
            Provider::start("GitHub", move |request| github.answer(request)).await?,
            Provider::start("Stripe", move |request| stripe.answer(request)).await?,
        ];
        let host = DemoHost::start(component(&folder, GENERIC)).await?;
        writeln!(out, "the host listens on {}, with its data in {}\n", host.url(), host.data().display())?;
        let url = Url::parse(&host.url()).map_err(|error| DemoError::Unexpected(error.to_string()))?;
        let client = Client::new(url, Some(&host.key))?;
        let (agent, own, guest_memory) = (None, None, None);
        let (approved, endpoint, answers) = (String::new(), String::new(), Vec::new());
        Ok(Self {
            out,
            folder,
            log,
            canary,
            host,
            client,
            agent,
            providers,
            own,
            approved,
            endpoint,
            answers,
            guest_memory,
        })
    }

    /// Everything in order, up to the table of who held the credential.
    pub(super) async fn play(&mut self) -> Result<(), DemoError> {
        let key = self.send(Method::POST, &["v1", "keys"], &json!({ "role": "agent", "name": "agent" })).await?;
        self.agent = Some(self.client_of(&key)?);
        for (connector, at) in CONNECTORS.into_iter().zip(0..) {
            let url = self.providers[at].url();
            self.connect(connector, None, &url).await?;
        }
        for (connector, tool, input) in calls() {
            let provider = CONNECTORS.iter().position(|name| *name == connector).unwrap_or_default();
            self.show(provider, tool, &input).await?;
        }
        self.as_agent().await?;
        self.try_out().await?;
        if component(&self.folder, GENERIC).is_file() {
            self.import().await?;
        }
        if component(&self.folder, PROBE).is_file() {
            self.search_guest_memory().await?;
        }
        let verdict = who_saw(&self.canary, &self.parties());
        writeln!(self.out, "{}", verdict.table)?;
        if self.guest_memory.is_none() {
            let folder = self.folder.display();
            writeln!(self.out, "guest memory was not searched: {PROBE}.wasm, which does it, is not in {folder}\n")?;
        }
        self.out.flush()?;
        if !verdict.sealed {
            return Err(DemoError::NotSealed);
        }
        let rows = ledger::verified(self.host.database(), &self.approved).await?;
        writeln!(self.out, "the audit chain, read from the database itself, and the rows of the call that waited:\n")?;
        writeln!(self.out, "{rows}")?;
        Ok(self.out.flush()?)
    }

    /// Says how to go on by hand.
    pub(super) async fn invite(&mut self) -> Result<(), DemoError> {
        let link = self.link(CONNECTORS[0], GUEST).await?;
        writeln!(self.out, "As {GUEST}, connect an account in a browser (once, within 15 minutes):\n\n  {link}\n")?;
        if self.own.is_some() {
            let link = self.link(CONSENTED, GUEST).await?;
            writeln!(self.out, "The same by consent, at the shop:\n\n  {link}\n")?;
        }
        let (base, key) = (self.host.url(), &self.host.key);
        let [_, (_, tool, input), ..] = calls();
        let body = json!({ "identifier": USER, "input": input });
        writeln!(
            self.out,
            "Try it by hand, and end with Ctrl-C:\n\
             \n  curl -H 'Authorization: Bearer {key}' '{base}/v1/tools?identifier={USER}'\n\
             \n  curl -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n    \
             -d '{body}' \\\n    {base}/v1/tools/{tool}/execute\n\
             \n  curl -H 'Authorization: Bearer {key}' {base}/v1/executions\n  curl {base}/openapi.json\n"
        )?;
        Ok(self.out.flush()?)
    }

    /// Stops the host and takes its folder away.
    pub(super) async fn close(self) -> Result<(), DemoError> {
        self.host.stop().await
    }

    /// Installs a connector, and connects the user with the credential in whatever field its pattern asks for.
    async fn connect(&mut self, connector: &str, pattern: Option<&str>, url: &str) -> Result<(), DemoError> {
        let wasm = tokio::fs::read(component(&self.folder, connector)).await?;
        let length = wasm.len();
        let installed = self.client.upload(&["v1", "connectors"], &[], Body::from(wasm), length).await?;
        let installed = self.keep(&format!("installing {connector}"), installed);
        let patterns = installed["auth"].as_array().into_iter().flatten();
        let chosen = patterns.into_iter().find(|auth| pattern.is_none_or(|name| auth["name"] == name));
        let field = chosen.and_then(|auth| auth["fields"][0]["name"].as_str()).ok_or_else(|| {
            DemoError::Unexpected(format!("connector `{connector}` asks for no credential: build it again"))
        })?;
        let mut connection = json!({ "name": connector, "connector": connector, "base_url": url });
        if let Some(pattern) = pattern {
            connection["auth_pattern"] = pattern.into();
        }
        self.send(Method::POST, &["v1", "connections"], &connection).await?;
        let account = json!({ "credentials": { field: self.canary.token() } });
        self.send(Method::PUT, &["v1", "connections", connector, "accounts", USER], &account).await?;
        let tools = installed["tools"].as_array().map_or(0, Vec::len);
        if CONNECTORS.contains(&connector) {
            writeln!(self.out, "{connector}: installed with {tools} tools, {USER} is connected")?;
        }
        Ok(self.out.flush()?)
    }

    /// Calls a tool, and shows its request and its answer beside each other.
    async fn show(&mut self, provider: usize, tool: &str, input: &Value) -> Result<(), DemoError> {
        let mut answer = self.execute(tool, input).await?;
        if answer["status"] == "waiting" {
            answer = self.approve(provider, tool, input, &answer).await?;
        }
        let nothing = || DemoError::Unexpected(format!("{tool}: nothing arrived at the provider"));
        let last = self.providers[provider].requests().pop().ok_or_else(nothing)?;
        let body = format!("{answer:#}");
        writeln!(self.out, "\n== {tool} {input}\n")?;
        let sides = side_by_side(("what the provider received", &received(&last)), ("what the caller got", &body));
        writeln!(self.out, "{sides}")?;
        Ok(self.out.flush()?)
    }

    /// Shows the request that waits, and lets it leave: once, and as it was shown.
    async fn approve(
        &mut self,
        provider: usize,
        tool: &str,
        input: &Value,
        waiting: &Value,
    ) -> Result<Value, DemoError> {
        let id = |name: &str| waiting[name].as_str().unwrap_or_default().to_owned();
        let (approval, execution) = (id("approval_id"), id("execution_id"));
        let sent = self.providers[provider].requests().len();
        let answer = self.client.get(&["v1", "approvals", &approval], &[]).await?;
        let shown = self.keep("the approval", answer);
        let name = self.providers[provider].name;
        writeln!(self.out, "\n== {tool} {input}: asked by an agent, and waiting for a person ({})", id("approval_id"))?;
        writeln!(self.out, "\nwhat would leave for {name}, without the credential ({sent} requests so far):")?;
        writeln!(self.out, "{:#}", shown["request"])?;
        self.out.flush()?;
        self.send(Method::POST, &["v1", "approvals", &approval, "approve"], &json!({})).await?;
        let answer = self.client.get(&["v1", "executions", &execution], &[("wait_ms", Some("30000"))]).await?;
        let ended = self.keep("the approved call", answer);
        let arrived = self.providers[provider].requests().len() - sent;
        if ended["status"] != "succeeded" || arrived != 1 {
            let what = format!("{tool} was approved, and then {arrived} requests arrived: {ended}");
            return Err(DemoError::Unexpected(what));
        }
        writeln!(self.out, "approved: it left once")?;
        self.approved = execution;
        Ok(ended)
    }

    /// Calls a tool through a connection in demo mode, as a user who never gave a credential.
    async fn try_out(&mut self) -> Result<(), DemoError> {
        let [_, (connector, tool, input), ..] = calls();
        let connection = json!({ "name": TRIAL, "connector": connector, "demo": true });
        self.send(Method::POST, &["v1", "connections"], &connection).await?;
        self.send(Method::PUT, &["v1", "connections", TRIAL, "accounts", NEWCOMER], &json!({})).await?;
        let sent = self.providers[0].requests().len();
        let body = json!({ "identifier": NEWCOMER, "connection": TRIAL, "input": input });
        let caller = self.agent.as_ref().unwrap_or(&self.client);
        let answer = caller.send(Method::POST, &["v1", "tools", tool, "execute"], &[], &body).await?;
        let answer = self.keep("the call in demo mode", answer);
        let arrived = self.providers[0].requests().len() - sent;
        if answer["simulated"] != true || arrived > 0 {
            let what = format!("{tool} was to be simulated, and {arrived} requests arrived: {answer}");
            return Err(DemoError::Unexpected(what));
        }
        writeln!(self.out, "\n== {tool} {input}: the same in demo mode, as a user without a credential")?;
        writeln!(self.out, "\nsimulated from the output schema ({arrived} requests arrived anywhere):")?;
        writeln!(self.out, "{:#}\n", answer["data"])?;
        Ok(self.out.flush()?)
    }

    fn client_of(&self, key: &Value) -> Result<Client, DemoError> {
        let url = Url::parse(&self.host.url()).map_err(|error| DemoError::Unexpected(error.to_string()))?;
        Ok(Client::new(url, key["key"].as_str())?)
    }

    /// Lets a guest look for the credential in its own memory, after a request of it was sent with the credential.
    async fn search_guest_memory(&mut self) -> Result<(), DemoError> {
        /// Hides the needle from the search for itself.
        const MASK: u8 = 0x5a;
        let answer = |request: &super::recorded::Recorded| Reply::echo(&request.target);
        let echo = Provider::start("an echo", answer).await?;
        self.connect(PROBE, Some("bearer"), &echo.url()).await?;
        let masked: Vec<u8> = self.canary.token().bytes().map(|byte| byte ^ MASK).collect();
        let request = json!({ "method": "GET", "target": "/whoami" });
        let input = json!({ "masked": masked, "mask": MASK, "request": request });
        let answer = self.execute("probe_scan_memory", &input).await?;
        let arrived = echo.requests().iter().any(|request| self.canary.find(request.wire().as_bytes()).is_some());
        let (count, scanned) = (answer["data"]["count"].as_u64(), answer["data"]["scanned"].as_u64());
        let (Some(count), Some(scanned), true) = (count, scanned, arrived) else {
            return Err(DemoError::Unexpected(format!("the guest did not look into its memory: {answer}")));
        };
        // Its memory cannot leave it; a find is told as the credential itself, which the search then finds.
        let held = if count == 0 { vec![0; usize::try_from(scanned).unwrap_or_default()] } else { self.token().into() };
        self.guest_memory = Some(held);
        // Whoever goes on by hand finds the two connectors that are shown, and nothing hostile.
        self.remove(&["v1", "connections", PROBE, "accounts", USER]).await?;
        self.remove(&["v1", "connections", PROBE]).await?;
        self.remove(&["v1", "connectors", PROBE]).await
    }

    /// The providers, and everybody who must not hold the credential.
    fn parties(&self) -> Vec<Party> {
        let provider = |provider: &Provider| {
            let requests = provider.requests().into_iter().enumerate();
            let held = requests.map(|(n, request)| (format!("request {}", n + 1), request.wire().into_bytes()));
            Party { name: format!("{} (the upstream)", provider.name), held: held.collect(), entitled: true }
        };
        let mut parties: Vec<_> = self.providers.iter().chain(&self.own).map(provider).collect();
        let mut without = |name: &str, held| parties.push(Party { name: name.into(), held, entitled: false });
        without("the caller", self.answers.clone());
        without("the log", vec![("the log".into(), self.log.lines())]);
        let (database, other) = self.host.files().into_iter().partition(|(path, _)| path.contains(".db"));
        without("the database and its log", database);
        without("other files of the host", other);
        if let Some(memory) = &self.guest_memory {
            without("guest memory", vec![("guest memory".into(), memory.clone())]);
        }
        parties
    }

    /// Writes what a person is to see.
    pub(super) fn say(&mut self, text: &str) -> Result<(), DemoError> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    pub(super) async fn execute(&mut self, tool: &str, input: &Value) -> Result<Value, DemoError> {
        let body = json!({ "identifier": USER, "input": input });
        let caller = self.agent.as_ref().unwrap_or(&self.client);
        let answer = caller.send(Method::POST, &["v1", "tools", tool, "execute"], &[], &body).await?;
        Ok(self.keep(&format!("calling {tool}"), answer))
    }

    pub(super) async fn send(&mut self, method: Method, path: &[&str], body: &Value) -> Result<Value, DemoError> {
        let asked = format!("{method} /{}", path.join("/"));
        let answer = self.client.send(method, path, &[], body).await?;
        Ok(self.keep(&asked, answer))
    }

    /// A link with which a user authorizes an account.
    pub(super) async fn link(&mut self, connection: &str, identifier: &str) -> Result<String, DemoError> {
        let path = ["v1", "connections", connection, "accounts", identifier, "authorize"];
        let made = self.send(Method::POST, &path, &json!({})).await?;
        Ok(made["link"].as_str().unwrap_or_default().to_owned())
    }

    /// Opens a page as the user's browser does; what it shows must not hold the credential either.
    pub(super) async fn browse(
        &mut self,
        url: &str,
        cookie: Option<&str>,
        form: Option<&[(&str, &str)]>,
    ) -> Result<Page, DemoError> {
        let page = self.client.open(url, cookie, form).await?;
        if page.status >= 400 {
            return Err(DemoError::Unexpected(format!("{url} answered {}: {}", page.status, page.text)));
        }
        self.heard("a page", &page.text);
        Ok(page)
    }

    /// Keeps what a caller heard, so that it is searched.
    pub(super) fn heard(&mut self, what: &str, text: &str) {
        self.answers.push((what.to_owned(), text.as_bytes().to_owned()));
    }

    async fn remove(&mut self, path: &[&str]) -> Result<(), DemoError> {
        let answer = self.client.delete(path, &[]).await?;
        self.keep(&format!("DELETE /{}", path.join("/")), answer);
        Ok(())
    }

    fn keep(&mut self, asked: &str, answer: Answer) -> Value {
        let text = [answer.head.as_bytes(), answer.text.as_bytes()].concat();
        self.answers.push((format!("the answer to {asked}"), text));
        answer.value
    }

    /// The credential.
    pub(super) fn token(&self) -> &str {
        self.canary.token()
    }
}

//! An MCP server that a test plays, in either era of the protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

/// A server whose tools a test chooses.
pub(super) struct Server {
    upstream: Upstream,
    said: Arc<Mutex<Said>>,
}

/// The tools for a token, where they are not those of everybody.
type Shows = Box<dyn Fn(&str) -> Option<Value> + Send>;

/// The challenge for a token and a tool, where the one is not enough for the other.
type Refuses = Box<dyn Fn(&str, &str) -> Option<String> + Send>;

/// How it behaves.
struct Said {
    era: Era,
    knows: Box<dyn Fn(&str) -> bool + Send>,
    documents: BTreeMap<String, (u16, Value)>,
    tools: Value,
    /// Its tools for who brings this token, where these are not those of everybody.
    shows: Shows,
    /// `prompts`, `resources` and `resourceTemplates`, if it says that it has any.
    offers: Value,
    challenge: String,
    /// What it answers to the next call.
    odd: Option<Reply>,
    /// What it says to a token that is good, and not good for a tool: the token, the tool.
    refuses: Refuses,
    /// More of each page of its list.
    page: Value,
    /// It answers everybody so.
    down: Option<u16>,
    /// Its lists come in streams, with a notice that they are others.
    streams_lists: bool,
}

/// Which revisions it speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Modern,
    /// With sessions.
    Legacy,
    /// Of the older revisions too, and each request stands by itself.
    Stateless,
}

impl Server {
    /// One with these tools.
    pub(super) async fn start(era: Era, tools: Value) -> Self {
        let said = Said {
            era,
            knows: Box::new(|_| true),
            documents: BTreeMap::new(),
            tools,
            shows: Box::new(|_| None),
            offers: json!({}),
            challenge: "Bearer".into(),
            odd: None,
            refuses: Box::new(|_, _| None),
            page: json!({}),
            down: None,
            streams_lists: false,
        };
        let said = Arc::new(Mutex::new(said));
        let own = Arc::clone(&said);
        Self { upstream: Upstream::start(move |request| own.lock().unwrap().answer(request)).await, said }
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.upstream.url(path)
    }

    /// Whoever does not bring this token is refused.
    pub(super) fn wants(&self, token: &str) {
        let token = token.to_owned();
        self.wants_those(move |came| came == token);
    }

    /// Whoever brings no such token is refused.
    pub(super) fn wants_those(&self, knows: impl Fn(&str) -> bool + Send + 'static) {
        self.said.lock().unwrap().knows = Box::new(knows);
    }

    /// Anybody gets this at a path.
    pub(super) fn serves(&self, path: &str, status: u16, document: Value) {
        self.said.lock().unwrap().documents.insert(path.to_owned(), (status, document));
    }

    /// What it says to those who bring no token.
    pub(super) fn challenges(&self, challenge: &str) {
        self.said.lock().unwrap().challenge = challenge.to_owned();
    }

    /// Who calls a tool with a token for which this gives a challenge is refused with it.
    pub(super) fn refuses(&self, challenge: impl Fn(&str, &str) -> Option<String> + Send + 'static) {
        self.said.lock().unwrap().refuses = Box::new(challenge);
    }

    /// It says this too with each page of its list.
    pub(super) fn says(&self, page: Value) {
        self.said.lock().unwrap().page = page;
    }

    /// It is out of order, or works again.
    pub(super) fn is_down(&self, status: Option<u16>) {
        self.said.lock().unwrap().down = status;
    }

    /// From now on its lists come in streams that say that they are others.
    pub(super) fn streams_lists(&self) {
        self.said.lock().unwrap().streams_lists = true;
    }

    /// How often it was asked for a page of its list.
    pub(super) fn listed(&self) -> usize {
        self.methods(0).iter().filter(|method| *method == "tools/list").count()
    }

    /// Who brings a token for which this gives tools sees these.
    pub(super) fn shows(&self, tools: impl Fn(&str) -> Option<Value> + Send + 'static) {
        self.said.lock().unwrap().shows = Box::new(tools);
    }

    /// It has other tools now.
    pub(super) fn has(&self, tools: Value) {
        self.said.lock().unwrap().tools = tools;
    }

    /// It has these prompts and resources now: `prompts`, `resources` and `resourceTemplates`.
    pub(super) fn offers(&self, offers: Value) {
        self.said.lock().unwrap().offers = offers;
    }

    /// It answers the next call so.
    pub(super) fn answers(&self, reply: Reply) {
        self.said.lock().unwrap().odd = Some(reply);
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.upstream.requests()
    }

    /// Methods of the protocol that came after so many requests, and `DELETE`.
    pub(super) fn methods(&self, after: usize) -> Vec<String> {
        let of = |request: &Recorded| match request.method.as_str() {
            "POST" => request.json()["method"].as_str().unwrap_or_default().to_owned(),
            method => method.to_owned(),
        };
        self.requests().iter().skip(after).map(of).collect()
    }
}

impl Said {
    fn answer(&mut self, request: &Recorded) -> Reply {
        let token = request.header("authorization").unwrap_or_default();
        if let Some(reply) = self.before(request, token.trim_start_matches("Bearer ")) {
            return reply;
        }
        let message = request.json();
        let method = message["method"].as_str().unwrap_or_default();
        let name = message["params"]["name"].as_str().unwrap_or_default();
        if method == "tools/call"
            && let Some(challenge) = (self.refuses)(token.trim_start_matches("Bearer "), name)
        {
            return Reply::status(403).header("www-authenticate", challenge);
        }
        if matches!(method, "tools/call" | "prompts/get" | "resources/read")
            && let Some(odd) = self.odd.take()
        {
            return odd;
        }
        let refused = |status, code: i64, data: Value| {
            let error = json!({ "code": code, "message": "refused", "data": data });
            Reply::json(status, &json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }))
        };
        let version = request.header("mcp-protocol-version");
        if self.era == Era::Modern {
            let params = &message["params"];
            let named = request.header("mcp-name").is_none_or(|name| params["name"] == name || params["uri"] == name);
            let headers = request.header("mcp-method") == Some(method) && version == Some("2026-07-28") && named;
            if !headers || params["_meta"]["io.modelcontextprotocol/protocolVersion"] != "2026-07-28" {
                return refused(400, -32020, Value::Null);
            }
        } else if method == "server/discover" {
            return refused(400, -32000, Value::Null);
        } else if self.era == Era::Legacy && method != "initialize" && request.header("mcp-session-id") != Some("s-1") {
            return refused(400, -32000, json!("no session"));
        }
        if method == "notifications/initialized" {
            return Reply::status(202);
        }
        let Some(result) = self.result(method, &message["params"], token) else {
            return refused(404, -32601, Value::Null);
        };
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        if method == "tools/call" && message["params"]["arguments"]["stream"] == true {
            let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
            return Reply::bytes(200, "text/event-stream", format!("data: {note}\n\ndata: {answer}\n\n"));
        }
        let changed = message["params"]["arguments"]["changed"] == true || method == "tools/list" && self.streams_lists;
        if changed {
            let note = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
            return Reply::bytes(200, "text/event-stream", format!("data: {note}\n\ndata: {answer}\n\n"));
        }
        let reply = Reply::json(200, &answer);
        if method == "initialize" && self.era == Era::Legacy { reply.header("mcp-session-id", "s-1") } else { reply }
    }

    /// What needs no message to be read: documents, sessions that end, and who is not let in.
    fn before(&self, request: &Recorded, token: &str) -> Option<Reply> {
        if let Some((status, document)) = self.documents.get(request.path()) {
            return Some(Reply::json(*status, document));
        }
        if request.path().starts_with("/.well-known/") {
            return Some(Reply::status(404));
        }
        if !(self.knows)(token) {
            return Some(
                Reply::json(401, &json!({ "error": "invalid_token" })).header("www-authenticate", &self.challenge),
            );
        }
        if let Some(status) = self.down {
            return Some(Reply::status(status));
        }
        if request.method == "DELETE" {
            return Some(Reply::status(200));
        }
        None
    }

    /// One tool on each page.
    fn tools(&self, cursor: &Value, token: &str) -> Value {
        let own = (self.shows)(token);
        let mut page = page("tools", own.as_ref().unwrap_or(&self.tools), cursor);
        page.as_object_mut().unwrap().extend(self.page.as_object().unwrap().clone());
        page
    }

    /// What it answers to a method that it knows.
    fn result(&self, method: &str, params: &Value, token: &str) -> Option<Value> {
        Some(match method {
            "server/discover" => {
                json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": self.capabilities(),
                "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "desk", "title": "Desk", "version": "3" } } })
            }
            "initialize" => json!({ "protocolVersion": "2025-06-18", "capabilities": self.capabilities(),
                "serverInfo": { "name": "desk", "title": "Desk", "version": "3" } }),
            "tools/list" => self.tools(&params["cursor"], token.trim_start_matches("Bearer ")),
            "tools/call" => called(params, token),
            "prompts/list" => page("prompts", &self.offers["prompts"], &params["cursor"]),
            "resources/list" => page("resources", &self.offers["resources"], &params["cursor"]),
            "resources/templates/list" if self.offers["resourceTemplates"].is_array() => {
                page("resourceTemplates", &self.offers["resourceTemplates"], &params["cursor"])
            }
            "prompts/get" => filled_in(params, token),
            "resources/read" => json!({ "resultType": "complete", "contents": [{ "uri": params["uri"],
                "mimeType": "text/plain", "text": format!("{} for {token}", params["uri"]) }] }),
            _ => return None,
        })
    }

    fn capabilities(&self) -> Value {
        let mut said = json!({});
        for one in ["prompts", "resources"].into_iter().filter(|one| self.offers[*one].is_array()) {
            said[one] = json!({});
        }
        said
    }
}

/// One thing on each page.
fn page(member: &str, all: &Value, cursor: &Value) -> Value {
    let all = all.as_array().unwrap();
    let at: usize = cursor.as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let mut page = json!({ "resultType": "complete", member: all.iter().skip(at).take(1).collect::<Vec<_>>() });
    if at + 1 < all.len() {
        page["nextCursor"] = (at + 1).to_string().into();
    }
    page
}

/// What its prompts say: what they were got with, the credential among it.
fn filled_in(params: &Value, token: &str) -> Value {
    let text = format!("{} with {} by {token}", params["name"], params["arguments"]);
    let link = json!({ "type": "resource_link", "uri": "file:///notes/1", "name": "Note" });
    json!({ "resultType": "complete", "description": "As it is now.", "messages": [
        { "role": "user", "content": { "type": "text", "text": text } }, { "role": "assistant", "content": link }] })
}

/// What its tools do: they tell what they were called with, the credential among it.
fn called(params: &Value, token: &str) -> Value {
    let text = |text: String| json!([{ "type": "text", "text": text }]);
    match params["name"].as_str().unwrap_or_default() {
        "fail" => {
            json!({ "resultType": "complete", "isError": true, "content": text("no such city: ask for another".into()) })
        }
        "add" => {
            let sum = params["arguments"]["a"].as_i64().unwrap_or_default() + 1;
            json!({ "resultType": "complete", "content": text(sum.to_string()), "structuredContent": { "sum": sum } })
        }
        _ => json!({ "resultType": "complete", "content": text(format!("{} by {token}", params["arguments"])) }),
    }
}

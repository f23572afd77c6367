//! The other end: requests of the protocol in both of its eras, and the session that the older one may want.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Path, Request, Response};
use serde_json::{Map, Value, json};

use crate::answer::{self, Refusal};
use crate::binding::{Call, Server};
use crate::headers;

/// The current revision: each request stands by itself.
pub(crate) const MODERN: &str = "2026-07-28";

/// The revisions before it, newest first: they begin with `initialize`.
pub(crate) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// A server, and what was agreed on with it.
#[derive(Debug)]
pub(crate) struct Peer<'a> {
    path: &'a str,
    revision: &'a str,
    session: Option<String>,
    /// The id of the request before.
    last: u64,
}

impl<'a> Peer<'a> {
    /// A server that takes each request by itself.
    pub(crate) fn new(path: &'a str, revision: &'a str) -> Self {
        Self { path, revision, session: None, last: 0 }
    }

    /// Begins as the older era has it; with what the server says of itself.
    ///
    /// # Errors
    /// What the server answered.
    pub(crate) fn begin(path: &'a str, revision: &'a str) -> Result<(Self, Value), Refusal> {
        let mut peer = Self::new(path, revision);
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client() });
        let response = peer.post("initialize", &params, None, &[])?;
        let said = answer::result(&response, peer.last)?;
        let agreed = said["protocolVersion"].as_str().unwrap_or_default();
        let Some(agreed) = LEGACY.into_iter().find(|known| *known == agreed) else {
            let message =
                format!("the server speaks the revision `{}`, which is not known here", answer::short(agreed));
            return Err(Refusal::Other(Failure::upstream(response.status, None, message)));
        };
        peer.revision = agreed;
        peer.session = response.header("mcp-session-id").map(str::to_owned);
        let response = peer.send("notifications/initialized", None, &json!({}), None, &[])?;
        if !response.is_success() {
            return Err(Refusal::Http(response.status, answer::failure(&response)));
        }
        Ok((peer, said))
    }

    /// Whether the server began a session.
    pub(crate) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// What was agreed on.
    pub(crate) fn revision(&self) -> &str {
        self.revision
    }

    /// Asks, and reads the answer. `name` is what the request is about, where headers have to say it.
    ///
    /// # Errors
    /// What the server answered.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        params: &Value,
        name: Option<&str>,
        more: &[(String, String)],
    ) -> Result<Value, Refusal> {
        let response = self.post(method, params, name, more)?;
        answer::result(&response, self.last)
    }

    /// Ends the session, if there is one. Nobody waits for it: servers forget them by themselves, too.
    pub(crate) fn end(self) {
        let Some(session) = &self.session else { return };
        let request = Request::delete(Path::encoded(self.path)).header("mcp-session-id", session);
        drop(request.header("mcp-protocol-version", self.revision).try_send());
    }

    fn post(
        &mut self,
        method: &str,
        params: &Value,
        name: Option<&str>,
        more: &[(String, String)],
    ) -> Result<Response, Refusal> {
        self.last += 1;
        self.send(method, Some(self.last), params, name, more)
    }

    fn send(
        &self,
        method: &str,
        id: Option<u64>,
        params: &Value,
        name: Option<&str>,
        more: &[(String, String)],
    ) -> Result<Response, Refusal> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            message["id"] = id.into();
        }
        let mut request =
            Request::post(Path::encoded(self.path)).header("accept", "application/json, text/event-stream");
        if method != "initialize" {
            request = request.header("mcp-protocol-version", self.revision);
        }
        if self.revision == MODERN {
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": client(),
            });
            request = request.header("mcp-method", method);
            if let Some(name) = name {
                request = request.header("mcp-name", headers::value(name));
            }
            for (name, value) in more {
                request = request.header(name, value);
            }
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        request.json(&message).send().map_err(Refusal::Other)
    }
}

/// A request of the protocol that is about something.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) params: Value,
    /// What it is about, which headers say too.
    pub(crate) name: &'a str,
    /// Further headers.
    pub(crate) more: Vec<(String, String)>,
}

/// Calls a tool; the result as the protocol has it.
///
/// # Errors
/// What the server answered.
pub(crate) fn call(call: &Call, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let more = headers::of(&call.headers, &arguments);
    let params = json!({ "name": call.tool, "arguments": arguments });
    let server = Server { path: call.path.clone(), revision: call.revision.clone(), session: call.session };
    asked(&server, &Asked { method: "tools/call", params, name: &call.tool, more })
}

/// Asks a server, with a session around it where it keeps them; the result as the protocol has it.
///
/// # Errors
/// What the server answered.
pub(crate) fn asked(server: &Server, asked: &Asked<'_>) -> Result<Value, Failure> {
    let ask = |peer: &mut Peer<'_>| peer.ask(asked.method, &asked.params, Some(asked.name), &asked.more);
    let mut refused = None;
    if !server.session {
        match ask(&mut Peer::new(&server.path, &server.revision)) {
            // Perhaps it keeps sessions now, and refused before it looked at the call.
            Err(refusal @ Refusal::Http(400 | 404, _)) if server.revision != MODERN => refused = Some(refusal),
            Err(Refusal::Rpc(error)) if server.revision != MODERN && error.status == 400 => {
                refused = Some(Refusal::Rpc(error));
            }
            answered => return Ok(answered?),
        }
    }
    let (mut peer, _) = Peer::begin(&server.path, &server.revision)?;
    // One that gave no session meant the call itself: what it may have done is not done twice.
    if let Some(refusal) = refused.filter(|_| !peer.has_session()) {
        return Err(refusal.into());
    }
    let answered = ask(&mut peer);
    peer.end();
    Ok(answered?)
}

fn client() -> Value {
    json!({ "name": "gloveport", "version": env!("CARGO_PKG_VERSION") })
}

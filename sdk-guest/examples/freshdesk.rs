//! A connector whose host depends on the account, with a key sent as the user name of basic authorization.

use gloveport_sdk::http::{ErrorDetail, Request, Response};
use gloveport_sdk::{Failure, path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tickets and contacts of a support desk.
#[gloveport_sdk::connector(
    name = "freshdesk",
    title = "Freshdesk",
    publisher = "Example Ltd",
    categories = ["support"],
    base_url = "https://{{domain}}/api/v2",
    hosts = ["{{domain}}"],
    imports = ["http"],
    auth = [basic(
        name = "api_key",
        title = "API key",
        username = "api_key",
        filler = "X",
        fields = [
            text(name = "domain", label = "Domain", hint = "acme.freshdesk.com"),
            password(name = "api_key", label = "API key"),
        ],
    )],
    test = agent_get,
    tools = [agent_get, ticket_get, tickets_list, ticket_create],
)]
pub struct Freshdesk;

/// An agent.
#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Agent {
    id: u64,
    /// `fulltime` or `occasional`.
    #[serde(rename = "type")]
    kind: String,
}

/// A ticket.
#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Ticket {
    id: u64,
    subject: String,
    /// 2 open, 3 pending, 4 resolved, 5 closed.
    status: u8,
}

/// Which ticket.
#[derive(Deserialize, JsonSchema)]
pub struct TicketGet {
    /// Number of the ticket.
    id: u64,
}

/// Which page of the tickets.
#[derive(Deserialize, JsonSchema)]
pub struct TicketsList {
    /// From 1.
    page: Option<u32>,
}

/// A new ticket.
#[derive(Deserialize, Serialize, JsonSchema)]
pub struct TicketCreate {
    /// What it is about.
    subject: String,
    /// Mail address of the person who asks.
    email: String,
    /// What they ask, as HTML.
    description: String,
}

/// Tells which agent the account belongs to.
#[gloveport_sdk::tool(title = "Own agent", effect = read, routes = ["GET /agents/me"])]
pub fn agent_get() -> Result<Agent, Failure> {
    Request::get("/agents/me").send()?.error_for_status_with(explain)?.json()
}

/// Gets one ticket by its number.
#[gloveport_sdk::tool(title = "Get ticket", effect = read, routes = ["GET /tickets/{id}"])]
pub fn ticket_get(input: TicketGet) -> Result<Ticket, Failure> {
    Request::get(path!("/tickets/{input.id}")).send()?.error_for_status_with(explain)?.json()
}

/// Lists tickets, newest first, thirty a page.
#[gloveport_sdk::tool(title = "List tickets", effect = read, routes = ["GET /tickets"], tags = ["tickets"])]
pub fn tickets_list(input: TicketsList) -> Result<Vec<Ticket>, Failure> {
    Request::get("/tickets").query_opt("page", input.page).send()?.error_for_status_with(explain)?.json()
}

/// Opens a ticket for a person.
#[gloveport_sdk::tool(title = "Create ticket", effect = write, routes = ["POST /tickets"], aliases = ["ticket.create"])]
pub fn ticket_create(input: TicketCreate) -> Result<Ticket, Failure> {
    Request::post("/tickets").json(&input).send()?.error_for_status_with(explain)?.json()
}

/// The provider's error body: `{"code": "…", "message": "…"}`.
fn explain(response: &Response) -> ErrorDetail {
    #[derive(Default, Deserialize)]
    struct Body {
        code: Option<String>,
        message: Option<String>,
    }

    let body: Body = response.json().unwrap_or_default();
    ErrorDetail { code: body.code, message: body.message, ..ErrorDetail::default() }
}

//! An API of one's own: its document is fetched and imported, and a tool of it is called.

use http::Method;
use serde_json::json;

use super::DemoError;
use super::imitation::Reply;
use super::provider::Provider;
use super::recorded::Recorded;
use super::show::{received, side_by_side};
use super::stage::{Stage, USER};

/// The file of the connector that runs imported tools, in the folder of connectors.
pub(super) const GENERIC: &str = "openapi";

/// The connector that is made of the document.
const SHOP: &str = "shop";

/// What the shop publishes of itself.
const DOCUMENT: &str = r"openapi: 3.1.0
info: {title: The shop, version: 1.0.0}
servers: [{url: /v1}]
components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Shop-Key}}}
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, summary: One order}
  /orders:
    get:
      operationId: listOrders
      parameters: [{name: state, in: query, explode: false, schema: {type: array, items: {enum: [paid, sent]}}}]
";

impl Stage<'_> {
    /// Imports the shop's document from where the shop publishes it, and calls one of its tools.
    pub(super) async fn import(&mut self) -> Result<(), DemoError> {
        let shop = Provider::start("the shop", answer).await?;
        let document = format!("{}/openapi.yaml", shop.url());
        let imported = self.send(Method::PUT, &["v1", "connectors", SHOP], &json!({ "url": document })).await?;
        let tools = imported["tools"].as_array().map_or(0, Vec::len);
        self.say(&format!("\n{SHOP}: imported from {document}, {tools} tools"))?;
        self.send(Method::POST, &["v1", "connections"], &json!({ "name": SHOP, "connector": SHOP })).await?;
        let account = json!({ "credentials": { "api_key": self.token() } });
        self.send(Method::PUT, &["v1", "connections", SHOP, "accounts", USER], &account).await?;
        let (tool, input) = ("shop_list_orders", json!({ "state": ["paid", "sent"] }));
        let answer = self.execute(tool, &input).await?;
        let arrived = shop.requests().pop().filter(|request| request.target == "/v1/orders?state=paid,sent");
        let Some(arrived) = arrived.filter(|_| answer["status"] == "succeeded") else {
            return Err(DemoError::Unexpected(format!("{tool} did not reach the shop as its document says: {answer}")));
        };
        let (left, right) = (received(&arrived), format!("{answer:#}"));
        let sides = side_by_side(("what the provider received", &left), ("what the caller got", &right));
        self.own = Some(shop);
        self.say(&format!("\n== {tool} {input}\n\n{sides}"))
    }
}

fn answer(request: &Recorded) -> Reply {
    let (content_type, body) = match request.target.as_str() {
        "/openapi.yaml" => ("application/yaml", DOCUMENT.to_owned()),
        _ => ("application/json", json!([{ "id": "o-1", "state": "paid" }]).to_string()),
    };
    Reply { status: 200, headers: Vec::new(), body: body.into() }.header("content-type", content_type)
}

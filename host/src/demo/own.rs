//! An API of one's own: its document is fetched and imported, its user consents, and tools of it are called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::DemoError;
use super::imitation::Reply;
use super::provider::Provider;
use super::recorded::Recorded;
use super::show::{received, side_by_side};
use super::stage::{GUEST, Stage, USER};

/// The file of the connector that runs imported tools, in the folder of connectors.
pub(super) const GENERIC: &str = "openapi";

/// The connector that is made of the document.
const SHOP: &str = "shop";

/// The connection to it whose users consent.
pub(super) const CONSENTED: &str = "shop-login";

/// What the shop's sign-in gives for each consent.
const CODE: &str = "the-code-of-a-consent";

/// Characters of a parameter that are shown.
const VALUE: usize = 24;

/// What the shop publishes of itself; `SHOP` is where it is.
const DOCUMENT: &str = r"openapi: 3.1.0
info: {title: The shop, version: 1.0.0}
servers: [{url: /v1}]
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Shop-Key}
    login:
      type: oauth2
      flows:
        authorizationCode:
          authorizationUrl: SHOP/login/authorize
          tokenUrl: SHOP/login/token
          scopes: {orders: See your orders}
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
        let (mut login, token) = (Login::default(), self.token().to_owned());
        let shop = Provider::start("the shop", move |request| answer(&mut login, &token, request)).await?;
        let document = format!("{}/openapi.yaml", shop.url());
        let imported = self.send(Method::PUT, &["v1", "connectors", SHOP], &json!({ "url": document })).await?;
        let tools = imported["tools"].as_array().map_or(0, Vec::len);
        self.say(&format!("\n{SHOP}: imported from {document}, {tools} tools"))?;
        self.send(
            Method::POST,
            &["v1", "connections"],
            &json!({ "name": SHOP, "connector": SHOP, "auth_pattern": "key" }),
        )
        .await?;
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
        self.say(&format!("\n== {tool} {input}\n\n{sides}"))?;
        self.consent(tool, &input).await
    }

    /// A user connects an account by consent, as in a browser, and a tool runs with what came of it.
    async fn consent(&mut self, tool: &str, input: &Value) -> Result<(), DemoError> {
        let oauth = json!({ "client_id": "gloveport-demo", "scopes": ["orders"] });
        let connection = json!({ "name": CONSENTED, "connector": SHOP, "auth_pattern": "login", "oauth": oauth });
        let made = self.send(Method::POST, &["v1", "connections"], &connection).await?;
        let redirect_uri = made["redirect_uri"].as_str().unwrap_or_default().to_owned();
        self.say(&format!("\n== {GUEST} connects an account of the shop by consent (OAuth 2.0, with PKCE)\n"))?;
        self.say(&format!("the shop knows the redirect URI  {redirect_uri}"))?;
        let link = self.link(CONSENTED, GUEST).await?;
        self.say(&format!("{GUEST} gets the link                {link}  (once, within 15 minutes)"))?;
        let page = self.browse(&link, None, None).await?;
        let form = between(&page.text, r#"name="form" value=""#, "\"").unwrap_or_default().to_owned();
        let cookie = page.cookie;
        let page = self.browse(&link, cookie.as_deref(), Some(&[("form", form.as_str())])).await?;
        let away = between(&page.text, r#"content="0;url="#, "\"").unwrap_or_default().replace("&#38;", "&");
        self.say(&format!("the page leads to                {}", shortened(&away)))?;
        let page = self.browse(&away.replace("/login/authorize", "/login/allow"), None, None).await?;
        let back = page.location.unwrap_or_default();
        self.say(&format!("{GUEST} allows it, and comes back by {}", shortened(&back)))?;
        let page = self.browse(&back, cookie.as_deref(), None).await?;
        let end = page.location.unwrap_or_default();
        let page = self.browse(&end, cookie.as_deref(), None).await?;
        let title = between(&page.text, "<h1>", "</h1>").unwrap_or_default().to_owned();
        self.say(&format!("the page says                    {title}"))?;
        let body = json!({ "identifier": GUEST, "connection": CONSENTED, "input": input });
        let answer = self.send(Method::POST, &["v1", "tools", tool, "execute"], &body).await?;
        let arrived = self.own.as_ref().and_then(|shop| shop.requests().pop());
        let bearer = format!("Bearer {}", self.token());
        let Some(arrived) = arrived.filter(|request| request.header("authorization") == Some(bearer.as_str())) else {
            return Err(DemoError::Unexpected(format!("the consent ended at \"{title}\", and then: {answer}")));
        };
        let (left, right) = (received(&arrived), format!("{answer:#}"));
        let sides = side_by_side(("what the provider received", &left), ("what the caller got", &right));
        self.say(&format!("\n{sides}"))
    }
}

/// What the shop's sign-in remembers of who is on the way.
#[derive(Default)]
struct Login {
    challenge: String,
}

/// What is between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// A URL with the beginnings of its values.
fn shortened(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    let short = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if value.len() > VALUE => format!("{name}={}…", value.get(..VALUE).unwrap_or_default()),
        _ => pair.to_owned(),
    });
    format!("{place}?{}", short.collect::<Vec<_>>().join("&"))
}

fn answer(login: &mut Login, token: &str, request: &Recorded) -> Reply {
    let reply = |status, content_type: &str, body: String| {
        Reply { status, headers: Vec::new(), body: body.into() }.header("content-type", content_type)
    };
    let json = |status, body: &Value| reply(status, "application/json", body.to_string());
    let get = |name: &str| request.parameter(name).unwrap_or_default();
    match request.path() {
        "/openapi.yaml" => {
            let shop = format!("http://{}", request.header("host").unwrap_or_default());
            reply(200, "application/yaml", DOCUMENT.replace("SHOP", &shop))
        }
        "/login/authorize" => {
            let allow = request.target.replacen("/login/authorize", "/login/allow", 1).replace('&', "&amp;");
            let page = format!(
                "<!doctype html><title>The shop</title><h1>Let gloveport see your orders?</h1>\
                 <p><a href=\"{}\">Allow</a></p>",
                allow.replace('"', "&quot;").replace('<', "&lt;")
            );
            reply(200, "text/html; charset=utf-8", page)
        }
        "/login/allow" => {
            login.challenge = get("code_challenge");
            let Ok(mut back) = Url::parse(&get("redirect_uri")) else { return json(400, &json!({})) };
            back.query_pairs_mut().append_pair("code", CODE).append_pair("state", &get("state"));
            reply(303, "text/plain", String::new()).header("location", back)
        }
        "/login/token" => {
            let form = request.form();
            let sent = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let verifier = sent("code_verifier").unwrap_or_default();
            let proven = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == login.challenge;
            if sent("code") != Some(CODE) || !proven {
                return json(400, &json!({ "error": "invalid_grant" }));
            }
            json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 }))
        }
        _ => json(200, &json!([{ "id": "o-1", "state": "paid" }])),
    }
}

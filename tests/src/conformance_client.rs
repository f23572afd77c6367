//! The host as a client of a server of the conformance suite: the server becomes a connector, a user signs in, and every
//! tool that is found is called.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::host::{Answer, Client, Setup, TestHost};

/// How often a user signs in anew because a call needs more than was granted: as often as a patient person.
const SIGN_INS: usize = 3;

/// What a scenario tells its client besides the server's URL.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What the client was told beforehand: a client that somebody registered, for instance.
    pub context: Value,
}

/// Goes to the server at this URL as a scenario wants it, and says what came of it.
///
/// # Panics
///
/// When this host refuses what any operator may do.
pub async fn visit(url: &str, scenario: &Scenario) -> Value {
    let networks = ["127.0.0.0/8", "::1/128"].map(str::to_owned).to_vec();
    let host = TestHost::with(Setup { private_networks: networks, ..Setup::usual() }).await;
    let signs_in = scenario.name.starts_with("auth/");
    let auth = match signs_in {
        true => json!({ "name": "user", "title": "Sign in", "type": "mcp_oauth" }),
        false => json!({ "name": "user", "title": "Nobody", "type": "none" }),
    };
    let mcp = json!({ "url": url, "auth": [auth] });
    let declared = host.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await;
    if declared.status != 201 {
        return json!({ "refused": declared.json() });
    }
    let mut connection = json!({ "name": "desk", "connector": "desk", "auth_pattern": "user" });
    let given = &scenario.context;
    if given["client_id"].is_string() && signs_in {
        connection["oauth"] = json!({ "client_id": given["client_id"], "client_secret": given["client_secret"] });
    }
    host.client().post("/v1/connections", &connection).await.expect(201);
    if signs_in {
        if let Err(why) = sign_in(&host).await {
            return json!({ "not_signed_in": why });
        }
    } else {
        host.account("desk", "ada", &json!({})).await;
    }
    call_all(&host).await
}

/// Finds the tools, and calls each.
async fn call_all(host: &TestHost) -> Value {
    let ask = json!({ "identifier": "ada" });
    let mut found = host.client().post("/v1/connectors/desk/discover-tools", &ask).await;
    for _ in 0..SIGN_INS {
        if found.status == 200 || sign_in(host).await.is_err() {
            break;
        }
        found = host.client().post("/v1/connectors/desk/discover-tools", &ask).await;
    }
    if found.status != 200 {
        return json!({ "not_found": found.json() });
    }
    let found = found.json();
    let mut said = Vec::new();
    for tool in found["tools"].as_array().expect("a connector has tools") {
        let (name, operation) = (tool["name"].as_str().expect("a tool has a name"), &tool["operation"]);
        if operation != "tools/list" {
            said.push(json!({ "tool": operation, "said": call(host, name).await }));
        }
    }
    json!({ "found": found, "called": said })
}

/// Calls a tool, and once more after the user has granted what it needs.
async fn call(host: &TestHost, tool: &str) -> Value {
    let schema = host.client().get(&format!("/v1/tools/{tool}")).await.json()["input_schema"].clone();
    let input = input(&schema);
    let mut answer = host.execute(tool, "ada", &input).await.json();
    for _ in 0..SIGN_INS {
        if answer["code"] != "missing_scopes" || sign_in(host).await.is_err() {
            break;
        }
        answer = host.execute(tool, "ada", &input).await.json();
    }
    answer
}

/// Something for each member: what the suite's tools take is as simple as that.
fn input(schema: &Value) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    let value = |schema: &Value| match schema["type"].as_str() {
        Some("number" | "integer") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("value"),
    };
    Value::Object(members.map(|(name, schema)| (name.clone(), value(schema))).collect())
}

/// A person with a browser, to whom the authorization server says yes by itself.
async fn sign_in(host: &TestHost) -> Result<(), String> {
    let path = "/v1/connections/desk/accounts/ada/authorize";
    let made = host.client().post(path, &json!({})).await;
    if made.status != 201 {
        return Err(made.json().to_string());
    }
    let browser = Browser { client: host.client().with_key(""), cookie: Mutex::default() };
    let link = made.json()["link"].as_str().expect("a link is made").to_owned();
    let page = browser.open("GET", &link, "").await;
    let form = between(&page, r#"name="form" value=""#).ok_or_else(|| text(&page))?;
    let sent = browser.open("POST", &link, &format!("form={form}")).await;
    let to = sent.header("location").map(str::to_owned).or_else(|| between(&sent, "content=\"0;url="));
    let to = to.ok_or_else(|| text(&sent))?.replace("&#38;", "&").replace("&amp;", "&");
    let outside = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let answer = outside.expect("a client of plain HTTP").get(to).send().await.map_err(|error| error.to_string())?;
    let back = answer.headers().get("location").and_then(|to| to.to_str().ok()).ok_or("it sends nobody back")?;
    let came = browser.open("GET", back, "").await;
    let end = match came.header("location") {
        Some(to) => browser.open("GET", to, "").await,
        None => came,
    };
    let said = text(&end);
    if said.contains("is connected") { Ok(()) } else { Err(said) }
}

/// One person's browser: it keeps its cookie.
struct Browser {
    client: Client,
    cookie: Mutex<Option<String>>,
}

impl Browser {
    async fn open(&self, method: &str, url: &str, body: &str) -> Answer {
        let cookie = self.cookie.lock().expect("nobody panics with it").clone();
        let mut headers: Vec<_> = cookie.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let path = url.strip_prefix(self.client.base()).unwrap_or(url);
        let answer = self.client.send(method, path, &headers, body.to_owned()).await;
        if let Some(set) = answer.header("set-cookie") {
            *self.cookie.lock().expect("nobody panics with it") = set.split(';').next().map(str::to_owned);
        }
        answer
    }
}

fn text(page: &Answer) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

/// What stands in a page after this, up to a quotation mark.
fn between(page: &Answer, start: &str) -> Option<String> {
    let text = text(page);
    let (_, rest) = text.split_once(start)?;
    rest.split('"').next().map(str::to_owned)
}

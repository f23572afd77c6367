//! The host as a client of a server of the conformance suite: the server becomes a connector, a user signs in, and every
//! tool that is found is called.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::host::{Answer, Client, Setup, TestHost};

/// How often a user signs in anew because something was refused: as often as a patient person.
const SIGN_INS: usize = 2;

/// How often somebody asks once more who is told to: many hosts at once, on a machine with few cores, break connections.
const PATIENCE: usize = 4;

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
    let visit = Visit { host, url: url.to_owned(), signs_in: scenario.name.starts_with("auth/") };
    let declared = visit.declare(None).await;
    if declared.status != 201 {
        return json!({ "refused": declared.json() });
    }
    let (given, client) = (&scenario.context, visit.host.client());
    let mut connection = json!({ "name": "desk", "connector": "desk", "auth_pattern": "user" });
    if given["client_id"].is_string() && visit.signs_in {
        connection["oauth"] = json!({ "client_id": given["client_id"], "client_secret": given["client_secret"] });
    }
    client.post("/v1/connections", &connection).await.expect(201);
    let entered = match visit.signs_in {
        true => visit.sign_in(None).await,
        false => visit.enter().await,
    };
    match entered {
        Ok(()) => visit.call_all(&given["toolCalls"]).await,
        Err(why) => json!({ "not_entered": why }),
    }
}

/// A host with the server as its connector.
struct Visit {
    host: TestHost,
    url: String,
    signs_in: bool,
}

impl Visit {
    /// An operator says where the server is, and where its users sign in if that has to be said.
    async fn declare(&self, issuer: Option<&str>) -> Answer {
        let mut auth = match self.signs_in {
            true => json!({ "name": "user", "title": "Sign in", "type": "mcp_oauth" }),
            false => json!({ "name": "user", "title": "Nobody", "type": "none" }),
        };
        if let Some(issuer) = issuer {
            auth["issuer"] = issuer.into();
        }
        let mcp = json!({ "url": self.url, "auth": [auth] });
        self.host.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await
    }

    /// A user of a server that asks for nothing.
    async fn enter(&self) -> Result<(), String> {
        let mut made = self.host.account("desk", "ada", &json!({})).await;
        for _ in 0..PATIENCE {
            if made.status < 500 {
                break;
            }
            made = self.host.account("desk", "ada", &json!({})).await;
        }
        if made.status == 201 { Ok(()) } else { Err(made.json().to_string()) }
    }

    /// A link for the user.
    async fn link(&self) -> Result<String, String> {
        let path = "/v1/connections/desk/accounts/ada/authorize";
        let mut made = self.host.client().post(path, &json!({})).await;
        for _ in 0..PATIENCE {
            if made.status < 500 {
                break;
            }
            made = self.host.client().post(path, &json!({})).await;
        }
        let made = made.json();
        made["link"].as_str().map(str::to_owned).ok_or_else(|| made.to_string())
    }

    /// Finds the tools, and makes these calls, or one of each tool.
    async fn call_all(&self, calls: &Value) -> Value {
        let ask = json!({ "identifier": "ada" });
        let path = "/v1/connectors/desk/discover-tools";
        let mut found = self.host.client().post(path, &ask).await;
        for _ in 0..SIGN_INS {
            if found.status == 200 || self.mend(&found.json()).await.is_err() {
                break;
            }
            found = self.host.client().post(path, &ask).await;
        }
        if found.status != 200 {
            return json!({ "not_found": found.json() });
        }
        let found = found.json();
        let tools: Vec<&Value> = found["tools"].as_array().expect("a connector has tools").iter().collect();
        let of = |operation: &Value| tools.iter().find(|tool| tool["operation"] == *operation);
        let mut said = Vec::new();
        if let Some(calls) = calls.as_array() {
            for (call, tool) in calls.iter().filter_map(|call| Some((call, of(&call["name"])?))) {
                said.push(json!({ "call": call, "said": self.call(tool, call["arguments"].clone()).await }));
            }
            return json!({ "found": found, "called": said });
        }
        let mut schemas = Vec::new();
        for tool in tools.iter().filter(|tool| tool["operation"] != "tools/list") {
            let path = format!("/v1/tools/{}", tool["name"].as_str().expect("a tool has a name"));
            schemas.push((tool, self.host.client().get(&path).await.json()["input_schema"].clone()));
        }
        for (tool, schema) in &schemas {
            // Where a tool takes a schema, it is shown what this host made of the first one.
            let input = input(schema, &schemas[0].1);
            said.push(json!({ "tool": tool["operation"], "said": self.call(tool, input).await }));
        }
        json!({ "found": found, "called": said })
    }

    /// Calls a tool as a model does, and once more after its user has done what is to be done.
    async fn call(&self, tool: &Value, input: Value) -> Value {
        let name = tool["name"].as_str().expect("a tool has a name");
        let path = format!("/v1/tools/{name}/execute");
        let body = json!({ "identifier": "ada", "tool_call": { "name": name, "arguments": input } });
        let mut answer = self.host.client().post(&path, &body).await.json();
        for _ in 0..SIGN_INS {
            if answer["code"].is_null() || self.mend(&answer).await.is_err() {
                break;
            }
            answer = self.host.client().post(&path, &body).await.json();
        }
        answer
    }

    /// What people do about a refusal: an operator looks where users sign in now, and the user signs in again.
    async fn mend(&self, refused: &Value) -> Result<(), String> {
        let code = refused["code"].as_str().unwrap_or_default();
        if !self.signs_in || !matches!(code, "missing_scopes" | "account_not_active" | "account_not_connected") {
            return Err(code.to_owned());
        }
        if code != "missing_scopes" {
            let again = self.declare(None).await.json();
            let detail = again["detail"].as_str().unwrap_or_default();
            if let Some((_, rest)) = detail.split_once("would sign in at \"") {
                let issuer = rest.split('"').next().unwrap_or_default();
                self.declare(Some(issuer)).await.expect(200);
            }
        }
        self.sign_in(refused["connect_link"].as_str()).await
    }

    /// A person with a browser, to whom the authorization server says yes by itself: by this link, or a new one.
    async fn sign_in(&self, link: Option<&str>) -> Result<(), String> {
        let link = match link {
            Some(link) => link.to_owned(),
            None => self.link().await?,
        };
        let browser = Browser { client: self.host.client().with_key(""), cookie: Mutex::default() };
        let page = browser.open("GET", &link, "").await;
        let form = between(&page, r#"name="form" value=""#).ok_or_else(|| text(&page))?;
        let sent = browser.open("POST", &link, &format!("form={form}")).await;
        let to = sent.header("location").map(str::to_owned).or_else(|| between(&sent, "content=\"0;url="));
        let to = to.ok_or_else(|| text(&sent))?.replace("&#38;", "&").replace("&amp;", "&");
        let outside = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let outside = outside.expect("a client of plain HTTP");
        let answer = outside.get(to).send().await.map_err(|error| error.to_string())?;
        let back = answer.headers().get("location").and_then(|to| to.to_str().ok()).ok_or("it sends nobody back")?;
        let came = browser.open("GET", back, "").await;
        let end = match came.header("location") {
            Some(to) => browser.open("GET", to, "").await,
            None => came,
        };
        let said = text(&end);
        if said.contains("is connected") { Ok(()) } else { Err(said) }
    }
}

/// Something for each member: what the suite's tools take is as simple as that.
fn input(schema: &Value, first: &Value) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    let value = |name: &str, schema: &Value| match schema["type"].as_str() {
        _ if name == "schema" => first.clone(),
        Some("number" | "integer") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("value"),
    };
    Value::Object(members.map(|(name, schema)| (name.clone(), value(name, schema))).collect())
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

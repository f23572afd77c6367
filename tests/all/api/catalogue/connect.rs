//! A user connects an account of a service in one of its ways, and where the credential then has to be.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_tests::issuer::rsa_pem;
use gloveport_tests::upstream::{Recorded, Reply};
use serde_json::{Value, json};

use super::super::visitor::{Visitor, parameter, target, text};
use super::entry::{Entry, address, filled, fits};
use super::stand_in::{StandIn, put};

/// An account that is there.
pub(super) struct Connected {
    pub(super) connection: String,
    /// Its public fields.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) credential: Vec<Place>,
    /// What the user granted; nothing where there are no scopes.
    scopes: Vec<Value>,
}

impl Connected {
    /// Whether its user granted what an operation needs.
    pub(super) fn may(&self, operation: &Value) -> bool {
        let mut needed = operation["scopes"].as_array().into_iter().flatten();
        self.scopes.is_empty() || needed.all(|scope| self.scopes.contains(scope))
    }
}

/// Where a credential has to be.
pub(super) enum Place {
    Header(String, String),
    /// A header that begins so: the rest is signed anew each time.
    Signed(String, String),
    Query(String, String),
}

impl Place {
    /// Whether it is there.
    pub(super) fn holds(&self, sent: &Recorded) -> Result<(), String> {
        let (holds, place) = match self {
            Self::Header(name, value) => (sent.header(name) == Some(value), name),
            Self::Signed(name, start) => (sent.header(name).is_some_and(|value| value.starts_with(start)), name),
            Self::Query(name, value) => (sent.parameter(name).as_deref() == Some(value), name),
        };
        if holds { Ok(()) } else { Err(format!("the credential is not in `{place}`: {}", sent.wire())) }
    }
}

/// Connects Ada by this pattern, and looks at the request that tried her account.
pub(super) async fn connect(stand_in: &StandIn, entry: &Entry, pattern: &Value) -> Result<Connected, String> {
    let connection = format!("{}-{}", entry.name, pattern["name"].as_str().unwrap());
    let kind = pattern["type"].as_str().unwrap();
    let by_browser = ["oauth2", "oauth1a"].contains(&kind);
    let scopes: Vec<Value> = pattern["scopes"].as_array().into_iter().flatten().map(named).collect();
    let mut body = json!({ "name": connection, "connector": entry.name, "auth_pattern": pattern["name"] });
    if by_browser {
        let secret = stand_in.bed.host.plant();
        body["oauth"] = json!({ "client_id": "gloveport", "client_secret": secret.token(), "scopes": scopes });
    }
    let made = stand_in.bed.client().post("/v1/connections", &body).await;
    if made.status != 201 {
        return Err(format!("no connection: {}", made.json()));
    }
    let (mut fields, secrets) = form(stand_in, pattern);
    let token = stand_in.bed.host.plant().token().to_owned();
    answer_for_tokens(stand_in, pattern, &mut fields, &token);
    let test = entry.test();
    test.map(|operation| stand_in.answer_by(operation));
    let before = stand_in.upstream.requests().len();
    let form: BTreeMap<String, String> = written(pattern, &fields, &secrets);
    if by_browser {
        let callback = made.json()["redirect_uri"].as_str().unwrap().to_owned();
        consent(stand_in, &connection, pattern, &form, &callback, &mut fields).await?;
    } else {
        let answer = stand_in.bed.host.account(&connection, "ada", &json!(form)).await;
        if answer.status != 201 {
            return Err(format!("no account: {}", answer.json()));
        }
    }
    // Accounts that were not tried when they were made are tried now.
    if by_browser && test.is_some() {
        let path = format!("/v1/connections/{connection}/test");
        let tried = stand_in.bed.client().post(&path, &json!({ "identifier": "ada" })).await.expect(200);
        if tried["ok"] != true {
            return Err(format!("its test failed: {tried}"));
        }
    }
    let path = format!("/v1/connections/{connection}/accounts/ada");
    let account = stand_in.bed.client().get(&path).await.expect(200);
    if account["status"] != "active" {
        return Err(format!("not active: {account}"));
    }
    let known: BTreeMap<String, String> = fields.into_iter().chain(secrets).collect();
    let credential = places(pattern, &known, &token);
    let connected = Connected { connection, credential, fields: known, scopes };
    if let Some(test) = test {
        let (_, path) = entry.place_of(test, &connected.fields);
        let tried = stand_in.upstream.requests().split_off(before);
        let tried = tried.iter().rev().find(|sent| fits(&path, sent.path())).ok_or("the account was not tried")?;
        connected.credential.iter().try_for_each(|place| place.holds(tried))?;
    }
    Ok(connected)
}

/// What a user would fill in: public fields, and secret ones.
fn form(stand_in: &StandIn, pattern: &Value) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let (mut public, mut secret) = (BTreeMap::new(), BTreeMap::new());
    for field in pattern["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap().to_owned();
        if field["type"] == "text" {
            let text = public_text(field);
            public.insert(name, text);
        } else {
            let text = match name.as_str() {
                "private_key" => rsa_pem(),
                "service_account" => service_account(),
                _ => stand_in.bed.host.plant().token().to_owned(),
            };
            secret.insert(name, text);
        }
    }
    (public, secret)
}

/// The default, or the example that the hint ends or begins with.
fn public_text(field: &Value) -> String {
    let hint = field["hint"].as_str().unwrap_or_default();
    match (field["name"].as_str().unwrap(), field["default"].as_str()) {
        (_, Some(text)) => text.to_owned(),
        ("dc", _) => "us19".to_owned(),
        ("username", _) => "ann@example.com/token".to_owned(),
        ("login_customer_id", _) => "1234567890".to_owned(),
        ("account" | "user", _) => "ACME".to_owned(),
        ("content_url", _) => "acme".to_owned(),
        _ if hint.contains('.') && !hint.contains(' ') => hint.to_owned(),
        _ => "acme".to_owned(),
    }
}

/// The form's fields only: some public fields are found out by the host itself.
fn written(
    pattern: &Value,
    public: &BTreeMap<String, String>,
    secret: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let asked: Vec<_> = pattern["fields"].as_array().into_iter().flatten().map(|field| &field["name"]).collect();
    let both = public.iter().chain(secret).filter(|(name, _)| asked.contains(&&json!(name)));
    both.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn service_account() -> String {
    json!({ "private_key": rsa_pem(), "private_key_id": "key-1", "client_email": "robot@example.com" }).to_string()
}

/// Lets the pattern's endpoints answer as the file says that they do.
fn answer_for_tokens(stand_in: &StandIn, pattern: &Value, fields: &mut BTreeMap<String, String>, token: &str) {
    let mut answer = json!({ "access_token": token, "refresh_token": format!("{token}-refresh"), "expires_in": 3600,
        "token_type": "bearer" });
    for (name, pointer) in pattern["response"].as_object().into_iter().flatten() {
        match name.as_str() {
            "access_token" => put(&mut answer, pointer.as_str().unwrap(), json!(token)),
            "expires_in" => put(&mut answer, pointer.as_str().unwrap(), json!(3600)),
            "fields" => pointer.as_object().unwrap().iter().for_each(|(name, pointer)| {
                put(&mut answer, pointer.as_str().unwrap(), json!("acme-1"));
                fields.insert(name.clone(), "acme-1".into());
            }),
            "refresh_token" => put(&mut answer, pointer.as_str().unwrap(), json!(format!("{token}-refresh"))),
            // Who does not say what was granted has granted it all.
            _ => {}
        }
    }
    for url in [&pattern["token_url"], &pattern["refresh_url"], &pattern["sign_in"]["url"]] {
        if let Some(url) = url.as_str() {
            stand_in.answer_at(address(&filled(url, fields)), Reply::json(200, &answer));
        }
    }
    // What stands in the first leg's answer is seen in the browser's URL.
    for (url, token) in [(&pattern["request_url"], "temporary"), (&pattern["access_url"], token)] {
        if let Some(url) = url.as_str() {
            let secret = format!("{}-secret", stand_in.bed.host.plant().token());
            let text = format!("oauth_token={token}&oauth_token_secret={secret}&oauth_callback_confirmed=true");
            stand_in.answer_at(address(url), Reply::text(200, &text));
        }
    }
    for lookup in pattern["lookups"].as_array().into_iter().flatten() {
        let mut found = json!({});
        for (name, pointer) in lookup["fields"].as_object().unwrap() {
            let value = if name == "dc" { "us19" } else { "acme-1" };
            put(&mut found, pointer.as_str().unwrap(), json!(value));
            fields.insert(name.clone(), value.into());
        }
        if let Some(label) = lookup["choice"]["label"].as_str() {
            put(&mut found, label, json!("Acme"));
            found = json!([found]);
        }
        stand_in.answer_at(address(lookup["url"].as_str().unwrap()), Reply::json(200, &found));
    }
}

/// A link, its page, the provider's yes, and back.
async fn consent(
    stand_in: &StandIn,
    connection: &str,
    pattern: &Value,
    form: &BTreeMap<String, String>,
    callback: &str,
    fields: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let bed = &stand_in.bed;
    let path = format!("/v1/connections/{connection}/accounts/ada/authorize");
    let made = bed.client().post(&path, &json!({})).await.expect(201);
    let ada = Visitor::new(bed);
    let filled_in: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = ada.fill(made["link"].as_str().unwrap(), &filled_in).await;
    if !text(&page).contains("http-equiv=\"refresh\"") {
        return Err(format!("not sent on: {} {}", page.status, text(&page)));
    }
    let url = target(&page);
    let expected = address(&filled(pattern["authorize_url"].as_str().unwrap(), fields));
    if address(&url) != expected {
        return Err(format!("sent to {url} and not to {expected}"));
    }
    asked_for(pattern, &url, callback)?;
    let mut back: Vec<(&str, String)> = match parameter(&url, "oauth_token") {
        Some(token) => vec![("oauth_token", token), ("oauth_verifier", "verified".into())],
        None => vec![("code", "the-code".into()), ("state", parameter(&url, "state").unwrap())],
    };
    for (name, parameter) in pattern["callback_fields"].as_object().into_iter().flatten() {
        back.push((parameter.as_str().unwrap(), "acme-1".into()));
        fields.insert(name.clone(), "acme-1".into());
    }
    // A provider of OAuth 1.0a was told the callback with the request of the first leg.
    let to = parameter(&url, "redirect_uri").unwrap_or_else(|| callback_with_state(stand_in, callback));
    let separator = if to.contains('?') { '&' } else { '?' };
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&back).finish();
    let answer = ada.open(&format!("{to}{separator}{query}")).await;
    let end = answer.header("location").ok_or_else(|| format!("{} {}", answer.status, text(&answer)))?.to_owned();
    let end = text(&ada.open(&end).await);
    if end.contains("Your account is connected") { Ok(()) } else { Err(end) }
}

/// What the provider is asked for is what the file says.
fn asked_for(pattern: &Value, url: &str, callback: &str) -> Result<(), String> {
    let mut expected: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in pattern["authorize_parameters"].as_object().into_iter().flatten() {
        expected.push((name.clone(), value.as_str().map(str::to_owned)));
    }
    if pattern["type"] == "oauth2" {
        let method = (pattern["pkce"] != false).then(|| "S256".to_owned());
        expected.push(("code_challenge_method".into(), method));
        expected.push(("redirect_uri".into(), Some(callback.to_owned())));
        expected.push(("client_id".into(), Some("gloveport".into())));
    }
    for (name, value) in expected {
        if parameter(url, &name) != value {
            return Err(format!("`{name}` is not {value:?} in {url}"));
        }
    }
    // AK-402: each vendor has its own names of scopes, and its own sign between them.
    let parameter_of_scopes = pattern["scope_parameter"].as_str().unwrap_or("scope");
    let asked = parameter(url, parameter_of_scopes).unwrap_or_default();
    let separator = pattern["scope_separator"].as_str().unwrap_or(" ");
    let asked: Vec<&str> = asked.split(separator).collect();
    let missing = |scope: &&Value| !asked.contains(&named(scope).as_str().unwrap());
    match pattern["scopes"].as_array().into_iter().flatten().find(missing) {
        Some(scope) => Err(format!("{scope} is not in {url}")),
        None => Ok(()),
    }
}

/// A scope's name, however it is written.
fn named(scope: &Value) -> Value {
    scope.get("name").unwrap_or(scope).clone()
}

/// The callback that the host named in its first signed request.
fn callback_with_state(stand_in: &StandIn, callback: &str) -> String {
    let named = |sent: &Recorded| {
        let header = sent.header("authorization")?.to_owned();
        let (_, rest) = header.split_once("oauth_callback=\"")?;
        let text = rest.split('"').next()?.to_owned();
        Some(percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned())
    };
    stand_in.upstream.requests().iter().rev().find_map(named).unwrap_or_else(|| callback.to_owned())
}

/// Where the file says that the credential goes.
fn places(pattern: &Value, known: &BTreeMap<String, String>, token: &str) -> Vec<Place> {
    let field = |key: &str| pattern[key].as_str().and_then(|name| known.get(name)).cloned();
    let header = |name: &str, value: String| Place::Header(name.to_lowercase(), value);
    let mut places: Vec<Place> = pattern["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| header(name, filled(value.as_str().unwrap(), known)))
        .collect();
    match pattern["type"].as_str().unwrap() {
        "bearer" => places.push(header("authorization", format!("Bearer {}", field("field").unwrap()))),
        "api_key" => {
            let value = format!("{}{}", pattern["prefix"].as_str().unwrap_or_default(), field("field").unwrap());
            let parameter = pattern["parameter"].as_str().unwrap();
            places.push(match pattern["in"].as_str().unwrap() {
                "query" => Place::Query(parameter.to_owned(), value),
                _ => header(parameter, value),
            });
        }
        "basic" => {
            let filler = pattern["filler"].as_str().unwrap_or_default().to_owned();
            let pair = format!("{}:{}", field("username").unwrap(), field("password").unwrap_or(filler));
            places.push(header("authorization", format!("Basic {}", STANDARD.encode(pair))));
        }
        "signed_jwt" => places.push(Place::Signed("authorization".into(), "Bearer ey".into())),
        "oauth1a" => places.push(Place::Signed("authorization".into(), "OAuth ".into())),
        "static_headers" => {}
        _ => match pattern["token"]["name"].as_str() {
            Some(name) => places.push(header(name, token.to_owned())),
            None => places.push(header("authorization", format!("Bearer {token}"))),
        },
    }
    places
}

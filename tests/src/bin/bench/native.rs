//! What the host is measured against: axum and reqwest doing the same by hand, without a sandbox or records.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Clone)]
struct PassThrough {
    client: reqwest::Client,
    upstream: String,
    credential: String,
}

/// What the upstream answers: a user of GitHub's, as the connector `github` asks for.
const USER: &str = r#"{"login":"ada","id":1,"type":"User","name":"Ada","email":"ada@example.test","html_url":"https://github.com/ada","public_repos":0,"created_at":"2020-01-01T00:00:00Z"}"#;

/// Starts the upstream of both: it answers every request that brings the credential. It keeps no record of them, as
/// [`gloveport_tests::upstream::Upstream`] would: millions of them would be measured too.
///
/// # Errors
///
/// When there is no free port.
pub(crate) async fn upstream(credential: &str) -> Result<SocketAddr, String> {
    let expected = format!("Bearer {credential}");
    let answer = async move |headers: HeaderMap| {
        let known = headers.get("authorization").is_some_and(|value| value.as_bytes() == expected.as_bytes());
        let status = if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        (status, [("content-type", "application/json; charset=utf-8")], USER)
    };
    serve(Router::new().fallback(answer)).await
}

/// Starts a server with `/null`, which answers at once, and `/call`, which asks the upstream with the credential.
///
/// # Errors
///
/// When there is no free port.
pub(crate) async fn start(upstream: String, credential: String) -> Result<SocketAddr, String> {
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let router = Router::new()
        .route("/null", get(async || Json(json!({ "ok": true }))))
        .route("/call", post(call))
        .with_state(PassThrough { client, upstream, credential });
    serve(router).await
}

async fn serve(router: Router) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// What a person would write in an hour: read the input, ask, parse, wrap.
async fn call(State(state): State<PassThrough>, headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    if !headers.contains_key("authorization") {
        return (StatusCode::UNAUTHORIZED, Json(Value::Null));
    }
    match ask(&state, &body).await {
        Ok(data) => (StatusCode::OK, Json(json!({ "status": "succeeded", "data": data }))),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({ "error": error }))),
    }
}

async fn ask(state: &PassThrough, body: &[u8]) -> Result<Value, String> {
    let _input: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let request = state.client.get(&state.upstream).bearer_auth(&state.credential).header("user-agent", "native");
    let response = request.send().await.and_then(reqwest::Response::error_for_status);
    let response = response.map_err(|error| error.to_string())?;
    response.json().await.map_err(|error| error.to_string())
}

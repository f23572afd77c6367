//! AK-310 to AK-313: the application confirms who it was, or the account never becomes active.

use std::time::Duration;

use gloveport::config::WrittenConnect;
use serde_json::{Value, json};

use super::stage::{Stage, parameter, with_parameters};
use super::visitor::{Visitor, text};

const APPLICATION: &str = "https://app.example.com";

/// A host that knows the application.
async fn stage(required: bool) -> Stage {
    let connect = WrittenConnect {
        verify_origins: Some(vec![APPLICATION.into()]),
        require_verification: Some(required),
        ..WrittenConnect::default()
    };
    Stage::with(connect, |_| {}).await
}

/// From a new link to the application: what it gets.
async fn at_the_application(stage: &Stage, visitor: &Visitor) -> (String, String) {
    let body = json!({ "user_verify_url": format!("{APPLICATION}/verify?tab=1"), "state": "s &/=?\u{e9}" });
    let made = stage.bed.client().post("/v1/connections/crm/accounts/ada/authorize", &body).await.expect(201);
    let url = stage.begin_at(visitor, made["link"].as_str().unwrap(), &[]).await;
    let answer = visitor.open(&stage.consent(&url)).await;
    assert_eq!(answer.status, 303, "{}", text(&answer));
    let application = answer.header("location").unwrap().to_owned();
    (made["auth_request_id"].as_str().unwrap().to_owned(), application)
}

fn confirmation(id: &str, identifier: &str) -> Value {
    json!({ "auth_request_id": id, "identifier": identifier })
}

/// AK-311, AK-312: the browser goes to the application with what it gave, and the account waits for its word.
#[tokio::test]
async fn an_account_is_active_once_the_application_has_confirmed() {
    let stage = stage(true).await;
    let ada = Visitor::new(&stage.bed);
    let (id, application) = at_the_application(&stage, &ada).await;
    assert!(application.starts_with("https://app.example.com/verify?tab=1&"), "{application}");
    assert_eq!(parameter(&application, "auth_request_id").as_deref(), Some(id.as_str()));
    assert_eq!(parameter(&application, "state").as_deref(), Some("s &/=?\u{e9}"), "handed back as it is");
    assert_eq!(stage.ada().await["status"], "pending");
    let answer = stage.bed.client().post("/v1/accounts/verify", &confirmation(&id, "ada")).await.expect(200);
    assert_eq!(stage.ada().await["status"], "active");
    let end = ada.open(answer["redirect_url"].as_str().unwrap()).await;
    assert!(text(&end).contains("is connected"), "{}", text(&end));
    let again = stage.bed.client().post("/v1/accounts/verify", &confirmation(&id, "ada")).await;
    assert_eq!(again.problem(409), "conflict", "once");
    // AK-313: on every authorization.
    let before = stage.ada().await;
    let (id, _) = at_the_application(&stage, &ada).await;
    assert_eq!(stage.ada().await, before);
    stage.bed.client().post("/v1/accounts/verify", &confirmation(&id, "ada")).await.expect(200);
}

/// Eve opens a link that was made for Ada, or Ada one of Eve's: nothing comes of it.
#[tokio::test]
async fn another_user_ends_the_attempt() {
    for identifier in ["eve", "", "Ada", "ada ", "ada\0"] {
        let stage = stage(false).await;
        let eve = Visitor::new(&stage.bed);
        let (id, _) = at_the_application(&stage, &eve).await;
        let answer = stage.bed.client().post("/v1/accounts/verify", &confirmation(&id, identifier)).await;
        assert_eq!(answer.problem(403), "forbidden", "{identifier:?}");
        assert_eq!(stage.ada().await["status"], "pending");
        let late = stage.bed.client().post("/v1/accounts/verify", &confirmation(&id, "ada")).await;
        assert_eq!(late.problem(409), "conflict", "it is over");
        let page = text(&eve.open(&format!("/connect/result/{id}")).await);
        assert!(page.contains("made for somebody else"), "{page}");
        assert_eq!(stage.ada().await["status"], "pending");
    }
}

/// Only what waits can be confirmed, by the project that made it, in time.
#[tokio::test]
async fn what_does_not_wait_is_not_confirmed() {
    let stage = stage(false).await;
    let ada = Visitor::new(&stage.bed);
    let client = stage.bed.client();
    let verify = async |body: Value| client.post("/v1/accounts/verify", &body).await;
    for id in ["", "x", "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(verify(confirmation(id, "ada")).await.problem(404), "not_found", "{id}");
    }
    for body in
        [json!({}), json!({ "auth_request_id": "x" }), json!({ "auth_request_id": "x", "identifier": "a", "b": 1 })]
    {
        assert_eq!(verify(body.clone()).await.status, 400, "{body}");
    }
    let agent = stage.bed.agent(Some("ada")).await;
    assert_eq!(agent.post("/v1/accounts/verify", &confirmation("x", "ada")).await.problem(403), "forbidden");
    let path = "/v1/connections/crm/accounts/ada/authorize";
    let body = json!({ "user_verify_url": APPLICATION });
    let made = client.post(path, &body).await.expect(201);
    let id = made["auth_request_id"].as_str().unwrap();
    assert_eq!(verify(confirmation(id, "ada")).await.problem(409), "conflict", "a link that nobody opened");
    let url = stage.begin_at(&ada, made["link"].as_str().unwrap(), &[]).await;
    assert_eq!(verify(confirmation(id, "ada")).await.problem(409), "conflict", "a browser at the provider");
    let refused = with_parameters(&stage.consent(&url), &[("code", None), ("error", Some("access_denied"))]);
    stage.end(&ada, &refused).await;
    assert_eq!(verify(confirmation(id, "ada")).await.problem(409), "conflict", "an attempt that failed");
    // At the second.
    let (id, _) = at_the_application(&stage, &ada).await;
    stage.wait(Duration::from_secs(15 * 60));
    assert_eq!(verify(confirmation(&id, "ada")).await.problem(409), "conflict", "too late");
    let (id, _) = at_the_application(&stage, &ada).await;
    stage.wait(Duration::from_secs(15 * 60 - 1));
    verify(confirmation(&id, "ada")).await.expect(200);
}

/// No link leads to an application that the operator did not name, and where it is asked for, none goes without.
#[tokio::test]
async fn only_named_applications_are_sent_browsers() {
    let stage = stage(true).await;
    let path = "/v1/connections/crm/accounts/ada/authorize";
    for url in [
        "https://evil.example/verify",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://evil.example/https://app.example.com",
        "https://app.example.com:8443/",
        "http://app.example.com/",
        "//app.example.com/",
        "https:app.example.com@evil.example",
        "javascript:alert(1)//app.example.com",
        "https://app.example.com/#x",
        "https://ada@app.example.com/",
        "https://app.example.com/?state=mine",
        "https://app.example.com/?a&auth%5Frequest_id=req_1",
        "https://app.example.com\\@evil.example/",
    ] {
        let answer = stage.bed.client().post(path, &json!({ "user_verify_url": url })).await;
        // A backslash is a slash to browsers, and so it is here.
        let harmless = url.contains('\\') && answer.status == 201;
        assert!(answer.status == 422 || harmless, "{url}: {answer:?}");
    }
    assert_eq!(stage.bed.client().post(path, &json!({})).await.problem(422), "invalid_input", "it is required");
}

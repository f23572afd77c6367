//! A server that wants more of a user for one tool than for another: asked for when it is needed, and added to what there was.

use std::sync::Arc;

use gloveport_tests::host::Answer;
use serde_json::{Value, json};

use super::discover;
use super::oauth::{Scene, parameter, target};
use super::server::Server;
use crate::api::visitor::{Visitor, text};

/// A scene in which Ada is connected with the scope `read`, and `pay` and `close` want more.
async fn scene() -> (Scene, Visitor) {
    let scene = Scene::start().await;
    scene.server.has(json!([{ "name": "tell" }, { "name": "pay" }, { "name": "close" }]));
    let known = Arc::clone(&scene.authority);
    scene.server.refuses(move |token, tool| {
        let wanted = match tool {
            "pay" => "read pay:bills",
            "close" => "close",
            _ => return None,
        };
        let has = known.scopes_of(token).unwrap_or_default();
        let lacks = wanted.split(' ').any(|scope| !has.iter().any(|own| own == scope));
        lacks.then(|| format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\", resource_metadata=\"x\""))
    });
    scene.declare(json!({})).await.expect(201);
    scene.connection().await;
    let ada = Visitor::new(&scene.bed);
    let url = scene.left(&ada).await;
    consent(&scene, &ada, &url).await;
    discover(&scene.bed.host).await;
    (scene, ada)
}

async fn consent(scene: &Scene, ada: &Visitor, url: &str) {
    let answer = ada.open(&scene.authority.consent(url).unwrap()).await;
    let end = ada.open(answer.header("location").unwrap()).await;
    assert!(text(&end).contains("is connected"), "{}", text(&end));
}

async fn call(scene: &Scene, tool: &str) -> Answer {
    scene.bed.host.execute(tool, "ada", &json!({})).await
}

/// How often the server was called by name.
fn calls(server: &Server) -> usize {
    server.methods(0).iter().filter(|method| *method == "tools/call").count()
}

/// The call ends with what is missing and a link; its user consents to that and to what was there before; the same call then
/// goes through. Once more for another tool: nothing of it is lost.
#[tokio::test]
async fn a_user_consents_to_more_when_a_tool_wants_it() {
    let (scene, ada) = scene().await;
    call(&scene, "desk_tell").await.expect(200);
    for (tool, missing, asked) in [
        ("desk_pay", json!(["read", "pay:bills"]), "read pay:bills"),
        ("desk_close", json!(["close"]), "read pay:bills close"),
    ] {
        let before = calls(&scene.server);
        let refused = call(&scene, tool).await;
        let problem = refused.json();
        assert_eq!((&problem["missing_scopes"], &problem["culprit"]), (&missing, &json!("upstream")), "{problem}");
        let link = problem["connect_link"].as_str().unwrap().to_owned();
        assert_eq!(refused.problem(403), "missing_scopes");
        assert_eq!(calls(&scene.server), before + 1, "asked once");
        let page = ada.fill(&link, &[]).await;
        let url = page.header("location").map_or_else(|| target(&page), str::to_owned);
        assert_eq!(parameter(&url, "scope").as_deref(), Some(asked));
        assert_eq!(parameter(&url, "resource"), Some(scene.server.url("/mcp")));
        consent(&scene, &ada, &url).await;
        call(&scene, tool).await.expect(200);
    }
    for tool in ["desk_tell", "desk_pay", "desk_close"] {
        call(&scene, tool).await.expect(200);
    }
    let shown = scene.bed.client().get("/v1/connections/desk/accounts/ada").await.expect(200);
    assert_eq!((&shown["status"], &shown["scopes"]), (&json!("active"), &json!(["close", "pay:bills", "read"])));
}

/// A server that is never content is asked once by each call, and takes nothing away from what works.
#[tokio::test]
async fn a_server_that_always_wants_more_does_not_loop() {
    let (scene, ada) = scene().await;
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"more\"";
    scene.server.refuses(move |_, tool| (tool == "pay").then(|| challenge.to_owned()));
    for _ in 0..3 {
        let (sent, tokens) = (scene.server.requests().len(), scene.authority.counts().token_requests);
        let problem = call(&scene, "desk_pay").await.json();
        assert_eq!((&problem["code"], &problem["missing_scopes"]), (&json!("missing_scopes"), &json!(["more"])));
        assert_eq!(scene.server.requests().len(), sent + 1);
        assert_eq!(scene.authority.counts().token_requests, tokens);
        let page = ada.fill(problem["connect_link"].as_str().unwrap(), &[]).await;
        let url = page.header("location").map_or_else(|| target(&page), str::to_owned);
        assert_eq!(parameter(&url, "scope").as_deref(), Some("read more"));
        consent(&scene, &ada, &url).await;
    }
    call(&scene, "desk_tell").await.expect(200);
    // A challenge that names nothing is a refusal, and no reason to ask anybody for anything.
    scene.server.refuses(|_, _| Some("Bearer error=\"insufficient_scope\"".into()));
    let refused = call(&scene, "desk_tell").await;
    assert_eq!(refused.json()["connect_link"], Value::Null);
    assert_eq!(refused.problem(403), "forbidden");
}

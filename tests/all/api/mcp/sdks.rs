//! AK-908: clients that nobody of this project wrote, in both eras, from the first list to the last change.

use gloveport_tests::conversation::Conversation;
use gloveport_tests::sdk_client::{self, Sdk};
use gloveport_tests::upstream::{Gate, Recorded, Reply};
use serde_json::{Value, json};

use super::client::{LEGACY, MODERN, Mcp, config};
use crate::api::bed::Bed;

const CHOSEN: [&str; 4] = ["probe_echo", "probe_fetch_read", "probe_progress", "probe_whoami"];

#[tokio::test]
async fn the_python_sdk_of_the_current_era() {
    is_served(Sdk::Python, "modern").await;
}

#[tokio::test]
async fn the_python_sdk_of_the_earlier_era() {
    is_served(Sdk::Python, "legacy").await;
}

#[tokio::test]
async fn the_typescript_sdk_of_the_current_era() {
    is_served(Sdk::TypeScript, "modern").await;
}

#[tokio::test]
async fn the_typescript_sdk_of_the_earlier_era() {
    is_served(Sdk::TypeScript, "legacy").await;
}

#[tokio::test]
async fn the_rust_sdk_of_the_current_era() {
    is_served(Sdk::Rust, "modern").await;
}

#[tokio::test]
async fn the_rust_sdk_of_the_earlier_era() {
    is_served(Sdk::Rust, "legacy").await;
}

/// A host, an upstream that holds some answers back, and a client.
struct Scene {
    bed: Bed,
    client: Conversation,
    modern: bool,
}

async fn is_served(sdk: Sdk, era: &str) {
    let gate = Gate::closed();
    let held = gate.clone();
    let bed = Bed::answering(move |request: &Recorded| {
        let reply = Reply::json(200, &json!({ "ok": true }));
        if request.path().starts_with("/slow") { reply.after(&held) } else { reply }
    })
    .await;
    config(&bed, "desk", Some(&CHOSEN), "listed").await;
    let url = Mcp::of(bed.client(), "desk", "ada").await.url();
    let Some(client) = sdk_client::start(sdk, &url, era).await else { return };
    let mut scene = Scene { bed, client, modern: era == "modern" };
    let begun = scene.client.hear().await;
    let revision = if scene.modern { MODERN } else { LEGACY };
    assert_eq!((&begun["revision"], &begun["server"]), (&json!(revision), &json!("gloveport")));
    scene.tools_are_listed().await;
    scene.who_is_not_connected_gets_a_link().await;
    scene.calls_have_results().await;
    scene.progress_is_heard().await;
    scene.a_call_is_given_up().await;
    scene.a_change_is_heard().await;
}

impl Scene {
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.client.ask(&json!({ "do": "call", "tool": tool, "arguments": arguments })).await
    }

    async fn tools_are_listed(&mut self) {
        let said = self.client.ask(&json!({ "do": "list" })).await;
        let names: Vec<&Value> = said["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, CHOSEN);
        assert!(said["tools"].as_array().unwrap().iter().any(|tool| tool["output"] == true), "{said}");
    }

    /// In the current era the client comes back by itself once the link was opened; in the earlier one its user does.
    async fn who_is_not_connected_gets_a_link(&mut self) {
        let said = self.call("probe_whoami", json!({})).await;
        let link = match self.modern {
            true => said["open"].clone(),
            false => {
                assert_eq!(said["error"]["code"], -32042, "{said}");
                said["error"]["data"]["elicitations"][0]["url"].clone()
            }
        };
        assert!(link.as_str().is_some_and(|link| link.contains("/connect/")), "{said}");
        let canary = self.bed.host.plant();
        // The link has made the account, which waits for its credential.
        self.bed.host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(200);
        let done = match self.modern {
            true => self.client.ask(&json!({ "opened": true })).await,
            false => self.call("probe_whoami", json!({})).await,
        };
        assert_eq!((&done["failed"], done["structured"].is_object()), (&json!(false), true), "{done}");
        let sent = self.bed.upstream.requests();
        assert!(sent.last().unwrap().header("authorization").unwrap().contains(canary.token()));
    }

    async fn calls_have_results(&mut self) {
        let input = json!({ "text": "hé", "list": [1, 2.5, null] });
        let said = self.call("probe_echo", input.clone()).await;
        assert_eq!((&said["failed"], &said["structured"]), (&json!(false), &input));
        assert_eq!(serde_json::from_str::<Value>(said["text"][0].as_str().unwrap()).unwrap(), input);
        // What the model did wrong it can read, and mend.
        let said = self.call("probe_fetch_read", json!({ "target": 7 })).await;
        assert_eq!(said["failed"], true, "{said}");
        assert!(said["text"][0].as_str().unwrap().contains("invalid_input"), "{said}");
        let said = self.call("probe_nothing", json!({})).await;
        assert_eq!(said["error"]["code"], -32602, "{said}");
    }

    /// How many steps are seen depends on how fast the guest is; each says more than the one before.
    async fn progress_is_heard(&mut self) {
        let said = self.call("probe_progress", json!({ "count": 3 })).await;
        assert_eq!(said["failed"], false, "{said}");
        let steps: Vec<f64> = said["steps"].as_array().unwrap().iter().map(|step| step.as_f64().unwrap()).collect();
        assert!(steps.is_sorted() && steps.iter().all(|step| *step <= 3.0), "{steps:?}");
    }

    /// The client gives up, by which the guest and its request end.
    async fn a_call_is_given_up(&mut self) {
        let seen = self.bed.upstream.requests().len();
        let cancel = json!({ "do": "cancel", "tool": "probe_fetch_read", "arguments": { "target": "/slow" } });
        self.client.tell(&cancel).await;
        self.bed.upstream.wait_for(seen + 1).await;
        assert_eq!(self.client.ask(&json!({ "under_way": true })).await["cancelled"], true);
        loop {
            let record = self.bed.client().get("/v1/executions?limit=1").await.expect(200)["items"][0].clone();
            if record["tool"] == "probe_fetch_read" && record["status"] != "started" {
                assert_eq!(record["status"], "cancelled");
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn a_change_is_heard(&mut self) {
        assert_eq!(self.client.ask(&json!({ "do": "listen" })).await["listening"], true);
        config(&self.bed, "desk", Some(&CHOSEN[..2]), "listed").await;
        assert_eq!(self.client.hear().await["heard"], "tools");
        let said = self.client.ask(&json!({ "do": "list" })).await;
        assert_eq!(said["tools"].as_array().unwrap().len(), 2, "{said}");
    }
}

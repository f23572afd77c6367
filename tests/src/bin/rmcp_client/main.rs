//! A client of `rmcp`, MCP's SDK in Rust: it goes to one URL, in one era, and does what lines of JSON tell it. What is told
//! to it, and what it says then, is described in `tests/src/sdk_client.rs`.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a program of the tests, which talks by its output")]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams,
    ElicitResult, ElicitationAction, ErrorData, GetTaskParams, Implementation, ProgressNotificationParam,
    ProtocolVersion, SubscriptionFilter, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _};
use serde_json::{Value, json};
use tokio::sync::{Mutex as Held, Notify, mpsc};

type Told = Arc<Held<mpsc::UnboundedReceiver<Value>>>;
type Running = RunningService<RoleClient, Handler>;

/// What the client does when the server asks or tells something.
struct Handler {
    tasks: bool,
    told: Told,
    steps: Arc<Mutex<Vec<f64>>>,
    changed: Arc<Notify>,
}

impl ClientHandler for Handler {
    /// Asked to open a link: whoever drives this client does, and says so.
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        match request {
            ElicitRequestParams::UrlElicitationParams { url, .. } => say(&json!({ "open": url })),
            other => say(&json!({ "asked": other })),
        }
        hear(&self.told).await;
        Ok(ElicitResult::new(ElicitationAction::Accept))
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(params.progress);
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    fn get_info(&self) -> ClientConfig {
        let mut can = json!({ "elicitation": { "form": {}, "url": {} } });
        if self.tasks {
            can["extensions"] = json!({ "io.modelcontextprotocol/tasks": {} });
        }
        let can: ClientCapabilities = serde_json::from_value(can).expect("these are capabilities");
        ClientConfig::new(can, Implementation::new("independent", "1.0.0"))
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}

// On one thread: the SDK hears each notification in a task of its own, and several threads run those in any order.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Refused only if there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut given = std::env::args().skip(1);
    let (url, era) = (given.next().expect("a URL"), given.next().expect("an era"));
    let told = reads();
    let (steps, changed) = (Arc::<Mutex<Vec<f64>>>::default(), Arc::<Notify>::default());
    let handler = Handler {
        tasks: era == "tasks",
        told: Arc::clone(&told),
        steps: Arc::clone(&steps),
        changed: Arc::clone(&changed),
    };
    let legacy = era == "legacy";
    let lifecycle = match legacy {
        true => ClientLifecycleMode::Initialize,
        false => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    };
    let transport = StreamableHttpClientTransport::from_uri(url);
    let client = handler.serve_with_lifecycle(transport, lifecycle).await.expect("the server lets it in");
    let peer = client.peer_info().expect("it has been told");
    let server = peer.server_info.as_ref().map(|server| server.name.clone());
    say(&json!({ "revision": peer.protocol_version, "server": server }));
    loop {
        let order = hear(&told).await;
        let done = match order["do"].as_str() {
            Some("list") => list(&client).await,
            Some("call") => {
                steps.lock().unwrap_or_else(PoisonError::into_inner).clear();
                let mut said = call(&client, &order).await;
                said["steps"] = json!(*steps.lock().unwrap_or_else(PoisonError::into_inner));
                said
            }
            Some("cancel") => cancel(&client, &order, &told).await,
            Some("listen") if legacy => {
                // The stream is opened by itself once the client has begun.
                say(&json!({ "listening": true }));
                changed.notified().await;
                json!({ "heard": "tools" })
            }
            Some("listen") => listen(&client).await,
            _ => task(&client, &order, &told).await,
        };
        say(&done);
    }
}

fn say(line: &Value) {
    println!("{line}");
}

/// The lines of the input, read on a thread of their own. At its end, this program ends.
fn reads() -> Told {
    let (sends, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            // Nobody listens any more once the program ends.
            let _ = sends.send(serde_json::from_str(&line).expect("lines are JSON"));
        }
        std::process::exit(0);
    });
    Arc::new(Held::new(told))
}

/// The next line.
async fn hear(told: &Told) -> Value {
    told.lock().await.recv().await.expect("the program ends with its input")
}

fn request(order: &Value) -> CallToolRequestParams {
    let arguments = order["arguments"].as_object().cloned().unwrap_or_default();
    CallToolRequestParams::new(order["tool"].as_str().unwrap_or_default().to_owned()).with_arguments(arguments)
}

async fn list(client: &Running) -> Value {
    let tools = client.list_all_tools().await.expect("tools are listed");
    let tools = tools.iter().map(|tool| json!({ "name": tool.name, "output": tool.output_schema.is_some() }));
    json!({ "tools": tools.collect::<Vec<_>>() })
}

async fn call(client: &Running, order: &Value) -> Value {
    match client.call_tool(request(order)).await {
        Ok(result) => shown(&result),
        Err(ServiceError::McpError(error)) => {
            json!({ "error": { "code": error.code.0, "message": error.message, "data": error.data } })
        }
        Err(other) => panic!("{other}"),
    }
}

fn shown(result: &CallToolResult) -> Value {
    let text = result.content.iter().filter_map(|block| block.as_text().map(|text| text.text.clone()));
    json!({ "failed": result.is_error == Some(true), "structured": result.structured_content,
        "text": text.collect::<Vec<_>>() })
}

/// The call is given up when whoever drives this client says that it is under way.
async fn cancel(client: &Running, order: &Value, told: &Told) -> Value {
    tokio::select! {
        _ = client.call_tool(request(order)) => json!({ "cancelled": false }),
        _ = hear(told) => json!({ "cancelled": true }),
    }
}

async fn listen(client: &Running) -> Value {
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = client.listen(filter).await.expect("the server lets it listen");
    say(&json!({ "listening": true }));
    let heard = subscription.next().await.expect("the stream can be read");
    let heard = heard.map(|notification| serde_json::to_value(notification).expect("it was JSON")["method"].clone());
    // The server is told that nobody listens any more; what it says to that is of no interest.
    drop(subscription.cancel().await);
    let tools = heard.as_ref().and_then(Value::as_str) == Some("notifications/tools/list_changed");
    json!({ "heard": if tools { json!("tools") } else { json!(heard) } })
}

/// A call that becomes a task: says what it is at first, answers its question with what it is told then, and says what
/// came of it.
async fn task(client: &Running, order: &Value, told: &Told) -> Value {
    let task = match client.call_tool_once(request(order)).await.expect("the call is taken") {
        CallToolResponse::Task(created) => created.task,
        other => return json!({ "no_task": format!("{other:?}") }),
    };
    say(&json!({ "task": task }));
    let mut answered = Value::Null;
    loop {
        let now = client.get_task(GetTaskParams::new(&task.task_id)).await.expect("the task is there");
        let now = serde_json::to_value(now).expect("it was JSON");
        match now["status"].as_str() {
            Some("working") => {}
            // What was answered may be there for another moment.
            Some("input_required") if now["inputRequests"] == answered => {}
            Some("input_required") => {
                say(&now);
                let responses = serde_json::from_value(hear(told).await).expect("lines are answers by name");
                let update = UpdateTaskParams::new(&task.task_id, responses);
                client.update_task(update).await.expect("the answer is taken");
                answered = now["inputRequests"].clone();
            }
            _ => return now,
        }
    }
}

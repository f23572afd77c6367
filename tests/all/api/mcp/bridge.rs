//! `gloveport mcp` as programs start it: lines in, lines out, and nothing else.

use std::process::Stdio;

use gloveport_tests::programs;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::client::{LEGACY, MODERN, Mcp, config, text};
use crate::api::bed::Bed;

/// A running bridge, as the program sees it that started it.
struct Bridge {
    process: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bridge {
    fn start(arguments: &[&str], variable: (&str, &str)) -> Self {
        let mut process = Command::new(programs::gloveport())
            .arg("mcp")
            .args(arguments)
            .env_remove("GLOVEPORT_KEY")
            .env(variable.0, variable.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { input: process.stdin.take(), process, lines }
    }

    async fn write(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.input.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Asks for something of the earlier revisions.
    async fn ask(&mut self, id: &Value, method: &str, params: &Value) -> Value {
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        let answer = self.next().await;
        assert_eq!(&answer["id"], id, "{answer}");
        answer
    }

    /// Closes its input; gives its exit code, what was left on standard output, and what it said to people.
    async fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        drop(self.input.take());
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(line);
        }
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (self.process.wait().await.unwrap().code(), rest, said)
    }
}

/// A request as the current revision has it.
fn modern(id: &Value, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// What a program of the current revision gets for one request, by a bridge that is started for it.
pub(in crate::api) async fn bridged(mcp: &Mcp, method: &str, params: &Value) -> Value {
    let mut bridge = Bridge::start(&[], ("GLOVEPORT_MCP_URL", &mcp.url()));
    bridge.write(&modern(&json!(1), method, params)).await;
    let answer = bridge.next().await;
    assert_eq!(bridge.end().await, (Some(0), Vec::new(), String::new()));
    answer
}

async fn desk(bed: &Bed) -> Mcp {
    bed.connect("ada").await;
    config(bed, "desk", Some(&["probe_echo", "probe_progress"]), "listed").await;
    Mcp::of(bed.client(), "desk", "ada").await
}

/// A program of the earlier revisions: it begins once, calls, and hears of a change.
#[tokio::test]
async fn a_program_that_begins_once_is_served() {
    let bed = Bed::start().await;
    let mcp = desk(&bed).await;
    let mut bridge = Bridge::start(&[], ("GLOVEPORT_MCP_URL", &mcp.url()));
    let hello = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let begun = bridge.ask(&json!(0), "initialize", &hello).await;
    assert_eq!(begun["result"]["protocolVersion"], LEGACY, "{begun}");
    bridge.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let listed = bridge.ask(&json!("a"), "tools/list", &json!({})).await;
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["probe_echo", "probe_progress"]);
    let params = json!({ "name": "probe_echo", "arguments": { "a": "line\nbreak" } });
    let called = bridge.ask(&json!(1), "tools/call", &params).await;
    assert_eq!(serde_json::from_str::<Value>(text(&called["result"])).unwrap(), json!({ "a": "line\nbreak" }));
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    assert_eq!(bridge.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(bridge.end().await, (Some(0), Vec::new(), String::new()));
}

/// A program of the current revision: each request by itself, progress before its result, and a stream that it may leave.
#[tokio::test]
async fn a_program_whose_requests_stand_alone_is_served() {
    let bed = Bed::start().await;
    let mcp = desk(&bed).await;
    let mut bridge = Bridge::start(&["--url", &mcp.url()], ("LANG", "C"));
    bridge.write(&modern(&json!(1), "server/discover", &json!({}))).await;
    assert_eq!(bridge.next().await["result"]["supportedVersions"][0], MODERN);
    let call = json!({ "name": "probe_progress", "arguments": { "count": 3 }, "_meta": { "progressToken": "p" } });
    bridge.write(&modern(&json!(2), "tools/call", &call)).await;
    let mut steps = 0;
    loop {
        let line = bridge.next().await;
        if line["id"] == 2 {
            assert_eq!(line["result"]["isError"], false, "{line}");
            break;
        }
        assert_eq!(line["params"]["progressToken"], "p", "{line}");
        steps += 1;
    }
    assert!(steps > 0, "the last step is always told");
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    bridge.write(&modern(&json!("l"), "subscriptions/listen", &wanted)).await;
    assert_eq!(bridge.next().await["method"], "notifications/subscriptions/acknowledged");
    // The name of a tool that no header can carry as it is.
    bridge.write(&modern(&json!(3), "tools/call", &json!({ "name": "wörld" }))).await;
    assert_eq!(bridge.next().await["error"]["code"], -32602);
    assert_eq!(bridge.end().await, (Some(0), Vec::new(), String::new()));
}

/// By a key and the name of a config, as the key allows; what is wrong is answered, and the URL is said to nobody.
#[tokio::test]
async fn a_key_and_a_config_are_an_endpoint_too() {
    let bed = Bed::start().await;
    desk(&bed).await;
    let agent = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    let key = agent["key"].as_str().unwrap();
    let at = ["--server", bed.client().base(), "--config", "desk", "--identifier", "ada"];
    let mut bridge = Bridge::start(&at, ("GLOVEPORT_KEY", key));
    bridge.write(&modern(&json!(1), "tools/call", &json!({ "name": "probe_echo", "arguments": {} }))).await;
    assert_eq!(bridge.next().await["result"]["isError"], false);
    bridge.write(&json!([])).await;
    bridge.write(&modern(&json!(2), "no/such", &json!({}))).await;
    assert_eq!(bridge.next().await["error"]["code"], -32601);
    let (code, rest, said) = bridge.end().await;
    assert_eq!((code, rest), (Some(0), Vec::new()));
    assert!(said.contains("HTTP 400") && !said.contains(key), "{said}");

    let url = format!("{}/mcp/gpm_{}", bed.client().base(), "x".repeat(43));
    let mut bridge = Bridge::start(&[], ("GLOVEPORT_MCP_URL", &url));
    let answer = bridge.ask(&json!(1), "initialize", &json!({ "protocolVersion": LEGACY })).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("no such MCP instance"), "{answer}");
    let (code, rest, said) = bridge.end().await;
    assert!((code, rest.len()) == (Some(0), 0) && !said.contains("gpm_"), "{said}");
}

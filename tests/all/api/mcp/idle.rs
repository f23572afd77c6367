//! As many clients that listen and say nothing as there may be, and one more.

use futures_util::stream::{self, StreamExt as _};
use gloveport_tests::host::TestHost;
use gloveport_tests::upstream::Reply;
use serde_json::json;

use super::client::{Mcp, config};
use crate::api::bed::Bed;

/// As many as the host has room for.
const STREAMS: usize = 10_000;

/// As many as one user may have.
const OF_ONE: usize = 32;

/// Streams on one connection: fewer than a connection may have.
const TOGETHER: usize = 160;

/// Requests under way at the same time.
const AT_ONCE: usize = 24;

/// What one idle stream may cost of the host's memory, in bytes: its task, its place among those who listen, and its part
/// of a connection.
const COST: usize = 64 * 1024;

/// Bytes of memory that a process uses.
#[cfg(target_os = "linux")]
fn memory(process: u32) -> usize {
    let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn listen(client: &reqwest::Client, mcp: &Mcp) -> reqwest::Response {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let (headers, body) = mcp.written("subscriptions/listen", &params);
    let request = client.post(mcp.url()).body(body.to_string());
    let request =
        request.header("content-type", "application/json").header("accept", "text/event-stream, application/json");
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await.unwrap()
}

/// Memory is bounded by what one costs and how many there may be; whoever has a request is served beside them.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_cost_little_and_no_more_are_opened() {
    let bed = Bed::on(TestHost::spawn_child().await, |_| Reply::json(200, &json!({ "ok": true }))).await;
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    let names: Vec<String> = (0..=STREAMS / OF_ONE).map(|n| format!("user-{n}")).collect();
    let users: Vec<Mcp> =
        stream::iter(&names).map(|name| Mcp::of(bed.client(), "desk", name)).buffered(AT_ONCE).collect().await;
    let plain = || reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let clients: Vec<reqwest::Client> = (0..=STREAMS / TOGETHER).map(|_| plain()).collect();
    let process = bed.host.child_id().unwrap();
    let before = memory(process);
    let open: Vec<reqwest::Response> = stream::iter(0..STREAMS)
        .map(|n| listen(&clients[n / TOGETHER], &users[n / OF_ONE]))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert!(open.iter().all(|response| response.status() == 200));
    let each = memory(process).saturating_sub(before) / STREAMS;
    println!("{each} bytes of memory for each of {STREAMS} streams");
    assert!(each < COST, "{each} bytes each");
    let (last, one_more) = (users.last().unwrap(), clients.last().unwrap());
    assert_eq!(listen(one_more, last).await.status(), 429);
    assert_eq!(last.listed().await, ["probe_echo"], "others are served");
    drop(open);
    while listen(one_more, last).await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

//! The imitated other end does what the tests take it to do.

use gloveport_tests::upstream::{Encoding, Gate, RawUpstream, Reply, Upstream};
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::json;

async fn get(url: &str) -> reqwest::Result<(u16, Vec<u8>)> {
    let response = client().get(url).send().await?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await?.to_vec()))
}

fn client() -> reqwest::Client {
    // The harness talks to the loopback only; the provider is asked for by the client all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn records_what_came() {
    let upstream = Upstream::start(|request| Reply::json(201, &json!({"echo": request.text()}))).await;
    let url = upstream.url("/a%2Fb/c?x=1%202&y=a+b&x=3");
    let client = client();
    let response = client.post(&url).header("X-One", "1").body("name=%C3%A9&plus=a+b").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), r#"{"echo":"name=%C3%A9&plus=a+b"}"#);
    let request = upstream.only_request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a%2Fb/c?x=1%202&y=a+b&x=3"));
    assert_eq!(request.segments(), ["a/b", "c"]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.query(), [pair("x", "1 2"), pair("y", "a b"), pair("x", "3")]);
    assert_eq!(request.form(), [pair("name", "é"), pair("plus", "a b")]);
    assert_eq!(request.header("x-one"), Some("1"));
    client.get(upstream.url("/again")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((upstream.requests().len(), upstream.connections()), (2, 1), "the client keeps its connection");
}

#[tokio::test]
async fn a_script_ends() {
    let upstream = Upstream::scripted([Reply::status(204), Reply::redirect(302, "/next")]).await;
    let statuses = [get(&upstream.url("/")).await, get(&upstream.url("/")).await, get(&upstream.url("/")).await];
    assert_eq!(statuses.map(|answer| answer.unwrap().0), [204, 302, 500]);
}

#[tokio::test]
async fn a_gate_holds_the_answer_and_not_the_request() {
    let gate = Gate::closed();
    let held = gate.clone();
    let upstream = Upstream::start(move |_| Reply::status(204).after(&held)).await;
    let url = upstream.url("/");
    let call = tokio::spawn(async move { get(&url).await.unwrap().0 });
    assert_eq!(upstream.wait_for(1).await.len(), 1);
    assert!(!call.is_finished());
    gate.open();
    assert_eq!(call.await.unwrap(), 204);
}

#[tokio::test]
async fn bodies_break_stall_and_repeat() {
    let upstream = Upstream::start(|request| match request.path() {
        "/broken" => Reply::broken("text/plain", "half"),
        "/stalled" => Reply::stalled("text/plain", "half"),
        "/never" => Reply::never(),
        _ => Reply::repeated("text/plain", vec![b'x'; 1 << 16], 64),
    })
    .await;
    assert!(get(&upstream.url("/broken")).await.is_err());
    assert_eq!(get(&upstream.url("/repeated")).await.unwrap().1.len(), 1 << 22);
    let mut stalled = client().get(upstream.url("/stalled")).send().await.unwrap();
    assert_eq!(stalled.chunk().await.unwrap().unwrap(), "half");
    for url in [upstream.url("/never"), upstream.url("/stalled")] {
        let client = client();
        let before = upstream.requests().len();
        let call = tokio::spawn(async move { client.get(url).send().await?.bytes().await });
        upstream.wait_for(before + 1).await;
        assert!(!call.is_finished());
        call.abort();
    }
}

#[tokio::test]
async fn raw_bytes_come_as_they_are() {
    let upstream = RawUpstream::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole").await;
    assert_eq!(get(&upstream.url("/x?y")).await.unwrap(), (200, b"whole".to_vec()));
    assert!(upstream.heads()[0].starts_with("GET /x?y HTTP/1.1\r\n"));
    for malformed in
        ["", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal", "HTTP/1.1 200 OK\r\nbad header"]
    {
        let upstream = RawUpstream::start(malformed).await;
        assert!(get(&upstream.url("/")).await.is_err(), "{malformed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any body, in any encoding or cut, is the same body.
    #[test]
    fn encodings_and_cuts_keep_the_body(body: Vec<u8>, cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut offsets: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            offsets.sort_unstable();
            let upstream = Upstream::scripted([
                Reply::split("text/plain", &body, &offsets),
                Reply::encoded(Encoding::Gzip, "text/plain", &body),
                Reply::encoded(Encoding::Deflate, "text/plain", &body),
                Reply::encoded(Encoding::Brotli, "text/plain", &body),
            ]).await;
            assert_eq!(get(&upstream.url("/")).await.unwrap().1, body);
            let gzip = get(&upstream.url("/")).await.unwrap().1;
            assert_eq!(read(flate2::read::GzDecoder::new(&gzip[..])), body);
            let deflate = get(&upstream.url("/")).await.unwrap().1;
            assert_eq!(read(flate2::read::ZlibDecoder::new(&deflate[..])), body);
            let br = get(&upstream.url("/")).await.unwrap().1;
            assert_eq!(read(brotli::Decompressor::new(&br[..], 4096)), body);
        });
    }
}

fn read(mut reader: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

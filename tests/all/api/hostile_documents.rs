//! What documents can do to a host: real ones, those that were made to hurt, and a host that imports none.

use std::time::Instant;

use gloveport_tests::host::{TestHost, log};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::json;

use super::bed::Bed;
use super::corpus::real_documents;
use super::declared::{names, pets, refused};

/// Real documents, up to 13 MB: each operation is a tool or has a reason, through the whole host; time and memory are
/// printed.
#[tokio::test]
async fn real_documents_are_imported() {
    let Some(folder) = real_documents() else {
        println!("skipped: there is no folder shared/specs");
        return;
    };
    let host = TestHost::start().await;
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    for (row, n) in manifest.lines().skip(1).zip(0..) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (file, operations) = (columns[0], columns[4].parse::<usize>().unwrap());
        let document = std::fs::read_to_string(folder.join(file)).unwrap();
        let bytes = document.len();
        let options = json!({ "document_url": "https://docs.example/openapi.json", "deferred": true });
        let body = json!({ "document": document, "options": options });
        let started = Instant::now();
        let done = host.client().put(&format!("/v1/connectors/real_{n}"), &body).await.expect(201);
        let took = started.elapsed();
        let (tools, skipped) = (names(&done).len(), done["skipped"].as_array().unwrap());
        println!("{file}: {bytes} bytes, {operations} operations: {tools} tools, {} skipped, {took:?}", skipped.len());
        skipped.iter().for_each(|skipped| println!("  {}: {}", skipped["operation"], skipped["reason"]));
        assert_eq!(tools + skipped.len(), operations, "{file}");
        assert!(skipped.is_empty(), "{file}");
        let started = Instant::now();
        let page =
            host.client().get(&format!("/v1/tools?connector=real_{n}&include=deferred&limit=1")).await.expect(200);
        println!("  listed in {:?}", started.elapsed());
        assert_eq!(page["total_size"], tools, "{file}");
    }
    let log = String::from_utf8_lossy(&log::lines()).into_owned();
    log.lines().filter(|line| line.contains("read in the sandbox")).for_each(|line| println!("{line}"));
}

/// Documents that were made to hurt: each is refused with a typed error or taken for what it is, in bounded time, and calls
/// beside them notice nothing.
#[tokio::test]
async fn hostile_documents_are_contained() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let head = "openapi: 3.0.0\ninfo: {title: x, version: '1'}\nservers: [{url: 'https://a.example'}]\n";
    let bomb: String =
        (1..30).map(|n| format!("x{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect();
    let cycle = json!({ "openapi": "3.1.0", "info": { "title": "x", "version": "1" },
        "servers": [{ "url": "https://a.example" }], "paths": { "/a": { "$ref": "#/paths/~1b" }, "/b": { "$ref": "#/paths/~1a" },
        "/c": { "post": { "parameters": [{ "$ref": "#/components/parameters/p" }], "requestBody": { "$ref": "#/components/requestBodies/r" } } } },
        "components": { "parameters": { "p": { "$ref": "#/components/parameters/p" } },
            "requestBodies": { "r": { "$ref": "#/components/requestBodies/r" } } } });
    for (what, document) in [
        ("deep lists", "[".repeat(5_000_000)),
        ("deep objects", "{\"a\":".repeat(1_000_000)),
        ("deep YAML", format!("{head}x: {}", "[".repeat(200_000))),
        ("aliases of aliases", format!("{head}x0: &a0 [1]\n{bomb}")),
        ("an alias of itself", format!("{head}x: &a [*a]\n")),
        ("a long string", format!("{head}x: '{}'\n", "y".repeat(15 << 20))),
        ("references in circles", cycle.to_string()),
        ("a control character", "openapi: \u{7}3.0.0".into()),
        ("half a document", pets().to_string()[..600].into()),
    ] {
        let started = Instant::now();
        let body = json!({ "document": document });
        let nothing = json!({});
        let (answer, neighbour) = tokio::join!(
            bed.client().post("/v1/connectors/parse-openapi", &body),
            bed.host.execute("probe_whoami", "ada", &nothing),
        );
        println!("{what}: {} in {:?}", answer.status, started.elapsed());
        neighbour.expect(200);
        assert_eq!(refused(&answer, 422).0, "invalid_input", "{what}");
    }
    let too_long = json!({ "document": "x".repeat(17 << 20) });
    let (_, detail) = refused(&bed.client().post("/v1/connectors/parse-openapi", &too_long).await, 422);
    assert!(detail.contains("document_bytes"), "{detail}");
}

/// 50 MB in one string: refused before anything reads it, as a document and as a member of one.
#[tokio::test]
async fn fifty_megabytes_are_refused_at_the_door() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let long = "y".repeat(50 << 20);
    let mut within = pets();
    within["info"]["description"] = json!(long);
    for document in [json!(long), within] {
        let (body, nothing) = (json!({ "document": document }), json!({}));
        let (answer, neighbour) = tokio::join!(
            bed.client().post("/v1/connectors/parse-openapi", &body),
            bed.host.execute("probe_whoami", "ada", &nothing),
        );
        neighbour.expect(200);
        let problem = answer.json();
        assert!([413, 422].contains(&answer.status), "{problem}");
        assert!(problem["code"].is_string() && problem["culprit"] == "caller", "{problem}");
    }
}

/// Bytes of a sound document exchanged by chance, the same each time, through the whole host: taken or refused with a code and
/// a culprit, never a failure of the host's own; a call at the same time notices nothing.
#[tokio::test]
async fn torn_documents_are_contained() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let (json, mut state) = (pets().to_string(), 7_u64);
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    let signs = [
        "null",
        "{}",
        "[]",
        "-1",
        "\"\"",
        "\"$ref\":\"#/paths\",",
        "*a",
        "&a ",
        "}",
        "]",
        ",",
        ":",
        "\\u0000",
        "1e999",
    ];
    let (mut taken, mut turned_away) = (0, 0);
    for round in 0..60 {
        let mut document = if round % 2 == 0 { json.clone() } else { format!("# YAML\n{json}") };
        for _ in 0..=below(3) {
            let (from, length) = (below(document.len()), below(12));
            let to = (from + length).min(document.len());
            document.replace_range(from..to, signs[below(signs.len())]);
        }
        let (body, nothing) = (json!({ "document": document }), json!({}));
        let (answer, neighbour) = tokio::join!(
            bed.client().post("/v1/connectors/parse-openapi", &body),
            bed.host.execute("probe_whoami", "ada", &nothing),
        );
        neighbour.expect(200);
        match answer.status {
            200 => taken += 1,
            _ => {
                let problem = answer.json();
                assert_eq!((answer.status, &problem["code"]), (422, &json!("invalid_input")), "{problem} {document}");
                assert_eq!(problem["culprit"], "caller", "{problem} {document}");
                assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 1_000), "{problem}");
                turned_away += 1;
            }
        }
    }
    println!("{taken} taken, {turned_away} refused");
    assert!(taken > 5 && turned_away > 5, "{taken} {turned_away}");
}

/// A host without the generic connector says so where it is asked to import, and does all else.
#[tokio::test]
async fn a_host_without_the_generic_connector_says_so() {
    let mut host = TestHost::spawn_child_with(&["--generic", "/nonexistent/generic.wasm"]).await;
    let (code, detail) = refused(&host.client().put("/v1/connectors/pets", &json!({ "document": pets() })).await, 503);
    assert!(code == "unavailable" && detail.contains("/nonexistent/generic.wasm"), "{detail}");
    // Where one is, it is found beside the program; after a restart its tools are there without it.
    host.kill().await;
    host.restart_child().await;
    host.client().put("/v1/connectors/pets", &json!({ "document": pets() })).await.expect(201);
    host.kill().await;
    host.restart_child_with(&["--generic", "/nonexistent/generic.wasm"]).await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    host.connection("pets", &upstream.url("")).await;
    host.account("pets", "ada", &json!({ "api_key": "k-1234567890" })).await.expect(201);
    host.execute("pets_list_pets", "ada", &json!({})).await.expect(200);
}

//! Connectors that are made of documents: imported, imported again, called, and refused.

use gloveport_tests::host::{Answer, Setup, TestHost};
use gloveport_tests::upstream::{Reply, Upstream};
use gloveport_tests::{postgres, wat_guest};
use serde_json::{Value, json};

use super::bed::Bed;
use super::postgres::beside;

/// A document with three operations and a key in a header.
pub(super) fn pets() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Pets", "version": "1.2.0" },
        "servers": [{ "url": "https://pets.example/v2" }],
        "components": {
            "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } },
            "schemas": { "Pet": { "type": "object", "required": ["name"], "properties": {
                "name": { "type": "string" }, "kind": { "enum": ["cat", "dog"] },
                "friends": { "type": "array", "items": { "$ref": "#/components/schemas/Pet" } } } } },
        },
        "paths": {
            "/pets": {
                "get": { "operationId": "listPets", "summary": "All pets", "tags": ["pets"], "parameters": [
                    { "name": "kind", "in": "query", "style": "form", "explode": false,
                        "schema": { "type": "array", "items": { "type": "string" } } },
                    { "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": 100 } } ] },
                "post": { "operationId": "addPet", "tags": ["pets"], "requestBody": { "required": true, "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } } },
            },
            "/pets/{id}": { "delete": { "tags": ["admin"], "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } } ] } },
        },
    })
}

/// Imports the pets, and connects Ada to them at this upstream.
async fn imported(host: &TestHost, upstream: &Upstream) -> Value {
    let done = host.client().put("/v1/connectors/pets", &json!({ "document": pets() })).await.expect(201);
    host.connection("pets", &upstream.url("/v2")).await;
    let canary = host.plant();
    host.account("pets", "ada", &json!({ "api_key": canary.token() })).await.expect(201);
    done
}

/// A refusal's code and detail.
pub(super) fn refused(answer: &Answer, status: u16) -> (String, String) {
    assert_eq!(answer.status, status, "{}", answer.json());
    let text = |name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("detail"))
}

pub(super) fn names(answer: &Value) -> Vec<&str> {
    answer["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// HA-01, HA-02, HA-04, HA-06, HA-08, HA-09, SI-14: each operation is a tool at once, on both databases, and what a caller
/// gives arrives where the document says.
#[tokio::test]
async fn each_operation_is_a_tool() {
    let mut setups = vec![Setup::usual()];
    setups.extend(postgres::new_database().map(|database| beside(&database)));
    for setup in setups {
        let host = TestHost::with(setup).await;
        let upstream = Upstream::start(|_| Reply::json(200, &json!([{ "name": "Rex" }]))).await;
        let done = imported(&host, &upstream).await;
        assert_eq!(names(&done), ["pets_list_pets", "pets_add_pet", "pets_delete_pets_id"], "{done}");
        assert_eq!(done["difference"]["breaking"], false);
        assert!(done["version"].as_str().unwrap().starts_with("1.2.0+"), "{done}");
        let tool = host.client().get("/v1/tools/pets_add_pet").await.expect(200);
        assert_eq!(tool["input_schema"]["required"], json!(["name"]), "{tool}");
        assert_eq!(tool["input_schema"]["properties"]["kind"]["enum"], json!(["cat", "dog"]));

        let found = host.execute("pets_list_pets", "ada", &json!({ "kind": ["cat", "a b"], "limit": 5 })).await;
        assert_eq!(found.expect(200)["data"], json!({ "items": [{ "name": "Rex" }] }));
        let sent = upstream.requests().pop().unwrap();
        assert_eq!((sent.method.as_str(), sent.target.as_str()), ("GET", "/v2/pets?kind=cat,a%20b&limit=5"));
        assert!(sent.header("x-key").is_some());
        host.execute("pets.add_pet", "ada", &json!({ "name": "Tom", "kind": "cat" })).await.expect(200);
        let sent = upstream.requests().pop().unwrap();
        assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", "/v2/pets"));
        assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), json!({ "name": "Tom", "kind": "cat" }));
        // What destroys waits for a person, as everywhere.
        let waits = host.execute("pets_delete_pets_id", "ada", &json!({ "id": "a/b" })).await.expect(202);
        assert_eq!(waits["status"], "waiting");
        for (tool, input) in [
            ("pets_list_pets", json!({ "limit": 101 })),
            ("pets_add_pet", json!({ "kind": "cat" })),
            ("pets_add_pet", json!({ "name": "Tom", "kind": "fish" })),
        ] {
            assert_eq!(host.execute(tool, "ada", &input).await.problem(422), "invalid_input", "{input}");
        }
        assert_eq!(upstream.requests().len(), 2, "what was refused or waits did not leave");
        // Removed, it leaves nothing: the name is free for a component.
        for path in ["connections/pets/accounts/ada", "connections/pets", "connectors/pets"] {
            assert_eq!(host.client().delete(&format!("/v1/{path}")).await.status, 204, "{path}");
        }
        assert_eq!(host.client().get("/v1/tools/pets_add_pet").await.problem(404), "not_found");
    }
}

/// SI-06: a preview stores nothing; HA-11: filters leave out what they say.
#[tokio::test]
async fn a_preview_stores_nothing() {
    let bed = Bed::start().await;
    let parse = async |options: Value| {
        let body = json!({ "document": pets(), "name": "zoo", "options": options });
        bed.client().post("/v1/connectors/parse-openapi", &body).await.expect(200)
    };
    let all = parse(json!({})).await;
    assert_eq!(names(&all), ["zoo_list_pets", "zoo_add_pet", "zoo_delete_pets_id"]);
    assert_eq!((&all["auth"][0]["type"], &all["base_url"]), (&json!("api_key"), &json!("https://pets.example/v2")));
    for (options, left, filtered) in [
        (json!({ "include": { "tags": ["pets"] } }), 2, 1),
        (json!({ "include": { "methods": ["get"] } }), 1, 2),
        (json!({ "exclude": { "paths": ["/pets/*"] } }), 2, 1),
        (json!({ "include": { "operations": ["listPets", "DELETE *"] } }), 2, 1),
        (json!({ "operations": { "addPet": { "skip": true } } }), 2, 1),
    ] {
        let some = parse(options.clone()).await;
        assert_eq!((names(&some).len(), &some["filtered"]), (left, &json!(filtered)), "{options}");
    }
    let dry = bed.client().put("/v1/connectors/zoo", &json!({ "document": pets(), "dry_run": true })).await;
    assert_eq!(dry.expect(200)["tools"], all["tools"]);
    assert_eq!(bed.client().get("/v1/connectors/zoo").await.problem(404), "not_found");
}

/// HA-03: given as text in JSON or YAML, or fetched: the same tools. A document is fetched from where its operator says, by
/// the one way out.
#[tokio::test]
async fn documents_come_as_text_or_from_a_url() {
    let host = TestHost::start().await;
    let yaml = "openapi: 3.0.3\ninfo: {title: Pets, version: '1'}\npaths:\n  /pets:\n    get: {operationId: list}\n";
    let (text, long) = (yaml.to_owned(), format!("{yaml}# {}", "x".repeat(5 << 20)));
    let docs = Upstream::start(move |request| match request.target.as_str() {
        "/pets.yaml" => Reply::bytes(200, "application/yaml", text.clone()),
        "/long.yaml" => Reply::bytes(200, "application/yaml", long.clone()),
        "/moved.yaml" => Reply::redirect(302, "/pets.yaml"),
        "/binary.yaml" => Reply::bytes(200, "application/yaml", vec![0xff, 0xfe]),
        _ => Reply::status(404),
    })
    .await;
    let options = json!({ "base_url": "https://pets.example" });
    let parse = async |mut body: Value| {
        body["options"] = options.clone();
        host.client().post("/v1/connectors/parse-openapi", &body).await
    };
    let given = parse(json!({ "document": yaml })).await.expect(200);
    assert_eq!(names(&given), ["api_list"]);
    let value = json!({ "openapi": "3.0.3", "info": { "title": "Pets", "version": "1" },
        "paths": { "/pets": { "get": { "operationId": "list" } } } });
    assert_eq!(parse(json!({ "document": value })).await.expect(200)["version"], given["version"]);
    for path in ["/pets.yaml", "/long.yaml"] {
        assert_eq!(parse(json!({ "url": docs.url(path) })).await.expect(200)["tools"], given["tools"], "{path}");
    }
    assert!(docs.requests().iter().all(|request| request.header("authorization").is_none()));
    for (url, said) in [
        (docs.url("/moved.yaml"), "give that URL"),
        (docs.url("/none.yaml"), "answers 404"),
        (docs.url("/binary.yaml"), "UTF-8"),
        ("https://169.254.169.254/latest".into(), "not"),
        ("http://pets.example/pets.yaml".into(), "fetched"),
        ("file:///etc/passwd".into(), "host"),
        ("nonsense".into(), "not a URL"),
    ] {
        let (code, detail) = refused(&parse(json!({ "url": url })).await, 422);
        assert!(code == "invalid_input" && detail.contains(said), "{url}: {detail}");
    }
    // Without the operator's leave the loopback is no place for documents.
    let closed = TestHost::with(Setup { private_networks: Vec::new(), ..Setup::usual() }).await;
    let body = json!({ "url": docs.url("/pets.yaml"), "options": options });
    assert_eq!(closed.client().post("/v1/connectors/parse-openapi", &body).await.problem(422), "invalid_input");
}

/// SI-07: another import says what is different; names, options and what is not said anew stay; what is gone is marked.
#[tokio::test]
async fn another_import_tells_the_difference() {
    let host = TestHost::start().await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({}))).await;
    let first = imported(&host, &upstream).await;
    let again = async |body: Value| host.client().post("/v1/connectors/pets/import-openapi", &body).await;
    let same = again(json!({})).await.expect(200);
    assert_eq!((&same["version"], &same["difference"]["changed"]), (&first["version"], &json!([])), "{same}");

    let mut next = pets();
    next["paths"]["/pets"].as_object_mut().unwrap().remove("post");
    next["paths"]["/pets"]["get"]["operationId"] = json!("searchPets");
    next["paths"]["/pets"]["get"]["parameters"][1]["required"] = json!(true);
    next["paths"]["/owners"] = json!({ "get": { "operationId": "owners" } });
    let dry = again(json!({ "document": next, "dry_run": true })).await.expect(200);
    let done = again(json!({ "document": next })).await.expect(200);
    assert_eq!(dry["difference"], done["difference"]);
    assert_eq!(
        done["difference"],
        json!({ "breaking": true,
            "added": [{ "operation": "GET /owners", "tool": "pets_owners" }],
            "removed": [{ "operation": "POST /pets", "tool": "pets_add_pet" }],
            "changed": [{ "operation": "GET /pets", "tool": "pets_list_pets", "breaking": true,
                "what": ["the input `limit` is required"] }] })
    );
    // The name stays, whatever the document calls it now; what is gone is not, and is named.
    host.execute("pets_list_pets", "ada", &json!({ "limit": 1 })).await.expect(200);
    assert_eq!(host.execute("pets_add_pet", "ada", &json!({ "name": "x" })).await.problem(404), "not_found");
    let shown = host.client().get("/v1/connectors/pets").await.expect(200);
    assert_eq!(shown["removed_tools"][0]["name"], "pets_add_pet", "{shown}");
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    // Options alone: the stored document is read again. Null takes one back.
    let fewer = again(json!({ "options": { "include": { "tags": ["pets"] }, "deferred": true } })).await.expect(200);
    assert_eq!(names(&fewer), ["pets_list_pets"]);
    let undeferred = again(json!({ "options": { "deferred": null } })).await.expect(200);
    assert_eq!((names(&undeferred).len(), &undeferred["tools"][0]["deferred"]), (1, &json!(false)));
    // What comes again has the name that it had.
    let whole = again(json!({ "document": pets(), "options": { "include": null } })).await.expect(200);
    assert_eq!(names(&whole), ["pets_list_pets", "pets_add_pet", "pets_delete_pets_id"]);
    let shown = host.client().get("/v1/connectors/pets").await.expect(200);
    assert_eq!(shown["removed_tools"][0]["name"], "pets_owners", "{shown}");
    assert_eq!(again(json!({ "document": 1 })).await.problem(422), "invalid_input");
    let missing = host.client().post("/v1/connectors/none/import-openapi", &json!({})).await;
    assert_eq!(missing.problem(404), "not_found");
}

/// HA-12, HA-13: single operations wait for a person whatever policies say, and are kept out of lists.
#[tokio::test]
async fn operations_are_marked_one_by_one() {
    let host = TestHost::start().await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({}))).await;
    let options = json!({ "operations": { "listPets": { "requires_approval": true, "effect": "read" },
        "POST /pets": { "deferred": true, "name": "create", "effect": "destroy" } } });
    let body = json!({ "document": pets(), "options": options });
    let done = host.client().put("/v1/connectors/pets", &body).await.expect(201);
    assert_eq!(names(&done), ["pets_list_pets", "pets_create", "pets_delete_pets_id"]);
    assert_eq!(
        (&done["tools"][0]["requires_approval"], &done["tools"][1]["effect"]),
        (&json!(true), &json!("destroy"))
    );
    host.connection("pets", &upstream.url("")).await;
    host.account("pets", "ada", &json!({ "api_key": "k-1234567890" })).await.expect(201);
    let all = json!({ "name": "all", "condition": "true", "outcome": { "outcome": "allow" } });
    host.client().post("/v1/policies", &all).await.expect(201);
    let waits = host.execute("pets_list_pets", "ada", &json!({})).await.expect(202);
    assert_eq!(waits["status"], "waiting");
    assert!(upstream.requests().is_empty());
    let listed = host.client().get("/v1/tools?connector=pets").await.expect(200);
    assert_eq!(listed["total_size"], 2);
    let all = host.client().get("/v1/tools?connector=pets&include=deferred").await.expect(200);
    assert_eq!(all["total_size"], 3);
}

/// SI-08: a tool is tried by its short name, as a call under all rules that is on record as a trial.
#[tokio::test]
async fn a_tool_is_tried() {
    let host = TestHost::start().await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    imported(&host, &upstream).await;
    let agent = host.caller("agent", "agent").await;
    let body = json!({ "identifier": "ada", "input": { "limit": 1 } });
    assert_eq!(agent.post("/v1/connectors/pets/test/list_pets", &body).await.problem(403), "forbidden");
    let admin = host.client();
    let tried = admin.post("/v1/connectors/pets/test/list_pets", &body).await.expect(200);
    assert_eq!(tried["data"], json!({ "ok": true }));
    assert_eq!(upstream.only_request().target, "/v2/pets?limit=1");
    let path = format!("/v1/executions/{}", tried["execution_id"].as_str().unwrap());
    let record = host.client().get(&path).await.expect(200);
    assert_eq!((&record["tool"], &record["surface"]), (&json!("pets_list_pets"), &json!("tool_test")), "{record}");
    let deny = json!({ "name": "no", "condition": "tool == 'pets_list_pets'",
        "outcome": { "outcome": "deny", "reason": "not now" } });
    host.client().post("/v1/policies", &deny).await.expect(201);
    assert_eq!(admin.post("/v1/connectors/pets/test/list_pets", &body).await.problem(403), "denied_by_policy");
    for path in ["pets/test/nothing", "none/test/list_pets", "none/test/pets_list_pets"] {
        let answer = admin.post(&format!("/v1/connectors/{path}"), &body).await;
        assert_eq!(answer.problem(404), "not_found", "{path}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

/// SI-09, SI-16, CX-25: operations that somebody wrote down are tools like any other; a good status can be an error.
#[tokio::test]
async fn declared_operations_are_tools() {
    let host = TestHost::start().await;
    let upstream = Upstream::start(|request| {
        let body = request.target.contains("C1").then(|| json!({ "ok": true, "messages": [1, 2] }));
        Reply::json(200, &body.unwrap_or_else(|| json!({ "ok": false, "error": "channel_not_found" })))
    })
    .await;
    let document = "
baseUrl: https://chat.example/api
auth: {type: bearer}
response: {error: {when: /ok, equals: false, code: /error, notFoundCodes: [channel_not_found]}}
operations:
  - name: listMessages
    method: GET
    path: /messages
    parameters: {properties: {channel: {type: string}}, required: [channel]}
    response: {pick: /messages, error: {when: /ok, equals: false, code: /error, notFoundCodes: [channel_not_found]}}
";
    let done = host.client().put("/v1/connectors/chat", &json!({ "document": document })).await.expect(201);
    assert_eq!(names(&done), ["chat_list_messages"]);
    host.connection("chat", &upstream.url("/api")).await;
    let canary = host.plant();
    host.account("chat", "ada", &json!({ "token": canary.token() })).await.expect(201);
    let found = host.execute("chat_list_messages", "ada", &json!({ "channel": "C1" })).await.expect(200);
    assert_eq!(found["data"], json!({ "items": [1, 2] }));
    assert_eq!(upstream.only_request().target, "/api/messages?channel=C1");
    let missing = host.execute("chat_list_messages", "ada", &json!({ "channel": "C2" })).await;
    assert_eq!(missing.json()["code"], "not_found", "{}", missing.json());
    for (document, said) in [
        ("baseUrl: https://a.example\noperations: [{name: a, method: TRACE, path: /}]", "TRACE"),
        ("baseUrl: https://a.example\noperations: [{name: a, method: GET, path: '/{x}'}]", "`x`"),
        ("baseUrl: https://a.example\noperations: [{name: a, method: GET, path: /, colour: red}]", "colour"),
        ("operations: []", "base_url"),
    ] {
        let answer = host.client().put("/v1/connectors/other", &json!({ "document": document })).await;
        let (code, detail) = refused(&answer, 422);
        assert!(code == "invalid_input" && detail.contains(said), "{document}: {detail}");
    }
}

/// What cannot be imported is refused with the reason, and leaves nothing behind.
#[tokio::test]
async fn what_cannot_be_imported_is_refused() {
    let host = TestHost::start().await;
    let headers = [("content-type", "application/wasm")];
    let component = wat_guest::connector("echo", "", wat_guest::ECHO);
    host.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    let document = pets();
    for (name, body, status, said) in [
        ("echo", json!({ "document": document }), 409, "component"),
        ("Pets", json!({ "document": document }), 422, "name"),
        ("p-1", json!({ "document": document }), 422, "name"),
        ("pets", json!({}), 422, "document"),
        ("pets", json!({ "document": document, "url": "https://a.example" }), 400, "give one of"),
        ("pets", json!({ "document": document, "options": { "colour": "red" } }), 422, "colour"),
        ("pets", json!({ "document": document, "options": { "name": "other" } }), 422, "`name`"),
        ("pets", json!({ "document": { "swagger": "2.0" } }), 422, "2.0"),
        ("pets", json!({ "document": { "openapi": "4.0.0" } }), 422, "4.0.0"),
        ("pets", json!({ "document": "" }), 422, ""),
        ("pets", json!({ "document": "{" }), 422, ""),
        ("pets", json!({ "document": { "openapi": "3.1.0", "paths": {} } }), 422, ""),
        ("pets", json!({ "document": document, "options": { "include": { "tags": ["none"] } } }), 422, "no operation"),
    ] {
        let answer = host.client().put(&format!("/v1/connectors/{name}"), &body).await;
        let (_, detail) = refused(&answer, status);
        assert!(detail.contains(said), "{name}: {said}: {detail}");
    }
    let agent = host.caller("agent", "agent").await;
    assert_eq!(agent.put("/v1/connectors/pets", &json!({ "document": document })).await.problem(403), "forbidden");
    let all = host.client().get("/v1/connectors").await.expect(200);
    assert_eq!(all["total_size"], 1, "{all}");
    // The name of a connector that is made of a document is no component's.
    host.client().put("/v1/connectors/pets", &json!({ "document": document })).await.expect(201);
    let component = wat_guest::connector("pets", "", wat_guest::ECHO);
    assert_eq!(host.client().send("POST", "/v1/connectors", &headers, component).await.problem(409), "conflict");
}

//! Bad input at every route that `/openapi.json` names: always a problem document, never a 5xx, never an echo.

use gloveport::model::{Code, Culprit};
use gloveport_tests::host::Answer;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::bed::Bed;
use super::documented::Operation;

/// What OAuth itself describes, the errors too: its tests are in `callers` and `issuer`.
const OAUTH: [&str; 3] = ["/oauth/register", "/oauth/revoke", "/oauth/token"];

/// Stands in bodies, and must not come back.
const MARK: &str = "xyzzy-what-a-caller-wrote";

/// Things that exist, so that bad input gets as far as it can.
struct Known {
    execution: String,
    key: String,
}

impl Known {
    async fn of(bed: &Bed) -> Self {
        bed.connect("ada").await;
        let execution = bed.host.execute("probe_say_nothing", "ada", &json!({})).await.expect(200);
        let key = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Self { execution: text(&execution["execution_id"]), key: text(&key["id"]) }
    }

    fn fill(&self, parent: &str, name: &str) -> String {
        match (parent, name) {
            ("tools", _) => "probe_echo".into(),
            ("executions", _) => self.execution.clone(),
            ("keys", _) => self.key.clone(),
            (_, "identifier") => "ada".into(),
            _ => "probe".into(),
        }
    }

    fn target(&self, operation: &Operation) -> String {
        operation.target(|parent, name| self.fill(parent, name))
    }
}

/// A 4xx with everything that a problem document has.
#[track_caller]
fn check(what: &str, answer: &Answer) -> String {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}: {answer:?}");
    assert!(answer.header("x-request-id").is_some(), "{what}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{what}");
    let text = |name: &str| problem[name].as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("{what}"));
    assert!(Code::parse(text("code")).is_some() && Culprit::parse(text("culprit")).is_some(), "{what}: {problem}");
    assert!(!text("title").is_empty() && !text("detail").is_empty() && !text("type").is_empty(), "{what}: {problem}");
    text("code").to_owned()
}

/// No key, a junk key, an agent's key: 401 and 403 come before anything else is looked at.
#[tokio::test]
async fn callers_without_a_fitting_key_are_refused_everywhere() {
    let bed = Bed::start().await;
    let known = Known::of(&bed).await;
    let agent = bed.agent(Some("ada")).await;
    for operation in bed.document().operations() {
        let target = known.target(&operation);
        let what = format!("{} {target}", operation.method);
        if OAUTH.contains(&operation.path.as_str()) {
            continue;
        }
        if operation.is_open() {
            assert_eq!(bed.client().with_key("").send(&operation.method, &target, &[], "").await.status, 200, "{what}");
            continue;
        }
        let wrong =
            ["", "gp_", "gp_unknown-but-well-formed-key-of-forty-three-x", "sk_live", "%00", &MARK.repeat(9_00)];
        for key in wrong {
            let answer = bed.client().with_key(key).send(&operation.method, &target, &[], "").await;
            assert_eq!((check(&what, &answer).as_str(), answer.status), ("unauthenticated", 401), "{what} {key:.20}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
        }
        let headers = [("authorization", "Basic Z3A6eA==")];
        let answer = bed.client().with_key("").send(&operation.method, &target, &headers, "").await;
        assert_eq!(check(&what, &answer), "unauthenticated", "{what}");
        let answer = agent.send(&operation.method, &target, &[], "").await;
        let for_agents =
            ["/v1/tools", "/v1/executions", "/v1/proxy"].iter().any(|path| operation.path.starts_with(path));
        if !for_agents {
            assert_eq!((check(&what, &answer).as_str(), answer.status), ("forbidden", 403), "{what}");
        }
    }
    // Nothing of that had an effect.
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.status, 200);
}

/// Bodies that no route takes.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
    vec![
        ("empty", Vec::new()),
        ("a mark", MARK.into()),
        ("half an object", format!("{{\"{MARK}").into()),
        ("an array", format!("[\"{MARK}\"]").into()),
        ("a number", "12345678901234567890".into()),
        ("a string", format!("\"{MARK}\"").into()),
        ("null", "null".into()),
        ("true", "true".into()),
        ("unknown fields", format!("{{\"{MARK}\": \"{MARK}\"}}").into()),
        ("two values", format!("{{}} {{\"a\":\"{MARK}\"}}").into()),
        ("nested arrays", deep("[", "]")),
        ("nested objects", deep("{\"a\":", "}")),
        ("not UTF-8", b"{\"a\": \"\xff\xfe\"}".to_vec()),
        ("NUL", b"\0\0\0\0".to_vec()),
        ("a lone surrogate", br#"{"name": "\ud800", "identifier": "\ud800"}"#.to_vec()),
    ]
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_everywhere() {
    let bed = Bed::start().await;
    let known = Known::of(&bed).await;
    let mut tried = 0;
    for operation in bed.document().operations() {
        let Some(media) = operation.takes().filter(|_| !OAUTH.contains(&operation.path.as_str())) else { continue };
        let target = known.target(&operation);
        let send = async |media: &str, body: Vec<u8>| {
            bed.client().send(&operation.method, &target, &[("content-type", media)], body).await
        };
        for (name, body) in bodies() {
            let what = format!("{} {target}: {name}", operation.method);
            let answer = send(&media, body).await;
            check(&what, &answer);
            let secret = operation.method == "PUT" && operation.path.contains("/accounts/");
            let echoed = String::from_utf8_lossy(&answer.body).contains(MARK);
            assert!(!(secret && echoed), "{what}: {answer:?}");
            tried += 1;
        }
        for wrong in ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", "", "application/jsonx"]
        {
            let what = format!("{} {target}: {wrong:?}", operation.method);
            let answer = send(wrong, b"{}".to_vec()).await;
            assert_eq!((check(&what, &answer).as_str(), answer.status), ("invalid_request", 415), "{what}");
        }
        let limit = match (media.as_str(), operation.path.split('/').nth(2)) {
            ("application/wasm", _) => 65 << 20,
            // It has a component in it.
            (_, Some("modifiers")) => 29 << 20,
            // It has a document in it.
            (_, Some("connectors")) => 25 << 20,
            // All of them.
            (_, Some("apply")) => 49 << 20,
            _ => 6 << 20,
        };
        let what = format!("{} {target}: {limit} bytes", operation.method);
        let answer = send(&media, vec![b' '; limit]).await;
        assert_eq!((check(&what, &answer).as_str(), answer.status), ("payload_too_large", 413), "{what}");
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.status, 200);
}

/// What stands where a name belongs: in the path, sent as it is.
const HOSTILE: [&str; 16] = [
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%00",
    "a%00b",
    "%2f",
    "%5c..%5c",
    "%ff",
    "%c3%28",
    "%F0%9F%A6%80",
    "%20",
    "%0d%0aset-cookie:%20a=b",
    "'%20OR%20'1'='1",
    "%3Cscript%3E",
    "%7B%7Bdomain%7D%7D",
    "%zz",
];

#[tokio::test]
async fn hostile_names_in_paths_are_refused_everywhere() {
    let bed = Bed::start().await;
    let known = Known::of(&bed).await;
    let long = "a".repeat(9_000);
    for operation in bed.document().operations() {
        for parameter in operation.parameters("path") {
            for hostile in HOSTILE.iter().copied().chain([long.as_str()]) {
                let fill = |parent: &str, name: &str| {
                    if name == parameter { hostile.to_owned() } else { known.fill(parent, name) }
                };
                let target = operation.target(fill);
                let what = format!("{} {target:.200}", operation.method);
                let (status, code) = raw(&bed, &operation.method, &target).await;
                // Anything may be somebody's name for a user; only what cannot be stored is refused there.
                let may_be_a_name = parameter == "identifier" && (200..300).contains(&status);
                assert!((400..500).contains(&status) || may_be_a_name, "{what}: {status}");
                assert!(status < 300 || Code::parse(&code).is_some(), "{what}: {status} {code}");
            }
        }
    }
}

/// Sends a target that a client would tidy up; gives the status and the code.
async fn raw(bed: &Bed, method: &str, target: &str) -> (u16, String) {
    let address = bed.client().base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let key = gloveport_tests::host::ADMIN_KEY;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn query_parameters_that_do_not_fit_are_refused_everywhere() {
    let bed = Bed::start().await;
    let known = Known::of(&bed).await;
    for operation in bed.document().operations().iter().filter(|operation| !operation.is_open()) {
        let target = known.target(operation);
        let names = operation.parameters("query");
        let mut queries = vec![format!("{MARK}=1"), format!("limit=1&{MARK}")];
        for name in &names {
            queries.push(format!("{name}=1&{name}=2"));
        }
        if names.iter().any(|name| name == "limit") {
            let bad = ["0", "-1", "201", "4294967296", "1.5", "ten", "", "%00", "1e2", "0x10"];
            queries.extend(bad.map(|limit| format!("limit={limit}")));
            let cursors = ["%00", "nonsense", "AAAA", "%27%3B--", "%7B%7D"];
            let sorted = ["/v1/catalog", "/v1/connectors", "/v1/tools"].contains(&operation.path.as_str());
            if !sorted {
                queries.extend(cursors.map(|cursor| format!("cursor={cursor}")));
            }
        }
        for name in ["status", "since", "parent", "include"].iter().filter(|name| names.iter().any(|n| n == **name)) {
            queries.push(format!("{name}={MARK}"));
        }
        for query in queries {
            let what = format!("{} {target}?{query}", operation.method);
            let answer = bed.client().send(&operation.method, &format!("{target}?{query}"), &[], "").await;
            check(&what, &answer);
        }
    }
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.status, 200, "nothing was deleted");
}

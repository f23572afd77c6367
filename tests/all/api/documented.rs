//! `/openapi.json` as data: its operations, and a check of answers against what it says of them.

use gloveport_tests::host::{Answer, Client};
use jsonschema::Validator;
use serde_json::{Value, json};

/// Methods of an operation in OpenAPI; the other members of a path are none.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The document that a running server gave.
pub(super) struct Document(Value);

/// One route with one method.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Upper case.
    pub(super) method: String,
    /// With `{name}` for each parameter.
    pub(super) path: String,
    value: Value,
}

impl Document {
    pub(super) async fn of(client: &Client) -> Self {
        Self(client.get("/openapi.json").await.expect(200))
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, value) in item.as_object().unwrap() {
                if METHODS.contains(&method.as_str()) {
                    let value = value.clone();
                    all.push(Operation { method: method.to_uppercase(), path: path.clone(), value });
                }
            }
        }
        all
    }

    /// Checks answers to documented routes, each labelled `the answer to METHOD PATH`.
    pub(super) fn check_all(&self, answers: &[(String, Answer)]) {
        let operations = self.operations();
        for (label, answer) in answers {
            let mut words = label.trim_start_matches("the answer to ").splitn(2, ' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let path = target.split('?').next().unwrap_or_default();
            let fitting = operations.iter().find(|operation| operation.method == method && operation.fits(path));
            match fitting {
                Some(operation) => self.check(operation, label, answer),
                None => {
                    // What MCP clients are answered is described by their protocol, and pages by themselves.
                    const OTHERS: [&str; 7] = [
                        "/openapi.json",
                        "/connect/",
                        "/oauth/authorize",
                        "/oauth/callback/",
                        "/oauth/client/",
                        "/mcp",
                        "/.well-known/",
                    ];
                    let other = OTHERS.iter().any(|known| path.starts_with(known));
                    assert!(other || answer.status >= 400, "{label} is not documented");
                }
            }
        }
    }

    /// An answer must have a documented status, and a body that satisfies the schema documented for it.
    fn check(&self, operation: &Operation, label: &str, answer: &Answer) {
        let responses = &operation.value["responses"];
        let response = match &responses[answer.status.to_string()] {
            // 405 is of no operation, and 503 may come of any.
            Value::Null => &responses["default"],
            documented => documented,
        };
        assert!(response.is_object(), "{label}: status {} is not documented", answer.status);
        let Some(content) = response["content"].as_object() else {
            assert!(answer.body.is_empty(), "{label}: a body, but none is documented for {}", answer.status);
            return;
        };
        let media = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        // Problem documents are JSON; the generator names them so.
        let name = if media == "application/problem+json" { "application/json" } else { &media };
        let schema = content.get(&media).or_else(|| content.get(name));
        let schema = schema.unwrap_or_else(|| panic!("{label}: {media} is not documented: {content:?}"));
        // A part of a JSON text is none.
        if media.ends_with("json") && answer.status != 206 {
            let errors: Vec<_> = self.validator(&schema["schema"]).iter_errors(&answer.json()).map(said).collect();
            assert!(errors.is_empty(), "{label} {}: {errors:#?}\n{}", answer.status, answer.json());
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({ "components": self.0["components"], "allOf": [schema] });
        jsonschema::draft202012::new(&whole).unwrap()
    }
}

fn said(error: jsonschema::ValidationError<'_>) -> String {
    format!("{}: {error}", error.instance_path())
}

impl Operation {
    /// Whether a caller without a key is answered.
    pub(super) fn is_open(&self) -> bool {
        self.value["security"].as_array().is_some_and(|security| security.iter().all(|one| one == &json!({})))
    }

    /// The media type of the body that it takes.
    pub(super) fn takes(&self) -> Option<String> {
        self.value["requestBody"]["content"].as_object()?.keys().next().cloned()
    }

    /// Names of its parameters in the path or the query.
    pub(super) fn parameters(&self, place: &str) -> Vec<String> {
        let all = self.value["parameters"].as_array().cloned().unwrap_or_default();
        let placed = all.iter().filter(|parameter| parameter["in"] == place);
        placed.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The path with a value for each parameter.
    pub(super) fn target(&self, value: impl Fn(&str, &str) -> String) -> String {
        let segments: Vec<&str> = self.path.split('/').collect();
        let filled = segments.iter().enumerate().map(|(at, segment)| match segment.strip_prefix('{') {
            Some(name) => value(segments[at - 1], name.trim_end_matches('}')),
            None => (*segment).to_owned(),
        });
        filled.collect::<Vec<_>>().join("/")
    }

    fn fits(&self, path: &str) -> bool {
        let (own, other): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        own.len() == other.len()
            && own.iter().zip(&other).all(|(own, other)| own == other || (own.starts_with('{') && !other.is_empty()))
    }
}

//! Files and folders of a repository.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_sdk::http::Request;
use gloveport_sdk::{Failure, path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rest;

/// Which file or folder.
#[derive(Deserialize, JsonSchema)]
pub struct ContentsGet {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Path of the file or folder, as in `src/main.rs`; without it the top folder.
    #[serde(default)]
    path: String,
    /// Branch, tag or commit; without it the default branch.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    git_ref: Option<String>,
}

/// A file, a folder, or something that stands for another place.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Contents {
    /// `file`, `dir`, `symlink` or `submodule`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Path within the repository.
    pub path: String,
    /// In bytes; null for folders.
    pub size: Option<u64>,
    /// Git's hash; null for folders.
    pub sha: Option<String>,
    /// The page for people to read; null for folders.
    pub url: Option<String>,
    /// How `content` is written: `utf-8` (as it is) or `base64`; null if there is no content.
    pub encoding: Option<String>,
    /// What is in the file; null for anything else.
    pub content: Option<String>,
    /// What is in the folder, at most 1,000 entries; null for anything else.
    pub items: Option<Vec<Entry>>,
}

/// Something in a folder.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Entry {
    /// `file`, `dir` or `symlink`; submodules are called `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Path within the repository.
    pub path: String,
    /// In bytes; 0 for folders.
    pub size: u64,
    /// Git's hash.
    pub sha: String,
}

/// What GitHub answers for anything but a folder.
#[derive(Deserialize)]
struct Single {
    r#type: String,
    path: String,
    size: u64,
    sha: String,
    html_url: Option<String>,
    encoding: Option<String>,
    content: Option<String>,
}

/// Reads a file of a repository (text as it is, anything else as base64), or lists a folder.
#[gloveport_sdk::tool(
    title = "Get a file or folder",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/contents", "GET /repos/{owner}/{repo}/contents/{path+}"],
    scopes = ["repo"],
    tags = ["files"]
)]
pub fn contents_get(input: ContentsGet) -> Result<Contents, Failure> {
    let target = if input.path.is_empty() {
        path!("/repos/{input.owner}/{input.repo}/contents")
    } else {
        path!("/repos/{input.owner}/{input.repo}/contents/{input.path+}")
    };
    let response = rest::send(Request::get(target).query_opt("ref", input.git_ref), &[("ref", "/ref")])?;
    match response.json()? {
        entries @ Value::Array(_) => Ok(folder(input.path, serde_json::from_value(entries).map_err(unexpected)?)),
        single => file(serde_json::from_value(single).map_err(unexpected)?),
    }
}

fn folder(path: String, items: Vec<Entry>) -> Contents {
    let kind = "dir".into();
    Contents { kind, path, size: None, sha: None, url: None, encoding: None, content: None, items: Some(items) }
}

fn file(single: Single) -> Result<Contents, Failure> {
    let (encoding, content) = match (single.encoding.as_deref(), single.content) {
        (Some("base64"), Some(content)) => {
            let (encoding, content) = decode(&content)?;
            (Some(encoding.to_owned()), Some(content))
        }
        // GitHub's word for files of more than 1 MB.
        (Some("none"), _) => return Err(Failure::unsupported("the file is too large: GitHub gives at most 1 MB here")),
        _ => (None, None),
    };
    Ok(Contents {
        kind: single.r#type,
        path: single.path,
        size: Some(single.size),
        sha: Some(single.sha),
        url: single.html_url,
        encoding,
        content,
        items: None,
    })
}

/// Text as it is, anything else as base64 in one line.
fn decode(base64: &str) -> Result<(&'static str, String), Failure> {
    // GitHub breaks it into lines.
    let one_line: String = base64.split_ascii_whitespace().collect();
    match STANDARD.decode(&one_line) {
        Ok(bytes) => Ok(String::from_utf8(bytes).map_or(("base64", one_line), |text| ("utf-8", text))),
        Err(error) => Err(Failure::upstream(200, None, format!("the content is not base64: {error}"))),
    }
}

fn unexpected(error: serde_json::Error) -> Failure {
    Failure::upstream(200, None, format!("the reply is not what was expected: {error}"))
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Github;

    fn file(encoding: &str, content: &str) -> Value {
        json!({
            "type": "file", "encoding": encoding, "size": 5362, "name": "README.md", "path": "docs/README.md",
            "content": content, "sha": "3d21ec5", "html_url": "https://github.com/octo/cabinet/blob/main/docs/README.md",
            "download_url": "https://raw.githubusercontent.com/octo/cabinet/main/docs/README.md?token=private",
        })
    }

    fn get(path: &str, target: &str, reply: Reply) -> Result<Value, Failure> {
        let host = FakeHost::new().on("GET", target, reply);
        host.call::<Github>("github_contents_get", json!({ "owner": "octo", "repo": "cabinet", "path": path }))
    }

    /// AK-501: text for a model to read, and no links with a token.
    #[test]
    fn text_is_decoded_and_all_else_stays_base64() {
        for (sent, encoding, content) in [
            ("aGVsbG8s\nIHfDtnJs\nZAo=\n", "utf-8", "hello, wörld\n"),
            ("", "utf-8", ""),
            ("/wD/\nAP8=\n", "base64", "/wD/AP8="),
        ] {
            let reply = Reply::json(200, file("base64", sent));
            let result = get("docs/README.md", "/repos/octo/cabinet/contents/docs/README.md", reply);
            assert_eq!(
                result,
                Ok(json!({
                    "type": "file", "path": "docs/README.md", "size": 5362, "sha": "3d21ec5",
                    "url": "https://github.com/octo/cabinet/blob/main/docs/README.md",
                    "encoding": encoding, "content": content, "items": null,
                }))
            );
        }
    }

    /// AK-505, AK-508: nothing beyond owner and repo is needed, and the list is `items`.
    #[test]
    fn a_folder_is_listed() {
        let reply = json!([
            { "type": "file", "size": 625, "name": "lib.rs", "path": "lib.rs", "sha": "fff4", "url": "https://…" },
            { "type": "dir", "size": 0, "name": "src", "path": "src", "sha": "a84d", "git_url": "https://…" },
        ]);
        let host = FakeHost::new().on("GET", "/repos/octo/cabinet/contents", Reply::json(200, reply));
        let result = host.call::<Github>("github_contents_get", json!({ "owner": "octo", "repo": "cabinet" }));
        assert_eq!(
            result,
            Ok(json!({
                "type": "dir", "path": "", "size": null, "sha": null, "url": null, "encoding": null, "content": null,
                "items": [
                    { "type": "file", "path": "lib.rs", "size": 625, "sha": "fff4" },
                    { "type": "dir", "path": "src", "size": 0, "sha": "a84d" },
                ],
            }))
        );
    }

    #[test]
    fn a_ref_goes_into_the_query() {
        let host =
            FakeHost::new().on("GET", "/repos/octo/cabinet/contents/a?ref=fix%2Fleak", Reply::json(200, json!([])));
        let input = json!({ "owner": "octo", "repo": "cabinet", "path": "a", "ref": "fix/leak" });
        assert!(host.call::<Github>("github_contents_get", input).is_ok());
    }

    #[test]
    fn links_have_no_content() {
        for kind in ["symlink", "submodule"] {
            let reply =
                json!({ "type": kind, "size": 23, "path": "x", "sha": "452a", "html_url": null, "target": "/y" });
            let result = get("x", "/repos/octo/cabinet/contents/x", Reply::json(200, reply)).unwrap();
            assert_eq!((&result["type"], &result["content"]), (&json!(kind), &Value::Null));
        }
    }

    #[test]
    fn what_cannot_be_shown_is_told() {
        let target = "/repos/octo/cabinet/contents/x";
        let large = get("x", target, Reply::json(200, file("none", "")));
        assert!(matches!(large, Err(Failure::Unsupported(_))), "{large:?}");
        for body in ["7", "null", "{}", "[7]", r#"[{"type":"file"}]"#] {
            let result = get("x", target, Reply::bytes(200, body));
            assert!(matches!(result, Err(Failure::Upstream(_))), "{body}: {result:?}");
        }
        let broken = get("x", target, Reply::json(200, file("base64", "!")));
        assert!(matches!(broken, Err(Failure::Upstream(_))), "{broken:?}");
        let cut = get("x", target, Reply::bytes(200, r#"{"type":"file","content":"aGVs"#).truncated());
        let Err(Failure::Upstream(error)) = cut else { panic!("{cut:?}") };
        assert!(error.message.contains("longer than the host lets through"), "{}", error.message);
    }

    #[test]
    fn a_path_cannot_climb() {
        for path in ["../x", "a/../../x", "a/./b", "/etc/passwd", "a//b", "a/"] {
            let host = FakeHost::new();
            let input = json!({ "owner": "octo", "repo": "cabinet", "path": path });
            let result = host.call::<Github>("github_contents_get", input);
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{path}: {result:?}") };
            assert_eq!(errors[0].path, "/path", "{path}");
            assert!(host.requests().is_empty());
        }
        let odd = "/repos/octo/cabinet/contents/a%20b/%23%3F/%252e%252e";
        assert!(get("a b/#?/%2e%2e", odd, Reply::json(200, json!([]))).is_ok());
    }
}

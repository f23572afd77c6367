//! GitHub's REST API: users, repositories, issues, pull requests, contents, search.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::recorded::Recorded;
use super::github_data::{DIFF, Issue, README, Repository};
use super::{Reply, User, credential, number};

/// An imitated GitHub with a few users.
#[derive(Debug)]
pub struct GitHub {
    users: Vec<User>,
    repositories: Vec<Repository>,
}

/// GitHub's own page size.
const PER_PAGE: usize = 30;

/// GitHub breaks the base64 of contents after this many signs.
const CONTENT_LINE: usize = 60;

impl GitHub {
    /// GitHub with these users. Each has a private repository `notes`; all see `acme/widgets`.
    pub fn new(users: Vec<User>) -> Self {
        let repositories =
            users.iter().map(|user| Repository::private_of(&user.login)).chain([Repository::shared()]).collect();
        Self { users, repositories }
    }

    /// What it answers.
    pub fn answer(&mut self, request: &Recorded) -> Reply {
        if request.header("user-agent").is_none_or(str::is_empty) {
            return Reply::text(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a \
                User-Agent header.",
            );
        }
        let Some(user) = self.users.iter().find(|user| credential(request) == Some(&user.token)) else {
            return problem(401, "Bad credentials");
        };
        let login = user.login.clone();
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        let reply = match (request.method.as_str(), &path[..]) {
            ("GET", ["user"]) => Reply::json(200, &self.user(&login)),
            ("GET", ["user", "repos"]) => self.own_repositories(request, &login),
            ("GET", ["search", kind]) => self.search(request, &login, kind),
            (_, ["repos", owner, name, rest @ ..]) => self.in_repository(request, &login, (owner, name), rest),
            _ => problem(404, "Not Found"),
        };
        reply.header("x-ratelimit-limit", "5000").header("x-ratelimit-remaining", "4999")
    }

    fn user(&self, login: &str) -> Value {
        let id = self.users.iter().position(|user| user.login == login).unwrap_or_default() + 1;
        json!({
            "login": login,
            "id": id,
            "type": "User",
            "name": format!("{login} the imitated"),
            "email": format!("{login}@example.test"),
            "html_url": format!("https://github.com/{login}"),
            "public_repos": 0,
            "created_at": "2020-01-01T00:00:00Z",
        })
    }

    fn own_repositories(&self, request: &Recorded, login: &str) -> Reply {
        let visible = self.repositories.iter().filter(|repository| repository.visible_to(login));
        paged(request, visible.map(|repository| repository.json(&base(request))).collect())
    }

    fn in_repository(&mut self, request: &Recorded, login: &str, name: (&str, &str), rest: &[&str]) -> Reply {
        let found = self.repositories.iter_mut().find(|repository| {
            (repository.owner.as_str(), repository.name.as_str()) == name && repository.visible_to(login)
        });
        // What a user may not see is not there: GitHub does not tell the two apart either.
        let Some(repository) = found else { return problem(404, "Not Found") };
        let method = request.method.as_str();
        match (method, rest) {
            ("GET", []) => Reply::json(200, &repository.json(&base(request))),
            ("GET", ["issues"]) => list(request, repository, |_| true, Issue::json),
            ("POST", ["issues"]) => create_issue(request, repository, login),
            ("GET", ["pulls"]) => list(request, repository, |issue| issue.pull_request, Issue::pull_json),
            ("GET", ["contents", path @ ..]) => contents(request, path),
            (_, ["issues" | "pulls", number, after @ ..]) => {
                let at = repository.issues.iter().position(|issue| issue.number.to_string() == *number);
                let Some(at) = at else { return problem(404, "Not Found") };
                match (method, rest[0], after) {
                    ("GET", "issues", []) => Reply::json(200, &repository.issues[at].json(repository, &base(request))),
                    ("GET", "pulls", []) if repository.issues[at].pull_request => pull(request, repository, at),
                    ("GET", "issues", ["comments"]) => comments(request, &repository.issues[at]),
                    ("POST", "issues", ["comments"]) => comment(request, &mut repository.issues[at], login),
                    _ => problem(404, "Not Found"),
                }
            }
            _ => problem(404, "Not Found"),
        }
    }

    /// Every word of the query that is no qualifier must occur.
    fn search(&self, request: &Recorded, login: &str, kind: &str) -> Reply {
        let query = request.parameter("q").unwrap_or_default();
        if query.trim().is_empty() {
            return invalid("Search", "q", "missing");
        }
        let words: Vec<_> =
            query.split_whitespace().filter(|word| !word.contains(':')).map(str::to_lowercase).collect();
        let fits = |text: &str| words.iter().all(|word| text.to_lowercase().contains(word));
        let base = base(request);
        let visible: Vec<_> = self.repositories.iter().filter(|repository| repository.visible_to(login)).collect();
        let items: Vec<Value> = match kind {
            "repositories" => visible.iter().filter(|found| fits(&found.name)).map(|found| found.json(&base)).collect(),
            "issues" => visible
                .iter()
                .flat_map(|repository| repository.issues.iter().map(move |issue| (repository, issue)))
                .filter(|(_, issue)| fits(&issue.title))
                .map(|(repository, issue)| issue.json(repository, &base))
                .collect(),
            "code" if fits(README) => {
                let repository = visible.iter().find(|found| !found.private).map(|found| found.json(&base));
                let mut file = readme();
                file["repository"] = json!(repository);
                vec![file]
            }
            "code" => Vec::new(),
            _ => return problem(404, "Not Found"),
        };
        let (from, to) = page(request, items.len());
        let body = json!({ "total_count": items.len(), "incomplete_results": false, "items": &items[from..to] });
        linked(request, items.len(), Reply::json(200, &body))
    }
}

fn list(
    request: &Recorded,
    repository: &Repository,
    wanted: impl Fn(&Issue) -> bool,
    json: impl Fn(&Issue, &Repository, &str) -> Value,
) -> Reply {
    let state = request.parameter("state").unwrap_or_else(|| "open".into());
    if !["open", "closed", "all"].contains(&state.as_str()) {
        return invalid("Issue", "state", "invalid");
    }
    // The newest first, as GitHub has them.
    let found =
        repository.issues.iter().rev().filter(|issue| wanted(issue) && (state == "all" || state == issue.state()));
    paged(request, found.map(|issue| json(issue, repository, &base(request))).collect())
}

fn create_issue(request: &Recorded, repository: &mut Repository, login: &str) -> Reply {
    let body = request.json();
    if !body.is_object() {
        return problem(400, "Problems parsing JSON");
    }
    let Some(title) = body["title"].as_str().filter(|title| !title.trim().is_empty()) else {
        return invalid("Issue", "title", "missing_field");
    };
    let labels = body["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let issue = Issue {
        body: body["body"].as_str().map(str::to_owned),
        labels: labels.collect(),
        ..Issue::new(repository.issues.len() as u64 + 1, title, login)
    };
    repository.issues.push(issue.clone());
    let created = issue.json(repository, &base(request));
    let location = created["url"].as_str().unwrap_or_default().to_owned();
    Reply::json(201, &created).header("location", location)
}

fn pull(request: &Recorded, repository: &Repository, at: usize) -> Reply {
    let accept = request.header("accept").unwrap_or_default();
    if accept.contains("application/vnd.github") && accept.contains("diff") {
        return Reply::bytes(200, "application/vnd.github.diff; charset=utf-8", DIFF);
    }
    Reply::json(200, &repository.issues[at].pull_json(repository, &base(request)))
}

fn comment(request: &Recorded, issue: &mut Issue, login: &str) -> Reply {
    let Some(text) = request.json()["body"].as_str().filter(|text| !text.is_empty()).map(str::to_owned) else {
        return invalid("IssueComment", "body", "missing_field");
    };
    issue.comments.push((login.to_owned(), text));
    Reply::json(201, &comment_json(issue, issue.comments.len() - 1))
}

fn comments(request: &Recorded, issue: &Issue) -> Reply {
    paged(request, (0..issue.comments.len()).map(|at| comment_json(issue, at)).collect())
}

fn comment_json(issue: &Issue, at: usize) -> Value {
    let (login, body) = &issue.comments[at];
    let id = issue.number * 1000 + at as u64;
    json!({
        "id": id,
        "body": body,
        "user": { "login": login },
        "html_url": format!("https://github.com/issues/{}#issuecomment-{id}", issue.number),
        "created_at": "2026-01-02T03:04:05Z",
    })
}

/// The only file of each repository.
fn readme() -> Value {
    json!({
        "type": "file",
        "name": "README.md",
        "path": "README.md",
        "sha": "3".repeat(40),
        "size": README.len(),
        "html_url": "https://github.com/acme/widgets/blob/main/README.md",
    })
}

fn contents(request: &Recorded, path: &[&str]) -> Reply {
    match path {
        [] => Reply::json(200, &json!([readme()])),
        ["README.md"] if request.header("accept").is_some_and(|accept| accept.contains("raw")) => {
            Reply::bytes(200, "application/vnd.github.raw; charset=utf-8", README)
        }
        ["README.md"] => {
            let text = STANDARD.encode(README);
            let lines = text.as_bytes().chunks(CONTENT_LINE).map(String::from_utf8_lossy);
            let mut file = readme();
            file["encoding"] = json!("base64");
            file["content"] = json!(lines.map(|line| format!("{line}\n")).collect::<String>());
            Reply::json(200, &file)
        }
        _ => problem(404, "Not Found"),
    }
}

fn paged(request: &Recorded, items: Vec<Value>) -> Reply {
    let (from, to) = page(request, items.len());
    linked(request, items.len(), Reply::json(200, &Value::from(&items[from..to])))
}

/// The part of `length` items that the request asks for.
fn page(request: &Recorded, length: usize) -> (usize, usize) {
    let size = number(request, "per_page", PER_PAGE).clamp(1, 100);
    let from = number(request, "page", 1).saturating_sub(1).saturating_mul(size).min(length);
    (from, from.saturating_add(size).min(length))
}

fn linked(request: &Recorded, length: usize, reply: Reply) -> Reply {
    let (_, to) = page(request, length);
    if to >= length {
        return reply;
    }
    let size = number(request, "per_page", PER_PAGE).clamp(1, 100);
    let others: String = request
        .query()
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "page" | "per_page"))
        .map(|(name, value)| {
            format!("{name}={}&", percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC))
        })
        .collect();
    let url = |page: usize| format!("{}{}?{others}per_page={size}&page={page}", base(request), request.path());
    let next = number(request, "page", 1).max(1) + 1;
    reply.header("link", format!("<{}>; rel=\"next\", <{}>; rel=\"last\"", url(next), url(length.div_ceil(size))))
}

fn base(request: &Recorded) -> String {
    format!("http://{}", request.header("host").unwrap_or_default())
}

/// An error as GitHub writes it.
pub fn problem(status: u16, message: &str) -> Reply {
    let body = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.to_string(),
    });
    Reply::json(status, &body)
}

fn invalid(resource: &str, field: &str, code: &str) -> Reply {
    let body = json!({
        "message": "Validation Failed",
        "errors": [{ "resource": resource, "field": field, "code": code }],
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    });
    Reply::json(422, &body)
}

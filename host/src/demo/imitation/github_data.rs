//! What the imitated GitHub holds when it starts, and the shapes of its objects.

use serde_json::{Value, json};

/// The first id of an issue: past 2^53, so that a number which went through a float shows.
const FIRST_ID: u64 = 9_007_199_254_740_993;

/// A file of the shared repository.
pub(super) const README: &str = "# Widgets\n\nSmall parts, made well. Übergrößen on request.\n";

/// The diff of the shared repository's pull request.
pub(super) const DIFF: &str = "diff --git a/README.md b/README.md\nindex 1111111..2222222 100644\n--- a/README.md\n\
    +++ b/README.md\n@@ -1,3 +1,3 @@\n # Widgets\n \n-Small parts.\n+Small parts, made well. Übergrößen on request.\n";

/// A repository.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) owner: String,
    pub(super) name: String,
    /// Only its owner can see it.
    pub(super) private: bool,
    pub(super) issues: Vec<Issue>,
}

#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) open: bool,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    pub(super) comments: Vec<(String, String)>,
    pub(super) pull_request: bool,
}

impl Repository {
    /// `acme/widgets`, which everybody sees: issues 1 to 7, of which 3 and 6 are closed, and pull request 8.
    pub(super) fn shared() -> Self {
        let mut issues: Vec<_> = (1..=7).map(|n| Issue::new(n, &format!("Widget {n} squeaks"), "octocat")).collect();
        for closed in [2, 5] {
            issues[closed].open = false;
        }
        issues.push(Issue { pull_request: true, ..Issue::new(8, "Say what is special", "octocat") });
        Self { owner: "acme".into(), name: "widgets".into(), private: false, issues }
    }

    /// `{login}/notes`, which only that user sees: one issue.
    pub(super) fn private_of(login: &str) -> Self {
        let issues = vec![Issue::new(1, &format!("A private thought of {login}"), login)];
        Self { owner: login.into(), name: "notes".into(), private: true, issues }
    }

    pub(super) fn visible_to(&self, login: &str) -> bool {
        !self.private || self.owner == login
    }

    pub(super) fn json(&self, base: &str) -> Value {
        let full_name = format!("{}/{}", self.owner, self.name);
        json!({
            "id": 1_296_269,
            "name": self.name,
            "full_name": full_name,
            "private": self.private,
            "owner": { "login": self.owner },
            "html_url": format!("https://github.com/{full_name}"),
            "url": format!("{base}/repos/{full_name}"),
            "description": null,
            "fork": false,
            "archived": false,
            "default_branch": "main",
            "open_issues_count": self.issues.iter().filter(|issue| issue.open).count(),
            "stargazers_count": 80,
            "language": "Rust",
            "updated_at": "2026-01-02T03:04:05Z",
            "pushed_at": "2026-01-02T03:04:05Z",
        })
    }
}

impl Issue {
    pub(super) fn new(number: u64, title: &str, author: &str) -> Self {
        Self {
            number,
            title: title.into(),
            body: None,
            open: true,
            author: author.into(),
            labels: Vec::new(),
            comments: Vec::new(),
            pull_request: false,
        }
    }

    pub(super) fn state(&self) -> &'static str {
        if self.open { "open" } else { "closed" }
    }

    pub(super) fn json(&self, repository: &Repository, base: &str) -> Value {
        let full_name = format!("{}/{}", repository.owner, repository.name);
        let kind = if self.pull_request { "pull" } else { "issues" };
        let labels: Vec<_> = self.labels.iter().map(|name| json!({ "name": name })).collect();
        let mut object = json!({
            "id": FIRST_ID + self.number,
            "number": self.number,
            "title": self.title,
            "body": self.body,
            "state": self.state(),
            "user": { "login": self.author },
            "labels": labels,
            "assignees": [],
            "comments": self.comments.len(),
            "html_url": format!("https://github.com/{full_name}/{kind}/{}", self.number),
            "url": format!("{base}/repos/{full_name}/issues/{}", self.number),
            "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z",
            "closed_at": if self.open { Value::Null } else { json!("2026-01-03T00:00:00Z") },
        });
        if self.pull_request {
            object["pull_request"] = json!({ "url": format!("{base}/repos/{full_name}/pulls/{}", self.number) });
        }
        object
    }

    pub(super) fn pull_json(&self, repository: &Repository, base: &str) -> Value {
        let mut object = self.json(repository, base);
        object["draft"] = json!(false);
        object["merged"] = json!(false);
        object["mergeable"] = json!(true);
        object["head"] = json!({ "ref": "special", "sha": "2".repeat(40) });
        object["base"] = json!({ "ref": "main", "sha": "1".repeat(40) });
        object["merged_at"] = Value::Null;
        object["review_comments"] = json!(0);
        object["commits"] = json!(1);
        object["additions"] = json!(1);
        object["deletions"] = json!(1);
        object["changed_files"] = json!(1);
        object
    }
}

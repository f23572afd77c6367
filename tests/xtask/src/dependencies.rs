//! The rules for what may be linked in: licences, one TLS stack, one version of what must be one.

// Why not cargo-deny: it is not on a bare machine, compiling it takes longer than all other checks together, and what
// it knows beyond this needs an advisory database from the network. The rules that we hold ourselves to are two
// hundred lines over what `cargo metadata` says of the lock file.

use std::collections::BTreeMap;

use serde_json::Value;

/// Licences that allow what we do with the program: no copyleft, nothing to ask for.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not be linked in, by name, with the reason.
const BANNED: [(&str, &str); 5] = [
    ("openssl", "the TLS stack is rustls with ring, and only that"),
    ("openssl-sys", "the TLS stack is rustls with ring, and only that"),
    ("native-tls", "the TLS stack is rustls with ring, and only that"),
    ("aws-lc-sys", "rustls has one crypto provider: ring; a second is 10 MB more and needs cmake"),
    ("aws-lc-rs", "rustls has one crypto provider: ring; a second is 10 MB more and needs cmake"),
];

/// Crates that others may use, and our packages may not.
const NOT_OURS: [(&str, &str); 4] = [
    ("anyhow", "errors are typed per layer, so that a caller can tell them apart"),
    ("lazy_static", "std::sync::LazyLock does it"),
    ("once_cell", "std::sync::OnceLock does it"),
    ("chrono", "jiff does it"),
];

/// Crates of which the lock file holds exactly one version, with the reason.
const SINGLE: [(&str, &str); 8] = [
    ("reqwest", "one way out"),
    ("rustls", "one TLS stack"),
    ("ring", "one crypto provider"),
    ("hyper", "one HTTP stack"),
    ("http", "its types cross our own interfaces"),
    ("wasmtime", "one engine"),
    ("sqlx-core", "one database driver"),
    ("tokio", "one runtime"),
];

/// Where a crate may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

struct Package<'a> {
    name: &'a str,
    version: &'a str,
    licence: Option<&'a str>,
    source: Option<&'a str>,
    dependencies: Vec<&'a str>,
}

/// Every breach of a rule in what `cargo metadata` answered, a sentence each.
pub(crate) fn check(metadata: &Value) -> Vec<String> {
    let packages = packages(metadata);
    if packages.is_empty() {
        return vec!["cargo metadata names no packages".into()];
    }
    let mut findings = Vec::new();
    for package in &packages {
        findings.extend(foreign(package));
        findings.extend(unlicensed(package));
        findings.extend(banned(package));
        findings.extend(not_ours(package));
    }
    findings.extend(doubled(&packages));
    findings
}

fn packages(metadata: &Value) -> Vec<Package<'_>> {
    let list = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|package| {
            Some(Package {
                name: package["name"].as_str()?,
                version: package["version"].as_str()?,
                licence: package["license"].as_str(),
                source: package["source"].as_str(),
                dependencies: names(&package["dependencies"]),
            })
        })
        .collect()
}

fn names(dependencies: &Value) -> Vec<&str> {
    let list = dependencies.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|dependency| dependency["name"].as_str()).collect()
}

/// A git repository or another registry may change or vanish under a locked version.
fn foreign(package: &Package<'_>) -> Option<String> {
    let source = package.source.filter(|source| *source != REGISTRY)?;
    Some(format!("{} {} comes from {source}, not from crates.io", package.name, package.version))
}

fn unlicensed(package: &Package<'_>) -> Option<String> {
    let Some(licence) = package.licence else {
        return Some(format!("{} {} names no licence", package.name, package.version));
    };
    (!Expression::allows(licence))
        .then(|| format!("{} {} is under {licence}, which is not on the list", package.name, package.version))
}

fn banned(package: &Package<'_>) -> Option<String> {
    let (_, reason) = BANNED.iter().find(|(name, _)| *name == package.name)?;
    Some(format!("{} {} is banned: {reason}", package.name, package.version))
}

fn not_ours(package: &Package<'_>) -> Vec<String> {
    // Only what lies in this repository has no source.
    let ours = package.source.is_none();
    let named = NOT_OURS.iter().filter(|(name, _)| ours && package.dependencies.contains(name));
    named.map(|(name, reason)| format!("{} names {name} as its dependency: {reason}", package.name)).collect()
}

fn doubled(packages: &[Package<'_>]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(package.name).or_default().push(package.version);
    }
    let doubled = SINGLE.iter().filter_map(|(name, reason)| {
        let found = versions.get(name).filter(|found| found.len() > 1)?;
        Some(format!("{name} is there in versions {}, and must be one: {reason}", found.join(" and ")))
    });
    doubled.collect()
}

/// A licence expression (SPDX, and the older slash for `OR`), read from left to right.
struct Expression<'a> {
    words: Vec<&'a str>,
    next: usize,
    broken: bool,
}

impl<'a> Expression<'a> {
    /// Whether one of the choices that `text` offers is made of listed licences only.
    fn allows(text: &'a str) -> bool {
        let mut expression = Self { words: words(text), next: 0, broken: false };
        let allowed = expression.any();
        // What is left over was not understood, and what is not understood is not allowed.
        allowed && !expression.broken && expression.next == expression.words.len()
    }

    fn any(&mut self) -> bool {
        let mut allowed = self.all();
        while self.take("OR") || self.take("/") {
            // Not `||`: the right side must be read even when the left one decides.
            allowed |= self.all();
        }
        allowed
    }

    fn all(&mut self) -> bool {
        let mut allowed = self.one();
        while self.take("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let allowed = self.any();
            self.broken |= !self.take(")");
            return allowed;
        }
        let name = self.name();
        if !self.take("WITH") {
            return LICENCES.contains(&name);
        }
        LICENCES.contains(&format!("{name} WITH {}", self.name()).as_str())
    }

    fn name(&mut self) -> &'a str {
        let name = self.words.get(self.next).copied().unwrap_or_default();
        self.broken |= name.is_empty();
        self.next += 1;
        name
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.next) == Some(&word);
        self.next += usize::from(found);
        found
    }
}

fn words(text: &str) -> Vec<&str> {
    let signs = |c: char| matches!(c, '(' | ')' | '/');
    text.split_inclusive(|c: char| c.is_whitespace() || signs(c))
        .flat_map(|part| match part.char_indices().next_back() {
            Some((at, last)) if signs(last) => [&part[..at], &part[at..]],
            _ => [part, ""],
        })
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Expression, check};

    fn package(name: &str, version: &str, license: &str) -> Value {
        json!({"name": name, "version": version, "license": license, "source": super::REGISTRY})
    }

    #[test]
    fn licence_expressions() {
        for (text, allowed) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 / MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
            ("LGPL-2.1-or-later OR MIT", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-3.0 WITH LLVM-exception", false),
            ("GPL-3.0", false),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND AGPL-3.0", false),
            ("MIT AND (GPL-3.0 OR AGPL-3.0)", false),
            ("mit", false),
            ("MIT MIT", false),
            ("(MIT", false),
            ("MIT)", false),
            ("MIT OR", false),
            ("Apache-2.0 WITH", false),
            ("", false),
        ] {
            assert_eq!(Expression::allows(text), allowed, "{text}");
        }
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let git = json!({"name": "x", "version": "1.0.0", "license": "MIT", "source": "git+https://example.test/x"});
        let ours = json!({
            "name": "gloveport", "version": "0.1.0", "license": "Apache-2.0", "source": null,
            "dependencies": [{ "name": "anyhow" }, { "name": "serde" }],
        });
        let unlicensed = json!({"name": "x", "version": "1.0.0", "source": super::REGISTRY});
        for (packages, expected) in [
            (vec![package("openssl-sys", "0.9.1", "MIT")], "openssl-sys 0.9.1 is banned"),
            (vec![package("aws-lc-sys", "0.30.0", "ISC")], "one crypto provider"),
            (vec![package("x", "1.0.0", "AGPL-3.0")], "x 1.0.0 is under AGPL-3.0"),
            (vec![ours], "gloveport names anyhow"),
            (vec![unlicensed], "names no licence"),
            (vec![git], "not from crates.io"),
            (vec![package("rustls", "0.23.1", "MIT"), package("rustls", "0.22.4", "MIT")], "0.23.1 and 0.22.4"),
            (vec![], "names no packages"),
        ] {
            let findings = check(&json!({ "packages": packages }));
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].contains(expected), "{findings:?}");
        }
    }

    #[test]
    fn what_keeps_the_rules_is_left_alone() {
        let own = json!({"name": "gloveport", "version": "0.1.0", "license": "Apache-2.0", "source": null});
        let theirs = json!({
            "name": "wasmtime", "version": "48.0.8", "license": "MIT", "source": super::REGISTRY,
            "dependencies": [{ "name": "anyhow" }],
        });
        let packages = [own, theirs, package("syn", "2.0.1", "MIT"), package("syn", "3.0.1", "MIT")];
        assert_eq!(check(&json!({ "packages": packages })), Vec::<String>::new());
    }
}

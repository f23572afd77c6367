//! Host patterns and base URLs as a manifest has them.

use proc_macro2::Span;
use syn::LitStr;

use crate::syntax::Problems;

/// Whether a text can be a host pattern: `api.example.com`, `*.example.com:8443`, `{{domain}}`.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let wrong = |reason: &str| Err(format!("`{pattern}` is not a host pattern: {reason}"));
    if pattern.contains("://") || pattern.contains('/') {
        return wrong("write the host alone, without scheme and path");
    }
    let (host, port) = match pattern.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (pattern, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with(['+', '0'])) {
        return wrong("the port is not a number from 1 to 65535");
    }
    let host = host.strip_prefix("*.").unwrap_or(host);
    let plain =
        fields(host)?.into_iter().fold(host.to_owned(), |host, field| host.replace(&format!("{{{{{field}}}}}"), "f"));
    let labels_are_good = plain.split('.').all(|label| {
        !label.is_empty() && label.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')) && !label.starts_with('-')
    });
    if !labels_are_good {
        return wrong("use lower-case letters, digits, `-` and `.`; `*` only as `*.` at the start");
    }
    Ok(())
}

/// Reads `hosts`: each pattern sound, none twice.
pub(crate) fn read(hosts: &[LitStr], problems: &mut Problems) {
    for (index, host) in hosts.iter().enumerate() {
        if let Err(reason) = check(&host.value()) {
            problems.add(host, reason);
        }
        if hosts.iter().take(index).any(|earlier| earlier.value() == host.value()) {
            problems.add(host, format!("host `{}` is listed twice", host.value()));
        }
    }
}

/// Checks that `base_url` is an `https://` URL whose host is among `hosts`.
pub(crate) fn check_base_url(base_url: &LitStr, hosts: &[LitStr], problems: &mut Problems) {
    let url = base_url.value();
    let Some(rest) = url.strip_prefix("https://") else {
        return problems.add(base_url, "`base_url` begins with `https://`");
    };
    let host = rest.split('/').next().unwrap_or_default();
    if let Err(reason) = check(host) {
        return problems.add(base_url, reason);
    }
    if url.ends_with('/') || url.contains(['?', '#']) {
        problems.add(base_url, "`base_url` has neither a query nor a `/` at its end");
    }
    if !hosts.is_empty() && !hosts.iter().any(|pattern| covers(&pattern.value(), host)) {
        problems.add(base_url, format!("host `{host}` of `base_url` is not among `hosts`"));
    }
}

/// The names in `{{…}}`.
pub(crate) fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| format!("`{text}`: `{{{{` without `}}}}`"))?;
        names.push(name.to_owned());
        rest = after;
    }
    Ok(names)
}

/// Checks that each `{{field}}` of a text is a public field of every auth pattern.
pub(crate) fn check_fields(text: &LitStr, public: &[String], problems: &mut Problems) {
    for name in fields(&text.value()).unwrap_or_default() {
        if !public.contains(&name) {
            problems.add(
                text,
                format!(
                    "`{{{{{name}}}}}` is not a public field: declare `text(name = \"{name}\", …)` in every auth pattern"
                ),
            );
        }
    }
}

/// Says that `hosts` is missing.
pub(crate) fn missing(span: Span, problems: &mut Problems) {
    problems
        .at(span, "`hosts` is missing: list the hosts that this connector may reach, `hosts = [\"api.example.com\"]`");
}

fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for good in
            ["api.github.com", "*.example.com", "localhost:8080", "{{domain}}", "{{site}}.example.com", "127.0.0.1:1"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "a..b",
            ".a",
            "a.",
            "A.example",
            "https://a.example",
            "a.example/x",
            "a*.example",
            "a.*.example",
            "u@a.example",
            "a.example:0",
            "a.example:99999",
            "a.example:",
            "{{x",
            "-a.example",
            "ä.example",
            "a b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_suffix_does_not_cover_its_apex() {
        assert!(covers("*.example.com", "a.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "badexample.com"));
        assert!(covers("a.example", "a.example"));
        assert!(!covers("a.example", "b.example"));
    }
}

//! Takes the credential out of whatever comes back: exactly it, in every encoding that software puts text into.

mod view;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::inject::{WEBHOOK_PREFIX, rendered};
use super::limits::{SCRUB_DEPTH, SCRUB_MIN_BYTES};
use super::{Injection, Text};
use crate::model::{Escaping, Secret};
use view::{Alphabet, View};

/// What stands where the credential stood.
const MARK: &str = "[redacted]";

/// The mark for credentials that hold a bracket or a part of the other mark, so that no mark completes one.
const PLAIN_MARK: &str = "\u{2588}\u{2588}\u{2588}";

/// The longest that one byte of a needle becomes below two layers of escaping: `\\u0025\\u0034\\u0031`.
const LONGEST_ESCAPE: usize = 36;

/// Texts up to this length are searched needle by needle: preparing the search of many needles at once takes as long as
/// going through a few kilobytes without.
const SHORT_BYTES: usize = 2_048;

/// Knows the credential of one grant in all its encodings.
///
/// Looked for: the credential as it is; base64 and base64url, of it alone or as a part of a longer text, so at any of
/// three offsets; hex in both cases; with `+` for spaces; as XML and HTML have it; and all of these below up to two layers of percent-encoding
/// and JSON escapes, of all characters or of some. A part shorter than [`SCRUB_MIN_BYTES`] is not looked for by itself,
/// but is within what it is sent as (prefix and key, `user:password`).
///
/// Not looked for: other transformations (reversed, encrypted, in pieces). A provider that does that to a credential
/// has it anyway.
pub(crate) struct Scrubber {
    needles: Vec<Needle>,
    mark: &'static str,
    alphabet: Alphabet,
    /// The bytes that needles begin with.
    firsts: [bool; 256],
    /// Length of the shortest needle: no encoding of it is shorter.
    shortest: usize,
    searcher: OnceLock<Option<Searcher>>,
}

/// One text to look for.
struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// The base64 character before, or after, holds some bits of the credential and goes too.
    before: bool,
    after: bool,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} needles)", self.needles.len())
    }
}

impl Scrubber {
    /// Prepares for one credential. Cheap: the search is built when something is first searched.
    pub(crate) fn new(injection: &Injection) -> Self {
        Self::of(&[injection])
    }

    /// The same for several.
    pub(crate) fn of(injections: &[&Injection]) -> Self {
        let mut needles = Vec::new();
        for text in injections.iter().flat_map(|injection| secrets(injection)) {
            add_needles(&text, &mut needles);
        }
        let mut seen: Vec<Needle> = Vec::with_capacity(needles.len());
        for needle in needles {
            if !seen.iter().any(|other| other.bytes == needle.bytes) {
                seen.push(needle);
            }
        }
        let clashes =
            |needle: &Needle| needle.bytes.iter().any(|byte| matches!(byte, b'[' | b']')) || contains(MARK, needle);
        let mark = if seen.iter().any(clashes) { PLAIN_MARK } else { MARK };
        let alphabet = Alphabet::of(seen.iter().map(|needle| needle.bytes.as_slice()));
        let mut firsts = [false; 256];
        for byte in seen.iter().filter_map(|needle| needle.bytes.first()) {
            firsts[usize::from(*byte)] = true;
        }
        let shortest = seen.iter().map(|needle| needle.bytes.len()).min().unwrap_or(usize::MAX);
        Self { needles: seen, mark, alphabet, firsts, shortest, searcher: OnceLock::new() }
    }

    /// How many bytes behind a cut have to be read, so that no credential is cut in two and missed.
    pub(crate) fn overlap(&self) -> usize {
        self.needles.iter().map(|needle| needle.bytes.len() * LONGEST_ESCAPE).max().unwrap_or_default()
    }

    /// Whether the credential is in there.
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        !self.find(bytes).is_empty()
    }

    /// Scrubs text that goes to people or guests.
    pub(crate) fn text(&self, text: &str) -> String {
        let (bytes, _) = self.bytes(text.as_bytes().to_vec(), usize::MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Scrubs bytes and leaves out what lies behind `limit` in the original; says how often something was replaced.
    /// A credential that begins before the limit is replaced as a whole.
    pub(crate) fn bytes(&self, mut bytes: Vec<u8>, limit: usize) -> (Vec<u8>, u32) {
        let end = bytes.len().min(limit);
        let found = self.find(&bytes);
        if found.first().is_none_or(|range| range.start >= end) {
            bytes.truncate(end);
            return (bytes, 0);
        }
        let mut clean = Vec::with_capacity(end);
        let (mut at, mut count) = (0, 0);
        for range in found.iter().filter(|range| range.start < end) {
            clean.extend_from_slice(&bytes[at..range.start]);
            clean.extend_from_slice(self.mark.as_bytes());
            at = range.end;
            count += 1;
        }
        clean.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        (clean, count)
    }

    /// Whether a header's name, which is in lower case whatever it was before, holds the credential.
    pub(crate) fn in_name(&self, name: &str) -> bool {
        self.needles.iter().filter(|needle| needle.bytes.len() <= name.len()).any(|needle| {
            let folded: Zeroizing<Vec<u8>> = Zeroizing::new(needle.bytes.to_ascii_lowercase());
            name.as_bytes().windows(folded.len()).any(|window| window == folded.as_slice())
        })
    }

    /// Where the credential is: in order, not touching each other.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        if bytes.len() < self.shortest {
            return Vec::new();
        }
        let mut found = Vec::new();
        self.search(&View::raw(bytes), SCRUB_DEPTH, &mut found);
        found.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }

    fn search(&self, view: &View<'_>, depth: u32, found: &mut Vec<Range<usize>>) {
        let bytes = view.bytes();
        self.hits(bytes, |needle, hit| {
            let is_base64 =
                |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
            let start =
                if needle.before && hit.start > 0 && is_base64(hit.start - 1) { hit.start - 1 } else { hit.start };
            let end = if needle.after && is_base64(hit.end) { hit.end + 1 } else { hit.end };
            found.push(view.origin(start..end));
        });
        if depth > 0 {
            for below in [view.without_json_escapes(&self.alphabet), view.without_percent_escapes(&self.alphabet)]
                .into_iter()
                .flatten()
            {
                self.search(&below, depth - 1, found);
            }
        }
    }

    /// Each needle that is in there: the first, of those that begin at one place the longest, and on behind it.
    fn hits(&self, bytes: &[u8], mut each: impl FnMut(&Needle, Range<usize>)) {
        if bytes.len() <= SHORT_BYTES {
            let mut at = 0;
            while let Some(next) = bytes[at..].iter().position(|byte| self.firsts[usize::from(*byte)]) {
                at += next;
                let here = |needle: &&Needle| bytes[at..].starts_with(&needle.bytes);
                let longest = self.needles.iter().filter(here).max_by_key(|needle| needle.bytes.len());
                let length = longest.map_or(1, |needle| needle.bytes.len());
                if let Some(needle) = longest {
                    each(needle, at..at + length);
                }
                at += length;
            }
            return;
        }
        let Some(searcher) = self.searcher.get_or_init(|| build(&self.needles)) else { return };
        for hit in searcher.find_iter(bytes) {
            each(&self.needles[hit.pattern().as_usize()], hit.start()..hit.end());
        }
    }
}

/// What must not come back, from the longest to the shortest meaning.
fn secrets(injection: &Injection) -> Vec<Zeroizing<String>> {
    let mut texts = known(injection);
    texts.retain(|text| text.len() >= SCRUB_MIN_BYTES);
    texts
}

fn known(injection: &Injection) -> Vec<Zeroizing<String>> {
    let own = |text: &str| Zeroizing::new(text.to_owned());
    let secret = |secret: &Secret| own(secret.expose());
    let hidden = |text: &Text| match text {
        Text::Public(_) => own(""),
        Text::Secret(key) => secret(key),
    };
    match injection {
        Injection::None => Vec::new(),
        Injection::All(all) => all.iter().flat_map(known).collect(),
        Injection::Hidden(key) => vec![secret(key)],
        Injection::CallerToken { token, .. } => vec![secret(token.secret())],
        Injection::Insertion { value, .. } => vec![hidden(value)],
        Injection::Header { value, values, .. } => {
            let all: Vec<_> = values.values().map(hidden).collect();
            // The whole of it where a part is too short by itself.
            let short = all.iter().any(|text| !text.is_empty() && text.len() < SCRUB_MIN_BYTES);
            all.into_iter().chain(rendered(value, values).filter(|_| short)).collect()
        }
        Injection::OAuth1a(keys) => {
            vec![
                secret(&keys.consumer_secret),
                secret(&keys.token_secret),
                secret(&keys.token),
                hidden(&keys.consumer_key),
            ]
        }
        Injection::AwsSigV4(keys) => {
            let token = keys.session_token.iter().map(secret);
            token.chain([secret(&keys.secret_key), hidden(&keys.access_key)]).collect()
        }
        Injection::Hmac(key) => vec![secret(&key.key)],
        // Without the prefix, which tells nothing: what follows it is found within the whole as well.
        Injection::Webhook { keys, .. } => {
            keys.iter().map(|key| own(key.expose().trim_start_matches(WEBHOOK_PREFIX).trim_end_matches('='))).collect()
        }
        Injection::Bearer(token) => vec![own(token.expose())],
        Injection::ApiKey { prefix, key, .. } => {
            // With the prefix only where the key alone is too short: a long one is found within it anyway.
            let key = key.expose();
            if key.len() < SCRUB_MIN_BYTES && !key.is_empty() {
                vec![own(&format!("{prefix}{key}"))]
            } else {
                vec![own(key)]
            }
        }
        Injection::Basic { username, password } => {
            let password = password.expose();
            match username {
                // A provider's data is full of names; with the password beside it, it is the credential.
                Text::Public(name) => vec![own(&format!("{name}:{password}")), own(password)],
                Text::Secret(key) => {
                    let key = key.expose();
                    vec![own(&format!("{key}:{password}")), own(key), own(password)]
                }
            }
        }
    }
}

fn add_needles(text: &str, needles: &mut Vec<Needle>) {
    let mut exact = |bytes: Vec<u8>| needles.push(Needle { bytes: Zeroizing::new(bytes), before: false, after: false });
    exact(text.as_bytes().to_vec());
    if text.contains(' ') {
        exact(text.replace(' ', "+").into_bytes());
    }
    exact(hex::encode(text).into_bytes());
    exact(hex::encode_upper(text).into_bytes());
    let xml = Zeroizing::new(Escaping::Xml.escape(text));
    if *xml != text {
        // Apostrophes have two names, quotes too, and within an element neither needs one.
        let html = Zeroizing::new(xml.replace("&apos;", "&#39;"));
        exact(html.replace("&quot;", "&#34;").into_bytes());
        exact(html.as_bytes().to_vec());
        exact(xml.replace("&apos;", "'").replace("&quot;", "\"").into_bytes());
        exact(xml.as_bytes().to_vec());
        (0..3).for_each(|offset| add_base64(xml.as_bytes(), offset, needles));
    }
    (0..3).for_each(|offset| add_base64(text.as_bytes(), offset, needles));
}

/// The characters of base64 that stand for the text and nothing else, when `offset` bytes come before it.
fn add_base64(text: &[u8], offset: usize, needles: &mut Vec<Needle>) {
    let mut padded = Zeroizing::new(vec![0; offset]);
    padded.extend_from_slice(text);
    let (first, end) = ((offset * 8).div_ceil(6), (padded.len() * 8) / 6);
    let standard = Zeroizing::new(STANDARD_NO_PAD.encode(&*padded));
    // Without the two characters in which they differ, both are the same text.
    let other = standard.contains(['+', '/']).then(|| Zeroizing::new(URL_SAFE_NO_PAD.encode(&*padded)));
    for encoded in [Some(standard), other].into_iter().flatten() {
        needles.push(Needle {
            bytes: Zeroizing::new(encoded.as_bytes()[first..end].to_vec()),
            before: offset != 0,
            after: !padded.len().is_multiple_of(3),
        });
    }
}

/// One pass over the text for all needles, by SIMD where the processor has it.
fn build(needles: &[Needle]) -> Option<Searcher> {
    if needles.is_empty() {
        return None;
    }
    let mut builder = Config::new().match_kind(MatchKind::LeftmostLongest).heuristic_pattern_limits(false).builder();
    builder.extend(needles.iter().map(|needle| needle.bytes.as_slice()));
    builder.build().or_else(|| {
        let mut slow = Config::new().match_kind(MatchKind::LeftmostLongest).only_rabin_karp(true).builder();
        slow.extend(needles.iter().map(|needle| needle.bytes.as_slice()));
        slow.build()
    })
}

fn contains(text: &str, needle: &Needle) -> bool {
    text.as_bytes().windows(needle.bytes.len()).any(|window| window == needle.bytes.as_slice())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::egress::tests::bearer;
    use crate::model::{Placement, Secret};

    fn percent(text: &str, some: bool, upper: bool) -> String {
        let encode = |(at, byte): (usize, u8)| match (some && at % 2 == 0 && byte.is_ascii_alphanumeric(), upper) {
            (true, _) => char::from(byte).to_string(),
            (_, true) => format!("%{byte:02X}"),
            (_, false) => format!("%{byte:02x}"),
        };
        text.bytes().enumerate().map(encode).collect()
    }

    fn json(text: &str, some: bool) -> String {
        let escape = |(at, c): (usize, char)| match c {
            '"' | '\\' | '/' => format!("\\{c}"),
            c if some && at % 2 == 0 => c.to_string(),
            c => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect()
            }
        };
        text.chars().enumerate().map(escape).collect()
    }

    /// The secret in every encoding that is looked for.
    fn encodings(secret: &str) -> Vec<String> {
        let mut all = vec![
            secret.to_owned(),
            hex::encode(secret),
            hex::encode_upper(secret),
            percent(secret, false, true),
            percent(secret, false, false),
            percent(secret, true, true),
            json(secret, false),
            json(secret, true),
            json(secret, false).to_lowercase(),
            percent(&json(secret, true), true, true),
            json(&percent(secret, true, false), true),
            json(&json(secret, true), true),
            percent(&percent(secret, false, true), true, true),
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        ];
        if secret != secret.to_lowercase() {
            all.remove(8);
        }
        for lead in ["", "a", "ab", "abc:"] {
            for text in [format!("{lead}{secret}"), format!("{lead}{secret}!"), format!("{lead}{secret}?!")] {
                let standard = STANDARD_NO_PAD.encode(&text);
                all.extend([
                    percent(&standard, true, true),
                    json(&standard, true),
                    standard,
                    URL_SAFE_NO_PAD.encode(&text),
                ]);
            }
        }
        all
    }

    #[test]
    fn every_encoding_is_found_and_replaced() {
        for secret in
            ["sk_live_51H", "ghp_16C7e42F292c6912E7", "a/b+c=d&e f", "zoë\"\\<>'%41", "......", "[redacted]", "]abc[1"]
        {
            let scrubber = Scrubber::new(&bearer(secret));
            for encoded in encodings(secret) {
                for (before, after) in [("", ""), ("{\"k\":\"", "\"}"), ("é %", "% \\ "), ("\\n", "\\n")] {
                    let text = format!("{before}{encoded}{after}");
                    assert!(scrubber.finds(text.as_bytes()), "{secret} as {text}");
                    let (clean, count) = scrubber.bytes(text.clone().into_bytes(), usize::MAX);
                    let clean = String::from_utf8(clean).unwrap();
                    assert!(count >= 1 && !scrubber.finds(clean.as_bytes()), "{secret} as {text} became {clean}");
                    assert!(clean.starts_with(before) && clean.ends_with(after), "{text} became {clean}");
                }
            }
        }
    }

    #[test]
    fn what_is_sent_together_is_found_together() {
        let secret = |text: &str| Secret::new(text.into());
        let basic = |username, password| Injection::Basic { username, password: secret(password) };
        let pair = |name: &str, password| basic(Text::Public(name.into()), password);
        let keyed = |key, password| basic(Text::Secret(secret(key)), password);
        for (injection, text) in [
            (pair("admin", "abc"), "Basic YWRtaW46YWJj"),
            (pair("admin", "abc"), "admin:abc"),
            (pair("grace.hopper", "X"), "Basic Z3JhY2UuaG9wcGVyOlg="),
            (keyed("fd-api-key-1", "X"), "user=fd-api-key-1"),
            (pair("joe", "correct horse"), "password=correct+horse"),
            (pair("joe", "correct horse"), "am9lOmNvcnJlY3QgaG9yc2U"),
        ] {
            assert!(Scrubber::new(&injection).finds(text.as_bytes()), "{text}");
        }
        for text in ["grace.hopper", "by grace.hopper@example.com", "Z3JhY2UuaG9wcGVy", "grace.hopper: hello"] {
            assert!(!Scrubber::new(&pair("grace.hopper", "correct horse")).finds(text.as_bytes()), "{text}");
        }
        let key = |prefix: &str, key| Injection::ApiKey {
            placement: Placement::Header,
            name: "x".into(),
            prefix: prefix.into(),
            key: secret(key),
        };
        assert!(Scrubber::new(&key("Token ", "abc")).finds(b"x: Token abc"));
        assert!(!Scrubber::new(&key("Token ", "abc")).finds(b"abcabcabc"));
        assert!(Scrubber::new(&key("Token ", "abcdef")).finds(b"Token abcdef"));
        assert!(!Scrubber::new(&Injection::None).finds(b"anything"));
        let short = Scrubber::new(&bearer("abcde"));
        assert_eq!(short.bytes(b"abcde".to_vec(), 99), (b"abcde".to_vec(), 0));
    }

    #[test]
    fn a_cut_leaves_no_half() {
        let scrubber = Scrubber::new(&bearer("secret-token"));
        let text = b"0123secret-token4567secret-token89".to_vec();
        for limit in 0..=text.len() {
            let (clean, _) = scrubber.bytes(text.clone(), limit);
            let clean = String::from_utf8(clean).unwrap();
            assert!(!clean.contains('s') && !clean.contains('k'), "{limit}: {clean}");
        }
        assert_eq!(scrubber.bytes(text.clone(), 6), (b"0123[redacted]".to_vec(), 1));
        assert_eq!(scrubber.bytes(text, 4), (b"0123".to_vec(), 0));
    }

    #[test]
    fn names_are_compared_without_case() {
        let scrubber = Scrubber::new(&bearer("Secret-Token"));
        assert!(scrubber.in_name("x-secret-token"));
        assert!(!scrubber.in_name("x-secret"));
        assert_eq!(format!("{scrubber:?}").matches("ecret").count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_recognisable_is_left(
            secret in "[!-~]{6,40}|[ -~]{6,20}|\\PC{6,12}",
            index: prop::sample::Index,
            before in "\\PC{0,12}|[%\\\\u0-9a-f]{0,8}",
            after in "\\PC{0,12}|[%\\\\u0-9a-f]{0,8}",
        ) {
            let all = encodings(&secret);
            let encoded = index.get(&all);
            let scrubber = Scrubber::new(&bearer(&secret));
            // An escape that begins before the secret is not the secret's encoding any more.
            let text = format!("{before} {encoded} {after}");
            let (clean, count) = scrubber.bytes(text.clone().into_bytes(), usize::MAX);
            prop_assert!(count >= 1, "{} in {}", secret, text);
            prop_assert!(!scrubber.finds(&clean), "{} in {}", secret, text);
        }

        #[test]
        fn short_texts_are_searched_as_long_ones_are(
            secret in "[ab+/ ]{6,9}",
            parts in prop::collection::vec((any::<prop::sample::Index>(), "[ab]{0,2}"), 0..6),
        ) {
            let scrubber = Scrubber::new(&bearer(&secret));
            let needles = &scrubber.needles;
            let mut text = Vec::new();
            for (index, between) in &parts {
                text.extend_from_slice(&needles[index.index(needles.len())].bytes);
                text.truncate(text.len() - text.len() % 5 % 2);
                text.extend_from_slice(between.as_bytes());
            }
            let mut short = Vec::new();
            scrubber.hits(&text, |needle, range| short.push((needle.bytes.to_vec(), range)));
            let searcher = build(needles).unwrap();
            let long = searcher.find_iter(&text).map(|hit| {
                (needles[hit.pattern().as_usize()].bytes.to_vec(), hit.start()..hit.end())
            });
            prop_assert_eq!(short, long.collect::<Vec<_>>());
        }

        #[test]
        fn clean_bytes_stay_as_they_are(bytes: Vec<u8>, text in "[%\\\\u0-9a-zA-Z\"/ ]{0,200}") {
            let scrubber = Scrubber::new(&bearer("sk_live_51HxYzAbCdEf"));
            prop_assert_eq!(scrubber.bytes(bytes.clone(), usize::MAX), (bytes, 0));
            prop_assert_eq!(scrubber.bytes(text.clone().into_bytes(), usize::MAX), (text.into_bytes(), 0));
        }
    }
}

//! Whatever a credential is and wherever it goes: an answer that repeats the whole request shows nothing of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::super::inject::{Moment, Outgoing, inject};
use super::super::scrub::Scrubber;
use super::super::*;
use crate::model::{
    Encoding, Escaping, Hmac, HmacHash, KeyEncoding, OAuth1aSignature, Placement, Random, Secret, TextTemplate,
    Timestamp,
};

const MARKER: &str = "{{session}}";

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

/// Each way in which a credential gets into a request or signs it, with the body that it takes.
fn ways(key: &str, other: &str) -> Vec<(Injection, &'static str, String)> {
    let placed = |placement| Injection::ApiKey { placement, name: "key".into(), prefix: "k ".into(), key: secret(key) };
    let header = Injection::Header {
        name: "x-key".into(),
        value: TextTemplate::parse("{{a}}:{{b}}").unwrap(),
        values: BTreeMap::from([
            ("a".to_owned(), Text::Secret(secret(key))),
            ("b".to_owned(), Text::Secret(secret(other))),
        ]),
    };
    let oauth = |signature| {
        Injection::OAuth1a(Box::new(OAuth1aKeys {
            signature,
            consumer_key: Text::Public("client".into()),
            consumer_secret: secret(key),
            token: secret(other),
            token_secret: secret(key),
            realm: None,
            parameters: Vec::new(),
        }))
    };
    let aws = Injection::AwsSigV4(Box::new(AwsKeys {
        access_key: Text::Secret(secret(other)),
        secret_key: secret(key),
        session_token: Some(secret(key)),
        region: "eu-1".into(),
        service: "s3".into(),
    }));
    let pattern = Hmac {
        key: "key".into(),
        key_encoding: KeyEncoding::Text,
        hash: HmacHash::Sha256,
        text: "{{body}}".into(),
        encoding: Encoding::Base64,
        header: "x-signature".into(),
        prefix: String::new(),
        timestamp_header: None,
    };
    let hmac = Injection::Hmac(Box::new(HmacKey { pattern, key: secret(key), values: BTreeMap::new() }));
    let inserted = |kind: &str| Injection::Insertion {
        content_type: kind.into(),
        marker: MARKER.into(),
        value: Text::Secret(secret(key)),
    };
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    vec![
        (Injection::Bearer(secret(key)), json, String::new()),
        (placed(Placement::Header), json, String::new()),
        (placed(Placement::Query), json, String::new()),
        (Injection::Basic { username: Text::Public("ada".into()), password: secret(key) }, json, String::new()),
        (header, json, String::new()),
        (oauth(OAuth1aSignature::Plaintext), form, "a=1".into()),
        (oauth(OAuth1aSignature::HmacSha1), form, "a=1".into()),
        (aws, json, "{}".into()),
        (Injection::All(vec![Injection::Hidden(secret(key)), hmac]), json, "{}".into()),
        (inserted("text/xml"), "text/xml", format!("<a b=\"{MARKER}\"/>")),
        (inserted(json), json, format!("{{\"a\":\"{MARKER}\"}}")),
        (inserted(form), form, format!("a={MARKER}&b=1")),
        (inserted("text/plain"), "text/plain", MARKER.into()),
    ]
}

/// The request as a provider's debugging page repeats it.
fn wire(injection: &Injection, kind: &str, body: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().unwrap());
    let body = (!body.is_empty()).then(|| Bytes::copy_from_slice(body.as_bytes()));
    let url = "https://api.example.com/a?b=1".parse().unwrap();
    let mut request = Outgoing { method: http::Method::POST, url, headers, body };
    inject(injection, &mut request, &Moment { at: Timestamp(0), random: Random::system() }).unwrap();
    let Outgoing { url, headers, body, .. } = request;
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    format!("{url}\n{}\n\n{}", headers.join("\n"), String::from_utf8(body.unwrap_or_default().to_vec()).unwrap())
}

proptest! {
    #[test]
    fn an_echo_shows_nothing(key in "[!-~]{8,40}", other in "[a-zA-Z0-9]{8,30}") {
        for (injection, kind, body) in ways(&key, &other) {
            // A part of the request that is there without the credential tells nothing.
            let plain = wire(&Injection::None, kind, &body);
            let echoed = wire(&injection, kind, &body);
            let (clean, _) = Scrubber::new(&injection).bytes(echoed.into_bytes(), usize::MAX);
            let clean = String::from_utf8(clean).unwrap();
            let forms = [&key, &other].into_iter().flat_map(|text| [
                text.clone(),
                utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
                Escaping::Form.escape(text),
                Escaping::Xml.escape(text),
                Escaping::Json.escape(text),
                utf8_percent_encode(&Escaping::Form.escape(text), NON_ALPHANUMERIC).to_string(),
            ]);
            for form in forms.filter(|form| !plain.contains(form.as_str())) {
                prop_assert!(!clean.contains(&form), "{} of {:?} in {}", form, injection, clean);
            }
        }
    }
}

/// XML and HTML write quotes in several ways, and all of them are looked for.
#[test]
fn escapes_of_markup_are_looked_for() {
    let scrubber = Scrubber::new(&Injection::Bearer(secret("a<b&c\"d'e")));
    for text in [
        "a<b&c\"d'e",
        "a&lt;b&amp;c&quot;d&apos;e",
        "a&lt;b&amp;c&quot;d&#39;e",
        "a&lt;b&amp;c&#34;d&#39;e",
        "a&lt;b&amp;c\"d'e",
    ] {
        assert_eq!(scrubber.text(&format!("<x>{text}</x>")), "<x>[redacted]</x>", "{text}");
    }
}

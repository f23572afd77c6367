//! The examples of RFC 5849, and one that a provider publishes.

use super::super::tests::{moment, outgoing, secret};
use super::super::{Injection, inject};
use super::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn keys(consumer: [&str; 2], token: [&str; 2]) -> OAuth1aKeys {
    OAuth1aKeys {
        signature: OAuth1aSignature::HmacSha1,
        consumer_key: Text::Public(consumer[0].into()),
        consumer_secret: secret(consumer[1]),
        token: secret(token[0]),
        token_secret: secret(token[1]),
        realm: None,
        parameters: Vec::new(),
    }
}

/// Section 1.2: what a client asks for in turn, without the version, which the examples leave out.
#[test]
fn signatures_are_those_of_the_standard() {
    const CONSUMER: [&str; 2] = ["dpf43f3p2l4k3l03", "kd94hf93k423kf44"];
    type Row = (
        &'static str,
        &'static str,
        [&'static str; 2],
        [&'static str; 2],
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let rows: [Row; 3] = [
        (
            "POST",
            "https://photos.example.net/initiate",
            ["", ""],
            ["137131200", "wIjqoS"],
            &[("oauth_callback", "http://printer.example.com/ready")],
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            "POST",
            "https://photos.example.net/token",
            ["hh5s93j4hdidpola", "hdhd0244k9j7ao03"],
            ["137131201", "walatlh"],
            &[("oauth_verifier", "hfdp7dh39dks9884")],
            "gKgrFCywp7rO0OXSjdot/IHF7IU=",
        ),
        (
            "GET",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            ["nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"],
            ["137131202", "chapoH"],
            &[],
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
    ];
    for (method, url, token, [seconds, nonce], more, expected) in rows {
        let mut own = vec![("oauth_consumer_key", CONSUMER[0])];
        own.extend((!token[0].is_empty()).then_some(("oauth_token", token[0])));
        own.extend([("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", seconds), ("oauth_nonce", nonce)]);
        own.extend(more);
        let request = outgoing(method, url, &[], "");
        assert_eq!(*signature(&keys(CONSUMER, token), &request, &own), expected, "{url}");
    }
}

/// Section 3.4.1: everything that may stand in a query and in a form.
#[test]
fn a_request_becomes_one_text() {
    let url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b";
    let own = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
    ];
    let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D\
                    %26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26\
                    oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
    assert_eq!(base_string(&outgoing("POST", url, &[FORM], "c2&a3=2+q"), &own), expected);
    // A body of any other type is not in it.
    for kind in [("content-type", "application/json"), ("accept", "application/x-www-form-urlencoded")] {
        let text = base_string(&outgoing("POST", url, &[kind], "c2&a3=2+q"), &own);
        assert!(!text.contains("c2") && text.contains("a3%3Da%26b5"), "{text}");
    }
    let charset = ("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    assert_eq!(base_string(&outgoing("POST", url, &[charset], "c2&a3=2+q"), &own), expected);
    let place = |url| base_string(&outgoing("GET", url, &[], ""), &[]);
    assert_eq!(place("https://www.example.net:8080/?q=1"), "GET&https%3A%2F%2Fwww.example.net%3A8080%2F&q%3D1");
    assert_eq!(place("https://example.net:443"), "GET&https%3A%2F%2Fexample.net%2F&");
}

/// What X publishes for those who sign by hand.
#[test]
fn a_signature_is_that_of_a_provider() {
    let consumer = ["xvz1evFS4wEEPTGEFPHBog", "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"];
    let token = ["370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"];
    let body = "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21";
    let url = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true";
    let request = outgoing("POST", url, &[FORM], body);
    let header =
        authorization(&keys(consumer, token), &request, "1318622958", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg");
    let header = header.unwrap();
    assert!(header.contains(r#"oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D""#), "{}", *header);
}

fn header(keys: OAuth1aKeys) -> Result<String, EgressError> {
    let mut request = outgoing("GET", "https://api.example.com/?a=1", &[], "");
    inject(&Injection::OAuth1a(Box::new(keys)), &mut request, &moment(1_700))?;
    assert!(request.headers[AUTHORIZATION].is_sensitive());
    Ok(request.headers[AUTHORIZATION].to_str().unwrap().to_owned())
}

/// AU-07.
#[test]
fn each_way_to_sign_is_named() {
    let keys = || keys(["k&1", "s/1"], ["t", "u v"]);
    let plain = OAuth1aKeys { signature: OAuth1aSignature::Plaintext, realm: Some("a \"b\\".into()), ..keys() };
    assert_eq!(
        header(plain).unwrap(),
        "OAuth realm=\"a \\\"b\\\\\", oauth_consumer_key=\"k%261\", oauth_token=\"t\", \
         oauth_signature_method=\"PLAINTEXT\", oauth_version=\"1.0\", oauth_signature=\"s%252F1%26u%2520v\""
    );
    let parameters = vec![("oauth_callback".to_owned(), "https://a.example/b".to_owned())];
    let none = OAuth1aKeys { token: secret(""), parameters, ..keys() };
    let text = header(none).unwrap();
    assert!(!text.contains("oauth_token") && text.contains("oauth_callback=\"https%3A%2F%2Fa.example%2Fb\""), "{text}");
    assert!(text.contains("oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1700\", oauth_nonce=\""), "{text}");
    let newer = header(OAuth1aKeys { signature: OAuth1aSignature::HmacSha256, ..keys() }).unwrap();
    assert!(newer.contains("\"HMAC-SHA256\"") && newer.len() > header(keys()).unwrap().len(), "{newer}");
    // Each request has a nonce of its own, and so a signature.
    assert_ne!(header(keys()).unwrap(), header(keys()).unwrap());
    for bad in [
        OAuth1aKeys { consumer_key: Text::Public(String::new()), ..keys() },
        OAuth1aKeys { realm: Some("a\nb".into()), ..keys() },
    ] {
        assert!(matches!(header(bad), Err(EgressError::Credential(_))));
    }
}

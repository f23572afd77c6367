//! AWS's published test suite, the examples of S3, and what its rules mean for requests of guests.

use http::header::HeaderValue;

use super::super::tests::{moment, outgoing, secret};
use super::super::{Injection, inject};
use super::*;

const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";

/// 2015-08-30T12:36:00Z.
const MOMENT: i64 = 1_440_938_160;

fn keys() -> AwsKeys {
    AwsKeys {
        access_key: Text::Public("AKIDEXAMPLE".into()),
        secret_key: secret(KEY),
        session_token: None,
        region: "us-east-1".into(),
        service: "service".into(),
    }
}

/// The signature of a request of the suite. Its paths and parameters are written as they are meant, and not yet as they
/// are sent.
fn signature(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: &str) -> String {
    let own = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in own.iter().chain(headers) {
        let values = all.entry((*name).to_owned()).or_default();
        let value = words(value);
        *values = if values.is_empty() { value } else { format!("{values},{value}") };
    }
    let content = hex::encode(Sha256::digest(body));
    let (path, query) = (canonical_path(path, "service"), canonical_query(query));
    let canonical = canonical_request(method, (&path, &query), &all, &content);
    let value = authorization(&keys(), "20150830T123600Z", &all, &canonical).unwrap();
    let start = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature=",
        names(&all)
    );
    value.strip_prefix(&start).unwrap_or_else(|| panic!("{value} begins otherwise than {start}")).to_owned()
}

/// AU-12: the cases of the suite that say something about a request's form. Those with `..` in their paths are not here:
/// no such URL gets so far.
#[test]
fn signatures_are_those_of_the_suite() {
    type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);
    let get: &[Row] = &[
        ("/", "", &[], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("/", "Param1=value1", &[], "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("/", "Param2=value2&Param1=value1", &[], "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        (
            "/",
            "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            &[],
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        ("/", "\u{1234}=bar", &[], "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "/",
            "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=\
             -._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            &[],
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "",
            &[],
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        ("/\u{1234}", "", &[], "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("/example space/", "", &[], "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
        ("//example//", "", &[], "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        (
            "/",
            "",
            &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "/",
            "",
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "/",
            "",
            &[("x-amz-security-token", TOKEN)],
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
    ];
    for (path, query, headers, expected) in get {
        assert_eq!(signature("GET", path, query, headers, ""), *expected, "{path}?{query} {headers:?}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (headers, body, expected) in [
        (&[][..], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (&form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        (
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("content-length", "13"),
                ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
            ],
            "Param1=value1",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
    ] {
        assert_eq!(signature("POST", "/", "", headers, body), expected, "{headers:?}");
    }
}

fn sent(keys: AwsKeys, request: &mut Outgoing, seconds: i64) -> Result<String, EgressError> {
    inject(&Injection::AwsSigV4(Box::new(keys)), request, &moment(seconds))?;
    assert!(request.headers[AUTHORIZATION].is_sensitive());
    Ok(request.headers[AUTHORIZATION].to_str().unwrap().to_owned())
}

/// The examples of S3's documentation that need no header which no guest has signed.
#[test]
fn signatures_are_those_of_the_examples_of_s3() {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (query, expected) in [
        ("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("prefix=J&max-keys=2", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ] {
        let keys = AwsKeys {
            access_key: Text::Public("AKIAIOSFODNN7EXAMPLE".into()),
            secret_key: secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            service: "s3".into(),
            ..keys()
        };
        let mut request = outgoing("GET", &format!("https://examplebucket.s3.amazonaws.com/?{query}"), &[], "");
        assert_eq!(
            sent(keys, &mut request, 1_369_353_600).unwrap(),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={expected}"
            )
        );
        assert_eq!(
            (&request.headers[CONTENT], &request.headers[DATE]),
            (&HeaderValue::from_static(EMPTY), &HeaderValue::from_static("20130524T000000Z"))
        );
    }
}

#[test]
fn a_request_is_signed_as_it_leaves() {
    let vanilla = "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let plain = || outgoing("GET", "https://example.amazonaws.com/", &[("accept", "a/b"), ("user-agent", "x")], "");
    let mut request = plain();
    assert!(sent(keys(), &mut request, MOMENT).unwrap().ends_with(vanilla));
    assert!(!request.headers.contains_key(CONTENT) && !request.headers.contains_key(super::TOKEN));
    // A token that an optional field left empty is none; one that stands there is signed with the rest.
    let with = |token: &str| AwsKeys { session_token: Some(secret(token)), ..keys() };
    assert!(sent(with(""), &mut plain(), MOMENT).unwrap().ends_with(vanilla));
    let mut request = plain();
    assert!(sent(with(TOKEN), &mut request, MOMENT).unwrap().contains("host;x-amz-date;x-amz-security-token"));
    assert_eq!(request.headers[super::TOKEN], TOKEN);
    // One from before does not stay.
    assert!(sent(keys(), &mut request, MOMENT).unwrap().ends_with(vanilla));
    let mut other = plain();
    other.headers.insert("x-amz-target", HeaderValue::from_static("DynamoDB.ListTables"));
    other.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    assert!(
        sent(keys(), &mut other, MOMENT).unwrap().contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,")
    );
    let signed = |request: &mut Outgoing| sent(keys(), request, MOMENT).unwrap();
    let port = &mut outgoing("GET", "https://example.amazonaws.com:8443/", &[], "");
    let body = &mut outgoing("GET", "https://example.amazonaws.com/", &[], "x");
    assert!(!signed(port).ends_with(vanilla) && !signed(body).ends_with(vanilla));
    assert!(sent(keys(), &mut plain(), MOMENT - 1).is_ok_and(|text| !text.ends_with(vanilla)));
}

#[test]
fn paths_and_queries_have_one_form() {
    for (path, service, expected) in [
        ("/", "ec2", "/"),
        ("//", "ec2", "/"),
        ("/a%20b/c", "ec2", "/a%2520b/c"),
        ("/a//b/", "ec2", "/a/b/"),
        ("/a:b(c)", "ec2", "/a%3Ab%28c%29"),
        ("/", "s3", "/"),
        ("/a//b/", "s3", "/a//b/"),
        ("/a%20b(c)%2Fd", "s3", "/a%20b%28c%29%2Fd"),
        ("/%e1%88%b4", "s3-object-lambda", "/%E1%88%B4"),
    ] {
        assert_eq!(canonical_path(path, service), expected, "{path} of {service}");
    }
    for (query, expected) in [
        ("", ""),
        ("a", "a="),
        ("a=", "a="),
        ("&&a=1&", "a=1"),
        ("b=2&a=2&a=1&A=1&a-=1", "A=1&a=1&a=2&a-=1&b=2"),
        ("a=b+c&a=b%20c", "a=b%20c&a=b%20c"),
        ("a=b%2Bc", "a=b%2Bc"),
        ("a=b=c", "a=b%3Dc"),
        ("a=%2f%7e*", "a=%2F~%2A"),
    ] {
        assert_eq!(canonical_query(query), expected, "{query}");
    }
}

#[test]
fn what_is_no_key_signs_nothing() {
    let region = |text: &str| AwsKeys { region: text.into(), ..keys() };
    for (keys, why) in [
        (AwsKeys { access_key: Text::Public(String::new()), ..keys() }, "no identifier"),
        (AwsKeys { access_key: Text::Secret(secret("a\r\nb")), ..keys() }, "a line break in it"),
        (AwsKeys { secret_key: secret(""), ..keys() }, "no key"),
        (AwsKeys { secret_key: secret("canary canary"), ..keys() }, "a space in it"),
        (AwsKeys { session_token: Some(secret("canary\n")), ..keys() }, "a line break in the token"),
        (region(""), "no region"),
        (region("eu/../s3"), "another scope"),
        (AwsKeys { service: "s3,x".into(), ..keys() }, "no service"),
    ] {
        let mut request = outgoing("GET", "https://example.amazonaws.com/", &[], "");
        let error = sent(keys, &mut request, MOMENT).unwrap_err();
        assert!(matches!(&error, EgressError::Credential(text) if !text.contains("canary")), "{why}: {error}");
    }
}

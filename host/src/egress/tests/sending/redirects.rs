//! Redirects: who is followed, and with what.

use super::*;

#[tokio::test]
async fn redirects_do_what_the_table_says() {
    // Status, method, then method and body of the second hop.
    for (status, method, then, body) in [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (307, "POST", "POST", "{}"),
        (308, "POST", "POST", "{}"),
        (301, "GET", "GET", ""),
        (308, "PUT", "PUT", "{}"),
        (302, "PUT", "PUT", "{}"),
    ] {
        let upstream =
            Upstream::start(
                move |request| {
                    if request.contains(" /a ") { redirect(status, "/b") } else { vec![ok("", b"done")] }
                },
            )
            .await;
        let routes = ["GET /a", "POST /a", "PUT /a", "POST /b", "PUT /b"];
        let mut grant = granting(&[&upstream], &routes);
        grant.idempotency = Some(IdempotencyKey { header: "Idempotency-Key".into(), prefix: "exec_1".into() });
        let body_of = |method: &str| if method == "GET" { Body::None } else { Body::Json("{}".into()) };
        let request = Request { method: method.into(), body: body_of(method), ..get("/a") };
        let response = egress().send(&grant, request).await.unwrap();
        assert_eq!(response.status, 200, "{status} {method}");
        let second = &upstream.seen()[1];
        assert!(second.starts_with(&format!("{then} /b ")), "{status} {method}: {second}");
        assert!(second.ends_with(&format!("\r\n\r\n{body}")), "{status} {method}: {second}");
        assert!(second.contains(TOKEN), "same origin keeps the credential: {second}");
        assert_eq!(second.contains("idempotency-key: exec_1-1\r\n"), then != "GET", "{second}");
    }
}

#[tokio::test]
async fn another_origin_gets_neither_credential_nor_headers() {
    let other = Upstream::saying("", "other").await;
    let location = format!("{}/there", other.url());
    let first = Upstream::start(move |_| redirect(302, &location)).await;
    let grant = granting(&[&first, &other], &["GET /here"]);
    let mut request = get("/here");
    request.headers = vec![("x-tenant".into(), "1".into()), ("accept".into(), "text/plain".into())];
    let response = egress().send(&grant, request).await.unwrap();
    assert_eq!(response.body, "other");
    let seen = &other.seen()[0];
    assert!(!seen.contains("authorization") && !seen.contains(TOKEN) && !seen.contains("x-tenant"), "{seen}");
    assert!(seen.contains("accept: text/plain"), "{seen}");
}

/// CX-02: a body that a redirect takes elsewhere has the guest's marker in it, and what was signed is gone.
#[tokio::test]
async fn another_origin_gets_the_marker() {
    let other = Upstream::saying("", "other").await;
    let location = format!("{}/there", other.url());
    let first = Upstream::start(move |_| redirect(307, &location)).await;
    let there = format!("POST {} /there", other.host());
    let mut grant = granting(&[&first, &other], &["POST /here", &there]);
    let hidden = || Text::Secret(Secret::new(TOKEN.into()));
    grant.injection = Injection::All(vec![
        Injection::Insertion { content_type: "text/plain".into(), marker: "{{marker}}".into(), value: hidden() },
        Injection::Header {
            name: "x-key".into(),
            value: TextTemplate::parse("{{key}}").unwrap(),
            values: [("key".to_owned(), hidden())].into(),
        },
        Injection::AwsSigV4(Box::new(AwsKeys {
            access_key: Text::Public("id".into()),
            secret_key: Secret::new("another secret".replace(' ', "-")),
            session_token: None,
            region: "eu".into(),
            service: "s3".into(),
        })),
    ]);
    let body = Body::Bytes("a {{marker}} b".into());
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    let request = Request { method: "POST".into(), target: "/here".into(), headers, body, ..Request::default() };
    assert_eq!(egress().send(&grant, request).await.unwrap().body, "other");
    let (seen, home) = (&other.seen()[0], &first.seen()[0]);
    assert!(
        home.ends_with(&format!("a {TOKEN} b")) && home.contains("x-key: ") && home.contains("AWS4-HMAC"),
        "{home}"
    );
    assert!(seen.ends_with("a {{marker}} b"), "{seen}");
    for gone in [TOKEN, "x-key", "authorization", "x-amz-"] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
}

#[tokio::test]
async fn a_credential_that_was_dropped_does_not_come_back() {
    let home = Arc::new(Mutex::new(String::new()));
    let back = Arc::clone(&home);
    let other = Upstream::start(move |_| redirect(302, &format!("{}/end", back.lock().unwrap()))).await;
    let location = format!("{}/there", other.url());
    let first =
        Upstream::start(
            move |request| {
                if request.contains(" /here ") { redirect(302, &location) } else { vec![ok("", b"end")] }
            },
        )
        .await;
    *home.lock().unwrap() = first.url();
    let grant = granting(&[&first, &other], &["GET /here"]);
    assert_eq!(egress().send(&grant, get("/here")).await.unwrap().body, "end");
    assert!(first.seen()[0].contains(TOKEN) && !first.seen()[1].contains(TOKEN), "{:?}", first.seen());
}

#[tokio::test]
async fn redirects_out_of_the_grant_are_refused() {
    let other = Upstream::saying("", "never").await;
    for (location, expected) in [
        (format!("{}/x", other.url()), "host"),
        ("http://169.254.169.254/latest/meta-data/".into(), "host"),
        ("http://metadata.google.internal/".into(), "address"),
        ("https://evil.example/".into(), "host"),
        (format!("https://{TOKEN}.evil.example/"), "invalid"),
        ("ftp://127.0.0.1/".into(), "invalid"),
        ("file:///etc/passwd".into(), "invalid"),
        ("http://user@127.0.0.1/".into(), "invalid"),
        ("http://0x7f.1/".into(), "invalid"),
        ("//2130706433/".into(), "invalid"),
        ("http:\\\\127.0.0.1\\".into(), "invalid"),
    ] {
        let to = location.clone();
        let upstream = Upstream::start(move |_| redirect(302, &to)).await;
        let grant = granting(&[&upstream], &["GET /a"]);
        let error = egress().send(&grant, get("/a")).await.unwrap_err();
        let kind = match &error {
            EgressError::HostNotAllowed(_) => "host",
            EgressError::AddressNotAllowed(_) => "address",
            EgressError::Invalid(_) => "invalid",
            _ => "other",
        };
        assert_eq!(kind, expected, "{location}: {error}");
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 0);
    // A write that is redirected must fit a route again.
    let upstream = Upstream::start(|_| redirect(307, "/elsewhere")).await;
    let error = egress().send(&granting(&[&upstream], &["POST /a"]), post("/a", "{}")).await.unwrap_err();
    assert!(matches!(error, EgressError::RouteNotAllowed(_)), "{error}");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn five_redirects_and_no_more() {
    let upstream = Upstream::start(|_| redirect(302, "/again")).await;
    let error = egress().send(&granting(&[&upstream], &["GET /a"]), get("/a")).await.unwrap_err();
    assert!(matches!(error, EgressError::Limit(_)), "{error}");
    assert_eq!(upstream.seen().len(), 6);
}

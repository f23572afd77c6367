//! AK-301..305: a link, a form that is drawn from the pattern's fields, and an account that works.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::upstream::Reply;
use serde_json::json;

use super::super::bed::{Bed, JUNK};
use super::visitor::{Visitor, account, form_token, link, text};

/// AK-202, AK-303, AK-304, AK-314: from link to a call, and no later use of the link.
#[tokio::test]
async fn a_user_connects_an_account_with_a_link() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    assert_eq!(account(&bed, "probe", "ada").await["status"], "pending");
    let (ada, canary) = (Visitor::new(&bed), bed.host.plant());
    for _ in 0..3 {
        let page = ada.open(&link).await;
        assert_eq!(page.status, 200, "looking does not use it up");
        let text = text(&page);
        for part in
            ["Connect Probe", r#"type="password""#, "Token", "(optional)", "Gloveport", "for <strong>ada</strong>"]
        {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }
    let sent = ada.fill(&link, &[("token", canary.token()), ("domain", "acme")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let result = ada.open(sent.header("location").unwrap()).await;
    assert!(text(&result).contains("Your account is connected"), "{}", text(&result));
    let connected = account(&bed, "probe", "ada").await;
    assert_eq!((&connected["status"], &connected["fields"]["domain"]), (&json!("active"), &json!("acme")));
    bed.fetch("ada", "/x").await.expect(200);
    let authorization = bed.upstream.requests().pop().unwrap();
    assert_eq!(authorization.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    for visitor in [&ada, &Visitor::new(&bed)] {
        let again = visitor.open(&link).await;
        assert_eq!(again.status, 410);
        assert!(text(&again).contains("used already"), "{}", text(&again));
    }
    // AK-305, AK-209: a new link replaces the value, and the account stays the same one.
    let (second, other) = (super::visitor::link(&bed, "probe", "ada").await, bed.host.plant());
    assert_eq!(ada.fill(&second, &[("token", other.token())]).await.status, 303);
    assert_eq!(account(&bed, "probe", "ada").await["id"], connected["id"]);
    bed.fetch("ada", "/x").await.expect(200);
    let authorization = bed.upstream.requests().pop().unwrap();
    assert_eq!(authorization.header("authorization"), Some(format!("Bearer {}", other.token()).as_str()));
}

/// What does not fit is said at its field, what the provider refuses on the page; public values stay, secrets do not.
#[tokio::test]
async fn mistakes_are_said_and_the_link_stays() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    let ada = Visitor::new(&bed);
    let page = ada.fill(&link, &[("domain", "acme\"><script>alert(1)</script>")]).await;
    assert_eq!(page.status, 422);
    let shown = text(&page);
    assert!(shown.contains("this field is required") && shown.contains(r#"aria-invalid="true""#), "{shown}");
    assert!(shown.contains(r#"aria-describedby="field-0-mistake" aria-invalid="true" autofocus"#), "{shown}");
    assert!(shown.contains("acme&#34;&#62;&#60;script&#62;") && !shown.contains("<script"), "{shown}");
    assert!(bed.upstream.requests().is_empty(), "nothing was tried");
    let page = ada.send_from(&page, &link, &[("token", JUNK), ("domain", "acme")]).await;
    assert_eq!(page.status, 422);
    let shown = text(&page);
    assert!(shown.contains("Probe does not accept") && shown.contains(r#"value="acme""#), "{shown}");
    assert!(!shown.contains(JUNK), "a secret is not sent back");
    assert_eq!(account(&bed, "probe", "ada").await["status"], "pending");
    let canary = bed.host.plant();
    assert_eq!(ada.send_from(&page, &link, &[("token", canary.token())]).await.status, 303);
}

/// A page is no way to try out stolen credentials.
#[tokio::test]
async fn a_link_is_closed_after_too_many_refusals() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    let ada = Visitor::new(&bed);
    for attempt in 1..=10 {
        let answer = ada.fill(&link, &[("token", JUNK)]).await;
        assert_eq!(answer.status, if attempt < 10 { 422 } else { 303 }, "attempt {attempt}");
        if attempt == 10 {
            let result = text(&ada.open(answer.header("location").unwrap()).await);
            assert!(result.contains("not connected") && result.contains("too many times"), "{result}");
        }
    }
    assert_eq!(ada.open(&link).await.status, 410);
    assert_eq!(bed.upstream.requests().len(), 10);
    // Mistakes that were never tried do not count.
    let link = super::visitor::link(&bed, "probe", "ada").await;
    for _ in 0..12 {
        assert_eq!(ada.fill(&link, &[]).await.status, 422);
    }
}

/// A provider that is away proves nothing: nothing is stored, and the link stays.
#[tokio::test]
async fn a_provider_that_is_away_is_said_so() {
    let bed = Bed::answering(|_| Reply::text(500, "<b>down</b>")).await;
    let link = link(&bed, "probe", "ada").await;
    let page = Visitor::new(&bed).fill(&link, &[("token", bed.host.plant().token())]).await;
    assert_eq!(page.status, 422);
    assert!(text(&page).contains("could not be asked just now") && !text(&page).contains("down"), "{}", text(&page));
    assert_eq!(account(&bed, "probe", "ada").await["status"], "pending");
}

/// RFC 9700 section 4.7: a form is taken only from the browser that it was made for.
#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    let (ada, eve) = (Visitor::new(&bed), Visitor::new(&bed));
    let (page, others) = (ada.open(&link).await, eve.open(&link).await);
    let (token, other) = (form_token(&page), form_token(&others));
    assert_ne!(token, other);
    let second = super::visitor::link(&bed, "probe", "bob").await;
    let of_second = form_token(&ada.open(&second).await);
    let own = ada.cookie();
    let doubled = own.as_ref().map(|cookie| format!("{cookie}; {cookie}"));
    let cases = [
        ("no token", own.clone(), ""),
        ("another browser's token", own.clone(), other.as_str()),
        ("another link's token", own.clone(), of_second.as_str()),
        ("no cookie", None, token.as_str()),
        ("another browser's cookie", eve.cookie(), token.as_str()),
        ("a made-up cookie", Some("gloveport=x".into()), token.as_str()),
        ("two cookies", doubled, token.as_str()),
    ];
    for (what, cookie, token) in cases {
        ada.take_cookie(cookie);
        let answer = ada.send(&link, &[("form", token), ("field.token", "abc")]).await;
        assert_eq!(answer.status, 403, "{what}");
        assert!(text(&answer).contains("Please send the form again"), "{what}");
    }
    assert!(bed.upstream.requests().is_empty());
    assert_eq!(account(&bed, "probe", "ada").await["status"], "pending");
    ada.take_cookie(own);
    assert_eq!(
        ada.send(&link, &[("form", &token), ("field.token", "abc")]).await.status,
        303,
        "the link is still good"
    );
    let result = format!("/connect/result/{}", "req_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_eq!(ada.open(&result).await.status, 404);
}

/// The end is told to the browser that it was about only.
#[tokio::test]
async fn another_browser_sees_no_result() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    let sent = Visitor::new(&bed).fill(&link, &[("token", bed.host.plant().token())]).await;
    let result = sent.header("location").unwrap().to_owned();
    let eve = Visitor::new(&bed);
    assert_eq!(eve.open(&result).await.status, 404, "without a cookie");
    eve.open(&super::visitor::link(&bed, "probe", "eve").await).await;
    assert_eq!(eve.open(&result).await.status, 404, "with her own");
}

/// AK-301: fifteen minutes by the clock.
#[tokio::test]
async fn a_link_works_until_its_time_is_over() {
    let clock = Clock::manual(Timestamp(1_795_255_200_000));
    let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let bed = Bed::on(host, |_| Reply::json(200, &json!({}))).await;
    let path = "/v1/connections/probe/accounts/ada/authorize";
    let made = bed.client().post(path, &json!({})).await.expect(201);
    assert_eq!(made["expires_at"], "2026-11-21T10:15:00.000Z");
    let link = made["link"].as_str().unwrap();
    let ada = Visitor::new(&bed);
    clock.advance(Duration::from_secs(15 * 60 - 1));
    let page = ada.open(link).await;
    assert!(text(&page).contains("until <time datetime=\"2026-11-21T10:15:00Z\">10:15 UTC"), "{}", text(&page));
    clock.advance(Duration::from_secs(1));
    for answer in [ada.open(link).await, ada.send_from(&page, link, &[("token", "abc")]).await] {
        assert_eq!(answer.status, 410);
        assert!(text(&answer).contains("no longer valid"), "{}", text(&answer));
    }
    clock.advance(Duration::from_secs(24 * 60 * 60));
    bed.host.sweep().await;
    assert_eq!(ada.open(link).await.status, 410, "a day later it is still told that it is late");
    clock.advance(Duration::from_secs(1));
    bed.host.sweep().await;
    assert_eq!(ada.open(link).await.status, 404);
    assert!(bed.upstream.requests().is_empty());
}

/// Every page keeps others out, and a page is nothing that was not asked for.
#[tokio::test]
async fn pages_have_strict_headers() {
    let bed = Bed::start().await;
    let link = link(&bed, "probe", "ada").await;
    let ada = Visitor::new(&bed);
    let body = format!("form={}&field.token=x", form_token(&ada.open(&link).await));
    let path = link.strip_prefix(bed.client().base()).unwrap();
    let wrong_type = bed.client().with_key("").send("POST", path, &[], body).await;
    let pages = [
        ada.open(&link).await,
        ada.open("/connect/x").await,
        ada.open("/connect/%ff").await,
        ada.open("/connect/result/x").await,
        ada.send(&link, &[]).await,
        ada.send(&link, &[("field.token", &"x".repeat(300_000))]).await,
        wrong_type,
    ];
    assert_eq!(pages.each_ref().map(|page| page.status), [200, 404, 404, 404, 403, 413, 415]);
    for page in &pages {
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        for part in ["form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value));
        }
        let text = text(page);
        assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">"), "{text}");
        for never in ["<script", "http://", "https://", "style=", "onclick", "javascript:"] {
            assert!(!text.contains(never), "{never} in {text}");
        }
    }
    let cookie = Visitor::new(&bed).open(&link).await.header("set-cookie").unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(pages[0].header("set-cookie").is_none(), "a browser keeps its cookie");
}

/// Whatever people and programs name, it stays text.
#[tokio::test]
async fn names_are_text_and_never_markup() {
    let bed = Bed::start().await;
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let path: String = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect();
    let link = link(&bed, "probe", &path.replace('+', "%20")).await;
    let shown = text(&Visitor::new(&bed).open(&link).await);
    assert!(shown.contains("&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;"), "{shown}");
    assert!(!shown.contains("<img"), "{shown}");
}

/// AK-101: what makes no sense is refused before a link is made.
#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let bed = Bed::start().await;
    let path = "/v1/connections/probe/accounts/ada/authorize";
    let long = format!("https://app.example.com/{}", "x".repeat(1_100));
    let rows = [
        (json!({ "redirect": "https://a" }), 400),
        (json!({ "state": "s" }), 400),
        (json!({ "scopes": "repo" }), 400),
        (json!({ "scopes": ["a b"] }), 422),
        (json!({ "scopes": [""] }), 422),
        (json!({ "user_verify_url": "/relative" }), 422),
        (json!({ "user_verify_url": "javascript:alert(1)" }), 422),
        (json!({ "user_verify_url": "https://evil.example/v" }), 422),
        (json!({ "user_verify_url": long }), 422),
    ];
    for (body, status) in rows {
        let answer = bed.client().post(path, &body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let none = bed.client().get("/v1/connections/probe/accounts/ada").await;
    assert_eq!(none.problem(404), "not_found", "no account was made");
    assert_eq!(bed.client().post("/v1/connections/none/accounts/ada/authorize", &json!({})).await.status, 404);
    let agent = bed.agent(Some("ada")).await;
    assert_eq!(agent.post(path, &json!({})).await.problem(403), "forbidden");
    assert_eq!(bed.client().with_key("").post(path, &json!({})).await.problem(401), "unauthenticated");
    assert_eq!(bed.client().send("POST", path, &[], "").await.status, 201, "a body is not needed");
}

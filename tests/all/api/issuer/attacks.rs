//! What others do to a grant: each row is one of them, and gets nothing.

use serde_json::{Value, json};

use super::super::visitor::{Visitor, form_token, text};
use super::stage::{REDIRECT, STATE, Stage, VERIFIER, application, config, parameter};

/// Requests that are not what a client may ask for: this browser is told so and is sent nowhere, not even to the client.
#[tokio::test]
async fn no_request_leads_on_by_itself() {
    let stage = Stage::start().await;
    let base = stage.bed.client().base().to_owned();
    let own = |path: &str| format!("{base}{path}");
    let (key_endpoint, other) = (own("/mcp"), own("/mcp/c/prof_01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    let (slash, upper) = (format!("{}/", stage.resource), stage.resource.to_uppercase());
    let long = "x".repeat(2_049);
    let rows: &[(&str, Option<&str>, &str)] = &[
        ("client_id", None, "invalid_client"),
        ("client_id", Some(""), "invalid_client"),
        ("client_id", Some("mcp_client_01ARZ3NDEKTSV4RRFFQ69G5FAV"), "invalid_client"),
        ("client_id", Some("http://127.0.0.1/client.json"), "invalid_client"),
        ("redirect_uri", None, "invalid_redirect_uri"),
        ("redirect_uri", Some("https://evil.example/cb"), "invalid_redirect_uri"),
        ("redirect_uri", Some("https://client.example/cb/"), "invalid_redirect_uri"),
        ("redirect_uri", Some("https://client.example/cb?x"), "invalid_redirect_uri"),
        ("redirect_uri", Some("https://client.example:8443/cb"), "invalid_redirect_uri"),
        ("redirect_uri", Some("https://client.example@evil.example/cb"), "invalid_redirect_uri"),
        ("redirect_uri", Some("https://client.example.evil.example/cb"), "invalid_redirect_uri"),
        ("redirect_uri", Some("//client.example/cb"), "invalid_redirect_uri"),
        ("redirect_uri", Some("http://localhost:33418/callback?from=here"), "invalid_redirect_uri"),
        ("redirect_uri", Some("http://127.0.0.1:33418/callback"), "invalid_redirect_uri"),
        ("redirect_uri", Some("javascript:alert(1)"), "invalid_redirect_uri"),
        ("response_type", None, "unsupported_response_type"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some(VERIFIER), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("resource", None, "invalid_target"),
        ("resource", Some(""), "invalid_target"),
        ("resource", Some(&base), "invalid_target"),
        ("resource", Some(&key_endpoint), "invalid_target"),
        ("resource", Some(&other), "invalid_target"),
        ("resource", Some(&slash), "invalid_target"),
        ("resource", Some(&upper), "invalid_target"),
        ("resource", Some("https://other.example/mcp"), "invalid_target"),
        ("scope", Some("tools:read audit:read"), "invalid_scope"),
        ("state", Some(&long), "invalid_request"),
        ("state", Some("a\u{0}b"), "invalid_request"),
    ];
    for (name, value, error) in rows {
        let visitor = Visitor::new(&stage.bed);
        let answer = visitor.open(&stage.request(&[(name, *value)])).await;
        let words = text(&answer);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{name} {value:?}");
        assert!(words.contains(&format!("{error}.")) && !words.contains("http-equiv"), "{name} {value:?}: {words}");
        assert!(!words.contains("evil.example"), "{name} {value:?}: {words}");
    }
    let twice = format!("{}&resource=https%3A%2F%2Fother.example", stage.request(&[]));
    assert_eq!(Visitor::new(&stage.bed).open(&twice).await.status, 400);
    let endless = format!("{}&x={}", stage.request(&[]), "x".repeat(9_000));
    assert_eq!(Visitor::new(&stage.bed).open(&endless).await.status, 414);
    // Without a state, and at another port of the user's own machine, it is as it should be.
    let back = stage.allowed(&Visitor::new(&stage.bed), &[("state", None)]).await;
    assert_eq!(parameter(&back, "state"), None);
    let elsewhere = "http://127.0.0.1:1/callback?from=here";
    let back = stage.allowed(&Visitor::new(&stage.bed), &[("redirect_uri", Some(elsewhere))]).await;
    assert!(back.starts_with(elsewhere), "{back}");
}

/// A code is good once, for who asked, where it went, with what the challenge was made of, for what the user saw.
#[tokio::test]
async fn a_code_is_of_one_client() {
    let stage = Stage::start().await;
    let other = json!({ "redirect_uris": [REDIRECT], "client_name": "Another" });
    let other = stage.open().post("/oauth/register", &other).await.expect(201);
    let other = other["client_id"].as_str().unwrap();
    let elsewhere = config(&stage.bed, "other", None).await;
    let wrong = "b-verifier-that-nobody-guesses-0123456789-abcdef";
    let challenge = parameter(&format!("http://x{}", stage.request(&[])), "code_challenge").unwrap();
    for (name, value, error) in [
        ("client_id", other, "invalid_grant"),
        ("client_id", "", "invalid_request"),
        ("redirect_uri", "https://client.example/cb", "invalid_grant"),
        ("redirect_uri", "http://127.0.0.1:1/callback?from=here", "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
        ("code_verifier", wrong, "invalid_grant"),
        ("code_verifier", "", "invalid_grant"),
        ("code_verifier", &challenge, "invalid_grant"),
        ("code_verifier", "short", "invalid_grant"),
        ("resource", &elsewhere, "invalid_target"),
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("code", "", "invalid_request"),
        ("code", "nonsense", "invalid_grant"),
        ("client_secret", "gps_x", "invalid_client"),
    ] {
        let code = stage.code().await;
        let fields = stage.redemption(&code, &[(name, value)]);
        let answer = stage.token(&fields).await.json();
        assert_eq!(answer["error"], error, "{name} {value}");
        // Who showed the code and could not prove it has used it up.
        let after = stage.token(&stage.redemption(&code, &[])).await;
        let kept = matches!((name, value), ("code", _) | ("client_id", "") | ("client_secret", _));
        assert_eq!(after.status, if kept { 200 } else { 400 }, "{name} {value}");
    }
    // A verifier of no sound length would be one that can be guessed.
    let code = stage.code().await;
    let twice = [&stage.redemption(&code, &[])[..], &[("code", "x")]].concat();
    assert_eq!(stage.token(&twice).await.expect(400)["error"], "invalid_request");
}

/// At the second: a code has a minute, and each step before it a quarter of an hour.
#[tokio::test]
async fn each_step_has_its_time() {
    let stage = Stage::start().await;
    for (late, status) in [(59, 200), (60, 400)] {
        let code = stage.code().await;
        stage.wait(late);
        assert_eq!(stage.token(&stage.redemption(&code, &[])).await.status, status, "{late}");
    }
    for (late, status) in [(15 * 60 - 1, 200), (15 * 60, 409)] {
        let id = stage.begin(&Visitor::new(&stage.bed), &[]).await;
        stage.wait(late);
        assert_eq!(stage.vouch(stage.bed.client(), &id, "ada").await.status, status, "{late}");
    }
    for (late, status) in [(15 * 60 - 1, 200), (15 * 60, 410)] {
        let ada = Visitor::new(&stage.bed);
        let page = stage.page(&ada, &[]).await;
        let token = form_token(&ada.open(&page).await);
        stage.wait(late);
        let answer = ada.send(&page, &[("form", &token), ("answer", "allow")]).await;
        assert_eq!(answer.status, status, "{late}");
    }
}

/// A code that comes again, and a refresh token that comes again, end all that came of them: somebody stole one.
#[tokio::test]
async fn what_comes_twice_ends_the_grant() {
    let stage = Stage::start().await;
    let code = stage.code().await;
    let given = stage.token(&stage.redemption(&code, &[])).await.expect(200);
    let access = given["access_token"].as_str().unwrap();
    assert_eq!(stage.status(access).await, 200);
    let again = stage.token(&stage.redemption(&code, &[("code_verifier", "")])).await;
    assert_eq!(again.expect(400)["error"], "invalid_grant");
    assert_eq!(stage.status(access).await, 401);
    assert_eq!(stage.renew(given["refresh_token"].as_str().unwrap()).await.status, 400);

    let first = stage.tokens().await;
    let old = first["refresh_token"].as_str().unwrap();
    let second = stage.renew(old).await.expect(200);
    assert_eq!(stage.renew(old).await.expect(400)["error"], "invalid_grant");
    for tokens in [&first, &second] {
        assert_eq!(stage.status(tokens["access_token"].as_str().unwrap()).await, 401);
    }
    assert_eq!(stage.renew(second["refresh_token"].as_str().unwrap()).await.status, 400);
    assert!(stage.grants().await.is_empty());
    let what: Vec<Value> =
        stage.told("mcp_grant.reused").await.iter().map(|row| row["detail"]["what"].clone()).collect();
    assert_eq!(what, [json!("code"), json!("refresh_token")]);
    let why: Vec<Value> =
        stage.told("mcp_grant.ended").await.iter().map(|row| row["detail"]["reason"].clone()).collect();
    assert_eq!(why, [json!("reused"), json!("reused")]);
    // Who never had a token of a grant cannot end it: neither by a guess nor by half of one.
    let third = stage.tokens().await;
    let token = third["refresh_token"].as_str().unwrap();
    let made_up = format!("gpr_{}", "a".repeat(86));
    for wrong in [made_up.as_str(), &token[..47], &token[1..], "gpr_", "", &format!("{token}a")] {
        assert_eq!(stage.renew(wrong).await.status, 400, "{wrong}");
    }
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "https://evil.example/c")];
    assert_eq!(stage.token(&fields).await.expect(400)["error"], "invalid_grant", "another client");
    assert_eq!(stage.status(third["access_token"].as_str().unwrap()).await, 200);
}

/// Session fixation, and links that are sent on: the page opens in the browser that began, and only with its own URL.
#[tokio::test]
async fn only_the_browser_that_began_goes_on() {
    let stage = Stage::start().await;
    let (eve, ada) = (Visitor::new(&stage.bed), Visitor::new(&stage.bed));
    // Eve begins, and lets Ada's browser come to the application: Ada is vouched for, in her browser.
    let id = stage.begin(&eve, &[]).await;
    let page = stage.vouch(stage.bed.client(), &id, "ada").await.expect(200);
    let page = page["redirect_url"].as_str().unwrap();
    // Ada's browser has no cookie, or one of its own.
    for begun in [false, true] {
        if begun {
            stage.begin(&ada, &[]).await;
        }
        let shown = ada.open(page).await;
        assert_eq!(shown.status, 403, "{}", text(&shown));
        assert!(!text(&shown).contains("<form"));
        let token = eve.cookie().unwrap();
        let sent = ada.send(page, &[("form", &token), ("answer", "allow")]).await;
        assert_eq!((sent.status, sent.header("location")), (403, None));
    }
    // The other way about: Eve lets herself be vouched for, and sends Ada the page.
    let own = stage.begin(&eve, &[]).await;
    let eves = stage.vouch(stage.bed.client(), &own, "eve").await.expect(200);
    assert_eq!(ada.open(eves["redirect_url"].as_str().unwrap()).await.status, 403);
    // Made-up pages.
    for made_up in ["a".repeat(43), "x".into(), page.rsplit('/').next().unwrap().to_uppercase(), id.clone()] {
        let shown = eve.open(&format!("/oauth/authorize/{made_up}")).await;
        assert!(matches!(shown.status, 404), "{made_up}: {}", shown.status);
    }
    assert!(stage.grants().await.is_empty());
}

/// No other site sends the form, and nothing but the form decides.
#[tokio::test]
async fn the_answer_comes_from_the_form() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let page = stage.page(&ada, &[]).await;
    let token = form_token(&ada.open(&page).await);
    let other = form_token(&ada.open(&stage.page(&ada, &[]).await).await);
    for (fields, status) in [
        (vec![("answer", "allow")], 403),
        (vec![("form", ""), ("answer", "allow")], 403),
        (vec![("form", other.as_str()), ("answer", "allow")], 403),
        (vec![("form", token.as_str())], 400),
        (vec![("form", token.as_str()), ("answer", "")], 400),
        (vec![("form", token.as_str()), ("answer", "ALLOW")], 400),
    ] {
        let answer = ada.send(&page, &fields).await;
        assert_eq!((answer.status, answer.header("location")), (status, None), "{fields:?}");
    }
    let typed = stage
        .open()
        .send(
            "POST",
            page.strip_prefix(stage.bed.client().base()).unwrap(),
            &[("cookie", &ada.cookie().unwrap()), ("content-type", "application/json")],
            format!(r#"{{"form":"{token}","answer":"allow"}}"#),
        )
        .await;
    assert_eq!(typed.status, 415);
    // Looking decides nothing, however often; the answer is taken once.
    assert_eq!(ada.open(&page).await.status, 200);
    stage.answer(&ada, &page, "allow").await;
    for answer in ["allow", "deny"] {
        assert_eq!(ada.send(&page, &[("form", &token), ("answer", answer)]).await.status, 410);
    }
}

/// Only the project's own application speaks, for its own users and the config that it means, once.
#[tokio::test]
async fn only_the_application_says_who_it_is() {
    let stage = Stage::start().await;
    let (client, ada) = (stage.bed.client(), Visitor::new(&stage.bed));
    let path = "/v1/mcp/authorize/verify";
    for id in ["", "x", "mcp_req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "req_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(stage.vouch(client, id, "ada").await.problem(404), "not_found", "{id}");
    }
    let id = stage.begin(&ada, &[]).await;
    let agent = stage.bed.agent(None).await;
    assert_eq!(stage.vouch(&agent, &id, "ada").await.problem(403), "forbidden", "it may not");
    assert_eq!(stage.vouch(&stage.open(), &id, "ada").await.status, 401);
    for identifier in ["", "a\nb", &"x".repeat(257)] {
        assert_eq!(stage.vouch(client, &id, identifier).await.problem(422), "invalid_input");
    }
    // A word that cannot be ends the request: of another config, or for another user than the key's.
    let body = json!({ "auth_request_id": id, "identifier": "ada", "config": "other" });
    assert_eq!(client.post(path, &body).await.problem(403), "forbidden");
    assert_eq!(stage.vouch(client, &id, "ada").await.problem(409), "conflict");
    // Nobody gets by a client of their own what their key may not do: that says nothing of the request.
    let id = stage.begin(&ada, &[]).await;
    for scopes in [vec!["mcp:write"], vec!["mcp:write", "tools:read"]] {
        let made = client.post("/v1/keys", &json!({ "role": "admin", "scopes": scopes })).await.expect(201);
        let less = client.with_key(made["key"].as_str().unwrap());
        assert_eq!(stage.vouch(&less, &id, "ada").await.problem(403), "forbidden", "{scopes:?}");
    }
    let eves = client.with_key(&application(&stage, Some("eve")).await.1);
    assert_eq!(stage.vouch(&eves, &id, "ada").await.problem(403), "forbidden");
    assert_eq!(stage.vouch(client, &id, "ada").await.problem(409), "conflict");
    // Once.
    let id = stage.begin(&ada, &[]).await;
    stage.vouch(client, &id, "ada").await.expect(200);
    assert_eq!(stage.vouch(client, &id, "ada").await.problem(409), "conflict");
}

/// A token is for one URL: no other takes it, and that one takes no other.
#[tokio::test]
async fn a_token_is_for_one_url() {
    let stage = Stage::start().await;
    let tokens = stage.tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let other = config(&stage.bed, "other", None).await;
    let base = stage.bed.client().base();
    for url in [other, format!("{base}/mcp"), format!("{base}/mcp?identifier=ada&profile=desk")] {
        let refused = stage.endpoint_at(&url, access).modern("tools/list", json!({})).await;
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        assert!(
            refused.status == 401 && challenge.starts_with("Bearer error=\"invalid_token\", "),
            "{url} {challenge}"
        );
    }
    assert_eq!(stage.bed.client().with_key(access).get("/v1/tools").await.problem(401), "unauthenticated");
    let gone = format!("{base}/mcp/c/prof_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_eq!(stage.endpoint_at(&gone, access).modern("tools/list", json!({})).await.status, 404);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for wrong in [gloveport_tests::host::ADMIN_KEY, refresh, "gpa_", "x", &access.to_uppercase(), &access[..46]] {
        assert_eq!(stage.status(wrong).await, 401, "{wrong}");
    }
    assert_eq!(stage.status(access).await, 200);
    assert!(STATE.len() > 3);
}

/// Where nobody may register, nobody is; and what registers is held to what it may be.
#[tokio::test]
async fn registration_is_the_operators_choice() {
    let bed = super::super::bed::Bed::start().await;
    let open = bed.client().with_key("");
    let body = json!({ "redirect_uris": ["https://client.example/cb"] });
    assert_eq!(open.post("/oauth/register", &body).await.expect(403)["error"], "access_denied");
    let server = open.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert!(server["registration_endpoint"].is_null());
    let stage = Stage::start().await;
    for (body, error) in [
        (json!({}), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
        (json!({ "redirect_uris": [] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["http://client.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://client.example/#x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": vec!["https://client.example/cb"; 33] }), "invalid_redirect_uri"),
        (
            json!({ "redirect_uris": ["https://client.example/cb"], "grant_types": ["implicit"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": ["https://client.example/cb"], "response_types": ["token"] }),
            "invalid_client_metadata",
        ),
    ] {
        assert_eq!(stage.open().post("/oauth/register", &body).await.expect(400)["error"], error, "{body}");
    }
    let wants = json!({ "redirect_uris": ["com.example.app:/cb"], "token_endpoint_auth_method": "client_secret_basic",
        "client_name": "A\u{202e}b", "scope": "tools:read", "software_id": "x" });
    let made = stage.open().post("/oauth/register", &wants).await.expect(201);
    assert_eq!((&made["client_name"], &made["token_endpoint_auth_method"]), (&json!("Ab"), &json!("none")));
    assert!(made["client_secret"].is_null());
}

//! AK-201 to AK-210, HC-08, HC-09: tokens are replaced before they end, when they are refused, and when somebody asks.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use gloveport_tests::canary::Canary;
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::Scene;

/// AK-207: to the second: a token is used until some minutes before its end, and never after it.
#[tokio::test]
async fn tokens_are_replaced_ahead_of_their_end() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    let first = scene.shown().await;
    assert_eq!(first["expires_at"], "2023-11-14T23:13:20.000Z");
    // At most five minutes ahead, and at least half of that.
    scene.pass(3_600 - 301);
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 0);
    scene.pass(151);
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 1);
    let second = scene.shown().await;
    assert_eq!((&second["id"], &second["status"], &second["error"]), (&first["id"], &json!("active"), &Value::Null));
    assert_ne!(second["expires_at"], first["expires_at"]);
    assert_eq!(second["refreshed_at"], "2023-11-14T23:10:50.000Z");
    // One that nobody used in time is replaced when somebody does.
    scene.pass(100_000);
    scene.works().await;
    assert_eq!((scene.server.counts().refreshes, scene.server.counts().reuses), (2, 0));
}

/// AK-203: where there is no refresh token, the access token is used to its last second, and then the user is asked.
#[tokio::test]
async fn what_cannot_be_replaced_is_used_to_its_end() {
    let scene = Scene::start().await;
    scene.server.set(|quirks| quirks.gives_no_refresh_token = true);
    scene.authorize("ada").await;
    scene.pass(3_599);
    scene.works().await;
    assert_eq!(scene.shown().await["status"], "active");
    scene.pass(1);
    assert_eq!(scene.call("ada").await.problem(409), "account_not_active");
    let shown = scene.shown().await;
    assert_eq!(shown["status"], "expired");
    assert!(shown["error"].as_str().unwrap().contains("no refresh token"), "{shown}");
    // Nobody asks the provider for what it cannot give.
    assert_eq!(scene.server.counts().token_requests, 1);
    let before = shown["id"].clone();
    scene.server.set(|quirks| quirks.gives_no_refresh_token = false);
    scene.authorize("ada").await;
    scene.works().await;
    let shown = scene.shown().await;
    assert_eq!((&shown["id"], &shown["status"], &shown["error"]), (&before, &json!("active"), &Value::Null));
}

/// A token that says no end is used until it is refused.
#[tokio::test]
async fn tokens_without_an_end_are_used_until_refused() {
    let scene = Scene::start().await;
    scene.server.set(|quirks| quirks.lifetime = None);
    scene.authorize("ada").await;
    assert_eq!(scene.shown().await["expires_at"], Value::Null);
    scene.pass(1_000_000);
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 0);
    scene.server.forget_access_tokens();
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 1);
}

/// AK-208: fifty calls find an expired token, one asks for another, and all succeed; the server ends everything if an
/// old refresh token comes twice.
#[tokio::test]
async fn fifty_calls_on_an_expired_token_refresh_once() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    for (round, refused) in [(1, false), (2, true)] {
        if refused {
            // Or a token that the provider does not take any more, well before its time.
            scene.pass(60);
            scene.server.forget_access_tokens();
        } else {
            scene.pass(3_600);
        }
        let answers = join_all((0..50).map(|_| scene.call("ada"))).await;
        for answer in answers {
            let answer = answer.expect(200);
            assert_eq!(answer["data"]["status"], 200, "{answer}");
        }
        let counts = scene.server.counts();
        assert_eq!((counts.refreshes, counts.token_requests, counts.reuses), (round, round + 1, 0));
    }
}

/// HC-09: a refusal is answered by another token and the same request, once, and even if it writes: what was refused was
/// not done. The record tells of both.
#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_sent_again() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.pass(60);
    scene.server.forget_access_tokens();
    let input = json!({ "method": "POST", "target": "/things", "body": { "kind": "json", "text": "{\"n\":1}" } });
    let body = json!({ "identifier": "ada", "connection": "crm", "input": input });
    let answer = scene.bed.client().post("/v1/tools/probe_fetch/execute", &body).await.expect(200);
    assert_eq!(answer["data"]["status"], 200, "{answer}");
    let sent = scene.server.requests("/api/things");
    let tokens: BTreeSet<_> = sent.iter().map(|request| request.header("authorization").unwrap()).collect();
    assert_eq!((sent.len(), tokens.len()), (2, 2));
    assert!(sent.iter().all(|request| request.json() == json!({ "n": 1 })));
    assert_eq!(scene.server.counts().refreshes, 1);
    let record = format!("/v1/executions/{}", answer["execution_id"].as_str().unwrap());
    let record = scene.bed.client().get(&record).await.expect(200).to_string();
    assert!(record.contains("401"), "{record}");
}

/// Another token that is refused as well is the provider's answer, and nobody asks for a third right away.
#[tokio::test]
async fn a_second_refusal_is_the_answer() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.pass(60);
    scene.server.forget_access_tokens();
    let junk = |n: u32| {
        let token = format!("cnry_nobody_knows_{n}");
        scene.bed.host.search_for(Canary::of(&token));
        Reply::json(200, &json!({ "access_token": token, "expires_in": 3_600 }))
    };
    scene.server.set(|quirks| quirks.answers = [junk(1), junk(2)].into());
    for _ in 0..3 {
        assert_eq!(scene.call("ada").await.expect(200)["data"]["status"], 401);
    }
    assert_eq!((scene.server.counts().token_requests, scene.server.requests("/api/who").len()), (2, 4));
    assert_eq!(scene.shown().await["status"], "active");
    // A while later it may have been something else: the refresh token that was kept is tried once more.
    scene.pass(60);
    assert_eq!(scene.call("ada").await.expect(200)["data"]["status"], 401);
    scene.pass(60);
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 1);
}

/// AK-203: a provider that is down ends nothing. Calls that have a token go on with it, and ask no more for a while; calls
/// that have none say whose fault it is.
#[tokio::test]
async fn a_provider_that_is_down_ends_no_account() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.pass(3_500);
    let down = |status| Reply::json(status, &json!({ "error": "invalid_grant" }));
    scene.server.set(|quirks| quirks.answers = [down(503)].into());
    for _ in 0..3 {
        scene.works().await;
    }
    assert_eq!(scene.server.counts().token_requests, 2);
    scene.pass(100);
    for (n, reply) in [
        down(408),
        down(425),
        down(429).header("retry-after", "7"),
        down(500),
        down(502),
        down(504),
        Reply::broken("application/json", "{\"access_token\":"),
        Reply::text(200, "access_token=a"),
        Reply::json(200, &json!({})),
        Reply::json(400, &json!({ "error": "temporarily_unavailable" })),
        Reply::json(403, &json!({ "message": "a firewall" })),
        Reply::redirect(302, "https://status.example/"),
    ]
    .into_iter()
    .enumerate()
    {
        scene.server.set(|quirks| quirks.answers = [reply].into());
        let problem = scene.call("ada").await;
        let body = problem.json();
        assert_eq!(
            (problem.problem(502).as_str(), &body["culprit"]),
            ("upstream_error", &json!("upstream")),
            "{n}: {body}"
        );
        let wait = if n == 2 { 7_000 } else { 10_000 };
        assert_eq!(body["retry_after_ms"], wait, "{n}: {body}");
        assert_eq!(scene.shown().await["status"], "active", "{n}");
    }
    assert!(scene.server.requests("/api/who").len() == 3, "nothing was sent without a token");
    scene.works().await;
}

/// AK-203, AK-204, AK-205: what the provider says of an authorization is what the account becomes, with the reason; and every
/// such account is repaired without becoming another one (AK-209).
#[tokio::test]
async fn what_the_provider_says_is_what_the_account_becomes() {
    let scene = Scene::start().await;
    let id = scene.authorize("ada").await.id;
    for (answer, state) in [
        (json!({ "error": "invalid_grant", "error_description": "It is too old." }), "expired"),
        (json!({ "error": "invalid_grant", "error_description": "The user revoked it." }), "revoked"),
        (json!({ "error": "invalid_client", "error_description": "Who is it?" }), "error"),
    ] {
        scene.pass(3_600);
        scene.server.set(|quirks| quirks.answers = [Reply::json(400, &answer)].into());
        let problem = scene.call("ada").await;
        let detail = problem.json()["detail"].to_string();
        assert_eq!(problem.problem(409), "account_not_active");
        assert!(detail.contains(answer["error_description"].as_str().unwrap()), "{detail}");
        let shown = scene.shown().await;
        assert_eq!(shown["status"], state);
        assert!(shown["error"].as_str().unwrap().contains(answer["error_description"].as_str().unwrap()), "{shown}");
        // Nobody asks again for it, and nothing is sent.
        let before = (scene.server.counts().token_requests, scene.server.requests("/api/who").len());
        assert_eq!(scene.call("ada").await.problem(409), "account_not_active");
        assert_eq!((scene.server.counts().token_requests, scene.server.requests("/api/who").len()), before);
        match state {
            // Somebody mended it, or believes so.
            "expired" | "error" => assert_eq!(scene.refresh().await.expect(200)["status"], "active"),
            _ => {
                assert_eq!(scene.refresh().await.problem(409), "account_not_active");
                assert_eq!(scene.authorize("ada").await.id, id);
            }
        }
        let shown = scene.shown().await;
        assert_eq!((&shown["id"], &shown["error"]), (&json!(id.as_str()), &Value::Null));
        scene.works().await;
    }
}

/// What the provider says may hold what it was sent: nobody reads it here.
#[tokio::test]
async fn what_the_provider_repeats_is_not_passed_on() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    let refresh = scene.server.secrets().into_iter().find(|secret| secret.starts_with("cnry_refresh")).unwrap();
    scene.pass(3_600);
    let said = format!("no: {refresh} and {}", scene.server.client().secret.unwrap());
    let answer = json!({ "error": "invalid_grant", "error_description": said });
    scene.server.set(|quirks| quirks.answers = [Reply::json(400, &answer)].into());
    let detail = scene.call("ada").await.json()["detail"].to_string();
    assert!(!detail.contains(&refresh) && detail.contains("no: "), "{detail}");
}

/// AK-110, HC-08: a refresh by hand. The new refresh token is used from then on; where none comes, the old one is kept.
#[tokio::test]
async fn refresh_tokens_rotate_and_are_kept() {
    for rotates in [true, false] {
        let scene = Scene::start().await;
        scene.server.set(|quirks| quirks.rotates = rotates);
        scene.authorize("ada").await;
        for _ in 0..3 {
            let shown = scene.refresh().await.expect(200);
            assert_eq!((&shown["status"], &shown["identifier"]), (&json!("active"), &json!("ada")));
            scene.works().await;
        }
        let sent = scene.server.requests("/token");
        let used = sent.iter().flat_map(|request| request.form()).filter(|(name, _)| name == "refresh_token");
        let distinct: BTreeSet<String> = used.map(|(_, value)| value).collect();
        assert_eq!(distinct.len(), if rotates { 3 } else { 1 });
        assert_eq!((scene.server.counts().refreshes, scene.server.counts().reuses), (3, 0));
    }
}

/// What has no token to refresh says so; an agent may not ask.
#[tokio::test]
async fn refresh_is_refused_where_there_is_nothing_to_refresh() {
    let scene = Scene::start().await;
    scene.bed.connect("ada").await;
    let post = async |path: &str| scene.bed.client().post(path, &json!({})).await;
    assert_eq!(post("/v1/connections/probe/accounts/ada/refresh").await.problem(409), "conflict");
    assert_eq!(post("/v1/connections/crm/accounts/ada/refresh").await.problem(404), "not_found");
    assert_eq!(post("/v1/connections/none/accounts/ada/refresh").await.problem(404), "not_found");
    let agent = scene.bed.agent(None).await;
    scene.authorize("ada").await;
    let answer = agent.post("/v1/connections/crm/accounts/ada/refresh", &json!({})).await;
    assert_eq!(answer.problem(403), "forbidden");
    assert_eq!(scene.server.counts().refreshes, 0);
}

/// A call that is cancelled while its token is being got does not lose the refresh token that comes.
#[tokio::test]
async fn a_caller_who_goes_away_loses_no_token() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.pass(3_600);
    let gate = gloveport_tests::upstream::Gate::closed();
    scene.server.set(|quirks| quirks.gate = Some(gate.clone()));
    let waits = scene.server.upstream().requests().len() + 1;
    tokio::select! {
        _ = scene.call("ada") => panic!("nothing has been answered"),
        _ = scene.server.upstream().wait_for(waits) => {}
    }
    gate.open();
    // The one that comes later finds what that one asked for.
    scene.works().await;
    let counts = scene.server.counts();
    assert_eq!((counts.refreshes, counts.reuses), (1, 0));
    scene.pass(3_600);
    scene.works().await;
    assert_eq!((scene.server.counts().refreshes, scene.server.counts().reuses), (2, 0));
}

/// The hosts' clocks differ from the provider's: one that is late finds its token refused, one that is early asks early.
#[tokio::test]
async fn clocks_that_differ_cost_a_refresh_and_no_call() {
    let scene = Scene::start().await;
    scene.server.set(|quirks| quirks.lifetime = Some(Duration::from_secs(3_600)));
    scene.authorize("ada").await;
    // The provider's hour is over, ours is not: its clock is three minutes ahead.
    scene.pass(3_000);
    scene.server.forget_access_tokens();
    scene.works().await;
    assert_eq!(scene.server.counts().refreshes, 1);
    // Ours is over, the provider's is not.
    scene.pass(3_600);
    scene.server.set(|quirks| quirks.lifetime = Some(Duration::from_secs(7_200)));
    scene.works().await;
    assert_eq!((scene.server.counts().refreshes, scene.server.counts().reuses), (2, 0));
}

//! M2M-02: an issuer's keys are fetched when they are needed and not more often, and without them nobody gets in.

use std::sync::Arc;

use gloveport_tests::host::Setup;
use gloveport_tests::issuer::{Issuer, SigningKey};
use gloveport_tests::upstream::{Gate, Reply};
use serde_json::json;

use super::super::bed::Bed;
use super::{changed, claims, pass, timed, tools, trust, with};

/// Twenty callers that come at once make one request; a thousand tokens with unknown keys make one per floor.
#[tokio::test]
async fn a_flood_is_one_request() {
    let (bed, clock) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let good = key.token(&claims(&issuer));
    let answers = futures_util::future::join_all((0..20).map(|_| tools(&bed, &good))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(issuer.fetches(), 1);
    let thief = SigningKey::ec("unknown");
    let flood = async |from: u32| {
        let tokens = (from..from + 40)
            .map(|number| thief.token_with(&json!({ "alg": "ES256", "kid": format!("k{number}") }), &claims(&issuer)));
        for token in tokens {
            assert_eq!(tools(&bed, &token).await.problem(401), "unauthenticated");
        }
    };
    flood(100).await;
    assert_eq!(issuer.fetches(), 1, "the floor holds from the first request on");
    pass(&clock, 29);
    flood(200).await;
    assert_eq!(issuer.fetches(), 1);
    pass(&clock, 1);
    flood(300).await;
    assert_eq!(issuer.fetches(), 2);
    tools(&bed, &good).await.expect(200);
    assert_eq!(issuer.fetches(), 2, "a key that is known is not asked for");
}

/// A new key is found at its first token; one that was withdrawn is refused once the keys are read anew.
#[tokio::test]
async fn an_issuer_rotates_its_keys() {
    let (bed, clock) = timed().await;
    let (old, new) = (SigningKey::ec("old"), SigningKey::ec("new"));
    let issuer = Issuer::start(&[&old]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let long = |key: &SigningKey| key.token(&changed(&claims(&issuer), json!({ "exp": super::NOW + 200_000 })));
    tools(&bed, &long(&old)).await.expect(200);
    issuer.publish(vec![new.jwk(), old.jwk()]);
    assert_eq!(tools(&bed, &long(&new)).await.problem(401), "unauthenticated", "too soon to ask again");
    pass(&clock, 30);
    tools(&bed, &long(&new)).await.expect(200);
    tools(&bed, &long(&old)).await.expect(200);
    assert_eq!(issuer.fetches(), 2);
    issuer.publish(vec![new.jwk()]);
    pass(&clock, 599);
    tools(&bed, &long(&old)).await.expect(200);
    pass(&clock, 1);
    assert_eq!(tools(&bed, &long(&old)).await.problem(401), "unauthenticated");
    tools(&bed, &long(&new)).await.expect(200);
    assert_eq!(issuer.fetches(), 3);
    // A key with the same name that is another key.
    let thief = SigningKey::ec("new");
    issuer.publish(vec![thief.jwk()]);
    pass(&clock, 600);
    tools(&bed, &long(&thief)).await.expect(200);
    assert_eq!(tools(&bed, &long(&new)).await.problem(401), "unauthenticated");
}

/// Keys that cannot be had let nobody in; those that were there are good for a day.
#[tokio::test]
async fn without_keys_nobody_gets_in() {
    let key = SigningKey::ec("k1");
    let good = json!({ "keys": [key.jwk()] }).to_string();
    let padded = format!("{good}{}", " ".repeat(300 * 1024));
    let many: Vec<_> = (0..65).map(|number| SigningKey::ec(&format!("k{number}")).jwk()).collect();
    for (what, reply) in [
        ("down", Reply::text(500, &good)),
        ("not there", Reply::text(404, &good)),
        ("not JSON", Reply::text(200, "<html>")),
        ("another shape", Reply::json(200, &json!([key.jwk()]))),
        ("oversize", Reply::text(200, &padded)),
        ("endless", Reply::repeated("application/json", vec![b' '; 1 << 16], 1 << 20)),
        ("broken", Reply::broken("application/json", good.clone())),
        ("too many", Reply::json(200, &json!({ "keys": many }))),
        ("redirecting", Reply::redirect(302, "/.well-known/openid-configuration")),
    ] {
        let (bed, clock) = timed().await;
        let issuer = Issuer::start(&[&key]).await;
        trust(&bed, &issuer, json!({})).await.expect(201);
        let token = key.token(&changed(&claims(&issuer), json!({ "exp": super::NOW + 200_000 })));
        issuer.answer(Some(reply.clone()));
        for _ in 0..3 {
            assert_eq!(tools(&bed, &token).await.problem(503), "unavailable", "{what}");
        }
        assert_eq!(issuer.fetches(), 1, "{what}: the floor holds after a failure");
        issuer.answer(None);
        pass(&clock, 30);
        tools(&bed, &token).await.expect(200);
        issuer.answer(Some(reply));
        pass(&clock, 24 * 3600 - 1);
        assert_eq!(tools(&bed, &token).await.status, 200, "{what}: an outage over night");
        pass(&clock, 31);
        assert_eq!(tools(&bed, &token).await.problem(503), "unavailable", "{what}");
    }
}

/// While one caller waits for an issuer that does not answer, others go on; the wait has an end.
#[tokio::test]
async fn a_slow_issuer_holds_up_its_own_callers_only() {
    let (bed, _) = timed().await;
    let (known, later) = (SigningKey::ec("k1"), SigningKey::ec("k2"));
    let issuer = Issuer::start(&[&known]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let gate = Gate::closed();
    issuer.answer(Some(Reply::json(200, &json!({ "keys": [known.jwk(), later.jwk()] })).after(&gate)));
    let bed = Arc::new(bed);
    let (slow, token) = (Arc::clone(&bed), later.token(&claims(&issuer)));
    let waiting = tokio::spawn(async move { tools(&slow, &token).await.status });
    issuer.upstream().wait_for(2).await;
    bed.client().get("/v1/tools?limit=1").await.expect(200);
    gate.open();
    assert_eq!(waiting.await.unwrap(), 200);
    tools(&bed, &known.token(&claims(&issuer))).await.expect(200);
    assert_eq!(issuer.fetches(), 1);
}

/// Keys that are not for signatures, or not of an agreed kind, are none; one that cannot be read hides no other.
#[tokio::test]
async fn a_key_is_what_it_says_of_itself() {
    let (bed, clock) = timed().await;
    let (key, rsa) = (SigningKey::ec("k1"), SigningKey::rsa("k2"));
    let issuer = Issuer::start(&[]).await;
    trust(&bed, &issuer, json!({ "algorithms": ["ES256"] })).await.expect(201);
    let token = key.token(&changed(&claims(&issuer), json!({ "exp": super::NOW + 200_000 })));
    for change in [
        json!({ "use": "enc" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "RS256" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "kid": "other" }),
        json!({ "kid": null }),
        json!({ "x": "AAAA" }),
        json!({ "crv": "P-521" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "EC2" }),
    ] {
        issuer.publish(vec![changed(&key.jwk(), change.clone())]);
        pass(&clock, 600);
        let answer = tools(&bed, &token).await;
        assert_eq!(answer.status, 401, "{change}: {answer:?}");
        assert_eq!(answer.problem(401), "unauthenticated", "{change}");
    }
    let odd = [json!({ "kty": "AKP", "kid": "x" }), json!(7), json!({ "kty": "EC" })];
    issuer.publish([odd.to_vec(), vec![rsa.jwk(), key.jwk()]].concat());
    pass(&clock, 600);
    tools(&bed, &token).await.expect(200);
    // A sound key in a way that was not agreed on.
    let token = rsa.token(&changed(&claims(&issuer), json!({ "exp": super::NOW + 200_000 })));
    assert_eq!(tools(&bed, &token).await.problem(401), "unauthenticated");
}

/// Whoever serves the metadata of one issuer does not speak for another; and no issuer leads the host into its own network.
#[tokio::test]
async fn metadata_leads_nowhere_else() {
    let (bed, _) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    issuer.pose_as("https://login.example.com");
    assert_eq!(tools(&bed, &key.token(&claims(&issuer))).await.problem(503), "unavailable");
    assert_eq!(issuer.fetches(), 0);
    // The same issuer, on a host that may not reach the loopback.
    let strict = Bed::with(Setup { private_networks: Vec::new(), ..Setup::usual() }).await;
    let sound = Issuer::start(&[&key]).await;
    let jwks = format!("{}/jwks", sound.url());
    for place in [json!({}), json!({ "jwks_url": jwks }), json!({ "jwks_url": "http://169.254.169.254/keys" })] {
        assert!(trust(&strict, &sound, place).await.status < 300);
        let token = key.token(&changed(&claims(&sound), json!({ "exp": 4_000_000_000_u64 })));
        assert_eq!(with(&strict, &token).get("/v1/tools").await.problem(503), "unavailable");
    }
    assert!(sound.upstream().requests().is_empty(), "nothing was sent");
}

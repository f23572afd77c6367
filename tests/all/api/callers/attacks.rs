//! The attack table: tokens that somebody made, changed or kept, each refused before anything of them is believed.

use gloveport_tests::host::Setup;
use gloveport_tests::issuer::{Issuer, SigningKey, assembled, hmac_token, parts};
use serde_json::{Value, json};

use super::super::bed::Bed;
use super::{AUDIENCE, NOW, changed, claims, client, pass, timed, token, tools, trust};

/// Headers that a signature does not help.
fn headers() -> Vec<Value> {
    vec![
        json!({ "alg": "none", "kid": "k1" }),
        json!({ "alg": "None", "kid": "k1" }),
        json!({ "alg": "", "kid": "k1" }),
        json!({ "alg": "HS256", "kid": "k1" }),
        json!({ "alg": "RS256", "kid": "k1" }),
        json!({ "alg": "ES384", "kid": "k1" }),
        json!({ "alg": "PS256", "kid": "k1" }),
        json!({ "alg": "EdDSA", "kid": "k1" }),
        json!({ "kid": "k1" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "kid": "" }),
        json!({ "alg": "ES256", "kid": 1 }),
        json!({ "alg": "ES256", "kid": "k1", "crit": ["exp"], "exp": 1 }),
        json!({ "alg": "ES256", "kid": "k1", "b64": false, "crit": ["b64"] }),
        json!({ "alg": "ES256", "kid": "../k1" }),
    ]
}

#[tokio::test]
async fn what_is_not_signed_as_agreed_is_refused() {
    let (bed, _) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let claims = claims(&issuer);
    let good = key.token(&claims);
    tools(&bed, &good).await.expect(200);
    let mut bad: Vec<String> = headers().iter().map(|header| key.token_with(header, &claims)).collect();
    // No signature, in all its spellings.
    let none = json!({ "alg": "none" });
    bad.push(assembled(&none, &claims, |_| Vec::new()));
    bad.push(good.rsplit_once('.').unwrap().0.to_owned());
    bad.push(format!("{}.", good.rsplit_once('.').unwrap().0));
    bad.push(format!("{good}."));
    bad.push(format!("{good}.x"));
    bad.push(format!("{good}="));
    bad.push(good.replacen('.', "..", 1));
    // The published key, taken for a shared secret.
    let hs = json!({ "alg": "HS256", "kid": "k1" });
    let jwk = key.jwk();
    let x = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, jwk["x"].as_str().unwrap());
    for secret in [jwk.to_string().into_bytes(), x.unwrap(), jwk["x"].as_str().unwrap().as_bytes().to_vec()] {
        bad.push(hmac_token(&secret, &hs, &claims));
    }
    // Another's key under the same name; a key in the header itself.
    let thief = SigningKey::ec("k1");
    bad.push(thief.token(&claims));
    bad.push(thief.token_with(&json!({ "alg": "ES256", "kid": "k1", "jwk": thief.jwk() }), &claims));
    bad.push(thief.token_with(&json!({ "alg": "ES256", "kid": "k1", "jku": "http://127.0.0.1/" }), &claims));
    // Somebody else's claims under a good signature, and the other way round.
    let other = key.token(&changed(&claims, json!({ "sub": "eve" })));
    let pieces: Vec<&str> = good.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    bad.push([pieces[0], others[1], pieces[2]].join("."));
    bad.push([pieces[0], pieces[1], others[2]].join("."));
    for token in &bad {
        assert_eq!(tools(&bed, token).await.problem(401), "unauthenticated", "{:?}", parts(token));
    }
    tools(&bed, &good).await.expect(200);
}

#[tokio::test]
async fn what_it_says_must_be_for_us_from_them_and_now() {
    let (bed, clock) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let sound = claims(&issuer);
    let far = "9".repeat(400);
    for change in [
        json!({ "iss": format!("{}/", issuer.url()) }),
        json!({ "iss": "https://login.example.com" }),
        json!({ "iss": [issuer.url()] }),
        json!({ "iss": null }),
        json!({ "aud": null }),
        json!({ "aud": [] }),
        json!({ "aud": "https://other.example" }),
        json!({ "aud": format!("{AUDIENCE}/") }),
        json!({ "aud": { "0": AUDIENCE } }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "exp": -1 }),
        json!({ "exp": [NOW + 600] }),
        json!({ "exp": NOW - 30 }),
        json!({ "nbf": NOW + 31 }),
        json!({ "nbf": "now" }),
        json!({ "iat": NOW + 31 }),
        json!({ "iat": far }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a".repeat(300) }),
        json!({ "filler": "x".repeat(9_000) }),
    ] {
        let token = key.token(&changed(&sound, change.clone()));
        assert_eq!(tools(&bed, &token).await.problem(401), "unauthenticated", "{:.200}", change.to_string());
    }
    // To the second, on both sides of the leeway of thirty.
    for change in [
        json!({ "exp": NOW - 29 }),
        json!({ "exp": NOW as f64 - 29.5 }),
        json!({ "nbf": NOW + 30 }),
        json!({ "iat": NOW + 30 }),
        json!({ "iat": null }),
        json!({ "aud": ["x", AUDIENCE] }),
        json!({ "exp": 1e300 }),
    ] {
        let token = key.token(&changed(&sound, change.clone()));
        assert_eq!(tools(&bed, &token).await.status, 200, "{change}");
    }
    let token = key.token(&sound);
    pass(&clock, 629);
    tools(&bed, &token).await.expect(200);
    pass(&clock, 1);
    assert_eq!(tools(&bed, &token).await.problem(401), "unauthenticated");
}

/// Our own tokens are no other's, and nothing else that is signed passes for one.
#[tokio::test]
async fn a_token_of_our_own_is_made_by_us_alone() {
    let (bed, _) = timed().await;
    let own = client(&bed, &["tools:read"], None).await;
    let good = token(&bed, &own, &[]).await;
    let (header, sound) = parts(&good);
    let thief = SigningKey::ec("k1");
    let named = |kid: &Value| json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    let jwk = bed.client().get("/keys").await.expect(200)["keys"][0].clone();
    let hs = json!({ "alg": "HS256", "typ": "at+jwt", "kid": header["kid"] });
    let x = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, jwk["x"].as_str().unwrap());
    let pieces: Vec<&str> = good.split('.').collect();
    let wider = parts(&good).1;
    let wider = thief.token_with(&header, &changed(&wider, json!({ "scopes": ["keys:write"] })));
    for bad in [
        thief.token_with(&header, &sound),
        thief.token_with(&named(&json!("k1")), &sound),
        hmac_token(jwk.to_string().as_bytes(), &hs, &sound),
        hmac_token(&x.unwrap(), &hs, &sound),
        assembled(&json!({ "alg": "none", "typ": "at+jwt", "kid": header["kid"] }), &sound, |_| Vec::new()),
        [pieces[0], wider.split('.').nth(1).unwrap(), pieces[2]].join("."),
        wider,
    ] {
        assert_eq!(tools(&bed, &bad).await.problem(401), "unauthenticated", "{:?}", parts(&bad));
    }
    // A token of another host, which names itself, is nobody's here.
    let elsewhere = Bed::with(Setup::usual()).await;
    assert_eq!(tools(&elsewhere, &good).await.problem(401), "unauthenticated");
    tools(&bed, &good).await.expect(200);
}

//! RFC 9700 section 4, as far as it is about the way through a browser: what others send does not become an account.

use super::stage::{Stage, parameter, with_parameters};
use super::visitor::{Visitor, link, text};

/// Nothing was exchanged, and Ada's account is as it was.
async fn untouched(stage: &Stage, what: &str) {
    assert_eq!(stage.server.counts().token_requests, 0, "{what}");
    assert_eq!(stage.ada().await["status"], "pending", "{what}");
}

/// AK-307, RFC 9700 section 4.7: forged, missing, doubled and made-up `state`.
#[tokio::test]
async fn an_answer_without_its_state_is_not_taken() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    let state = parameter(&back, "state").unwrap();
    let other = format!("{}{}", &state[1..], "A");
    let changed = |state: Option<&str>| with_parameters(&back, &[("state", state)]);
    for (what, url) in [
        ("none", changed(None)),
        ("empty", changed(Some(""))),
        ("forged", changed(Some(&other))),
        ("cut", changed(Some(&state[1..]))),
        ("in another case", changed(Some(&state.to_lowercase().to_uppercase()))),
        ("twice", format!("{back}&state={state}")),
        ("with the code twice", format!("{back}&code=x")),
        ("long", changed(Some(&"A".repeat(8_000)))),
        ("with a NUL", changed(Some(&format!("{state}\0")))),
    ] {
        let page = ada.open(&url).await;
        assert_eq!(page.status, 400, "{what}: {}", text(&page));
        assert!(!text(&page).contains(&state), "{what}");
        untouched(&stage, what).await;
    }
    assert_eq!(ada.open(&format!("{back}&x={}", "y".repeat(17_000))).await.status, 414);
    untouched(&stage, "too long").await;
    assert!(stage.end(&ada, &back).await.contains("is connected"), "the right one still comes through");
}

/// Section 4.5: what came once does not come again, whoever brings it.
#[tokio::test]
async fn an_answer_is_taken_once() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    stage.end(&ada, &back).await;
    for visitor in [&ada, &Visitor::new(&stage.bed)] {
        assert_eq!(visitor.open(&back).await.status, 400);
    }
    assert_eq!(stage.server.counts().token_requests, 1);
    // Twice at the same moment.
    let back = stage.consent(&stage.begin(&ada).await);
    let (one, other) = tokio::join!(ada.open(&back), ada.open(&back));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400]);
    assert_eq!((stage.server.counts().token_requests, stage.server.counts().reuses), (2, 0));
}

/// Section 4.7: an answer belongs to the browser that was sent. Eve begins with a link of hers and lets Ada consent, or
/// brings Ada's answer herself.
#[tokio::test]
async fn an_answer_in_another_browser_ends_the_attempt() {
    for (what, with_cookie) in [("a browser that was never here", false), ("one that has a cookie of its own", true)] {
        let stage = Stage::start().await;
        let (ada, eve) = (Visitor::new(&stage.bed), Visitor::new(&stage.bed));
        let back = stage.consent(&stage.begin(&ada).await);
        if with_cookie {
            eve.open(&link(&stage.bed, "crm", "eve").await).await;
        }
        let page = eve.open(&back).await;
        assert_eq!(page.status, 403, "{what}");
        assert!(text(&page).contains("another browser"), "{}", text(&page));
        untouched(&stage, what).await;
        // Somebody else knows the answer now: it is worth nothing to the right browser either.
        assert_eq!(ada.open(&back).await.status, 400, "{what}");
        untouched(&stage, what).await;
    }
}

/// Section 4.5: a code that somebody else got is not taken for one's own, by the verifier.
#[tokio::test]
async fn a_code_of_another_attempt_is_refused() {
    let stage = Stage::start().await;
    let (ada, eve) = (Visitor::new(&stage.bed), Visitor::new(&stage.bed));
    let back = stage.consent(&stage.begin(&ada).await);
    let stolen = parameter(&back, "code").unwrap();
    let of_eve = stage.begin_at(&eve, &link(&stage.bed, "crm", "eve").await, &[]).await;
    let injected = with_parameters(&stage.consent(&of_eve), &[("code", Some(&stolen))]);
    let page = stage.end(&eve, &injected).await;
    assert!(page.contains("not connected") && page.contains("took its answer back"), "{page}");
    assert_eq!(stage.server.counts().exchanges, 0);
    // The states of two attempts, swapped.
    let (one, other) = (stage.consent(&stage.begin(&ada).await), stage.consent(&stage.begin(&ada).await));
    let swapped = with_parameters(&one, &[("state", parameter(&other, "state").as_deref())]);
    assert!(stage.end(&ada, &swapped).await.contains("not connected"));
    assert_eq!(stage.server.counts().exchanges, 0);
    assert_eq!(stage.ada().await["status"], "pending");
}

/// Section 4.4: an answer of one provider does not come in as that of another; each has an address of its own.
#[tokio::test]
async fn an_answer_by_another_connectors_address_is_thrown_away() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    let page = stage.end(&ada, &back.replace("/callback/probe", "/callback/other")).await;
    assert!(page.contains("not connected") && page.contains("did not come from"), "{page}");
    untouched(&stage, "another address").await;
    assert_eq!(ada.open(&back).await.status, 400);
}

/// RFC 9207: `iss` is compared as it is, and what a wrong one says is shown to nobody.
#[tokio::test]
async fn an_answer_of_another_issuer_is_thrown_away() {
    let expected = "https://login.example.com";
    for (required, issuer, taken) in [
        (false, Some(expected), true),
        (false, None, true),
        (true, Some(expected), true),
        (true, None, false),
        (false, Some("https://evil.example"), false),
        (false, Some("https://login.example.com/"), false),
        (false, Some("https://LOGIN.example.com"), false),
        (false, Some(""), false),
    ] {
        let stage = Stage::changed(|pattern| {
            (pattern["issuer"], pattern["iss_required"]) = (expected.into(), required.into());
        })
        .await;
        let ada = Visitor::new(&stage.bed);
        let back = with_parameters(&stage.consent(&stage.begin(&ada).await), &[("iss", issuer)]);
        let back = match taken {
            true => back,
            false => {
                with_parameters(&back, &[("error", Some("access_denied")), ("error_description", Some("Call 555"))])
            }
        };
        let page = stage.end(&ada, &back).await;
        assert_eq!(page.contains("is connected"), taken, "{required} {issuer:?}: {page}");
        if !taken {
            assert!(page.contains("did not come from") && !page.contains("555"), "{page}");
            untouched(&stage, "another issuer").await;
        }
    }
}

/// A page sends its browser to the connector's provider, to a named application, or nowhere.
#[tokio::test]
async fn no_parameter_says_where_a_browser_goes() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let link = link(&stage.bed, "crm", "ada").await;
    let evil = "https://evil.example/";
    let extra = format!("{link}?return_to={evil}&redirect_uri={evil}&next={evil}&url={evil}");
    assert!(!text(&ada.open(&extra).await).contains("evil"));
    let url = stage.begin_at(&ada, &extra, &[]).await;
    assert!(url.starts_with(&stage.server.url("/authorize")) && !url.contains("evil"), "{url}");
    let back = stage.consent(&url);
    let answer = ada.open(&format!("{back}&redirect_uri={evil}&return_to={evil}")).await;
    assert!(answer.header("location").unwrap().starts_with(stage.bed.client().base()), "{answer:?}");
}

/// Section 2.1.2: a token is taken from the token endpoint and from nowhere else, least of all from a URL.
#[tokio::test]
async fn tokens_in_the_front_channel_are_not_taken() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let token = "cnry_a_token_in_a_url";
    stage.bed.host.search_for(gloveport_tests::canary::Canary::of(token));
    for name in ["access_token", "id_token", "oauth_token", "token"] {
        let back = stage.consent(&stage.begin(&ada).await);
        let back = with_parameters(&back, &[("code", None), (name, Some(token)), ("token_type", Some("bearer"))]);
        let page = stage.end(&ada, &back).await;
        assert!(page.contains("not connected") && !page.contains(token), "{name}: {page}");
        untouched(&stage, name).await;
    }
    // Without a code, and with one that is empty.
    for code in [None, Some("")] {
        let back = with_parameters(&stage.consent(&stage.begin(&ada).await), &[("code", code)]);
        assert!(stage.end(&ada, &back).await.contains("not connected"), "{code:?}");
        untouched(&stage, "no code").await;
    }
}

/// RFC 9700 section 4.12: never 307, which would send a form on; section 4.2: no code stays in sight.
#[tokio::test]
async fn pages_with_a_code_are_left_at_once() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    let answer = ada.open(&back).await;
    assert_eq!((answer.status, answer.header("referrer-policy")), (303, Some("no-referrer")));
    let location = answer.header("location").unwrap();
    assert!(!location.contains('?') && !location.contains(&parameter(&back, "code").unwrap()), "{location}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// What was changed under the user's feet is noticed.
#[tokio::test]
async fn an_account_that_is_gone_is_not_made_anew() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    assert!(stage.bed.client().delete("/v1/connections/crm/accounts/ada").await.status < 300);
    assert_eq!(ada.open(&back).await.status, 400);
    assert_eq!(stage.server.counts().token_requests, 0);
    assert_eq!(stage.bed.client().get("/v1/connections/crm/accounts/ada").await.status, 404);
}

//! The same of MCP clients' requests and grants: their rows name no token and no code.

use std::time::Duration;

use gloveport::model::{
    Action, By, KeyId, McpClientId, McpGrant, McpGrantId, McpInstance, McpRequest, McpRequestId, McpStep,
};
use gloveport::store::{GrantTokens, McpClientRow, McpMove, Vouched};
use serde_json::json;

use super::super::super::fixture::Fixture;
use super::{Seen, rows};

const CLIENT: &str = "https://client.example/client.json";

/// Of an instance that is there.
pub(super) async fn grants(f: &Fixture, by: &By, seen: &mut Seen<'_>, instance: &McpInstance) {
    let now = f.clock.now();
    let client = McpClientRow {
        id: McpClientId::new(&f.clock, &f.random),
        name: "client".into(),
        redirect_uris: vec!["https://client.example/cb".into()],
        created_at: now,
    };
    f.store.insert_mcp_client(&client, 1).await.unwrap();
    assert_eq!(f.store.mcp_client(&client.id).await.unwrap(), Some(client.clone()));
    let next = McpClientRow { id: McpClientId::new(&f.clock, &f.random), ..client.clone() };
    f.store.insert_mcp_client(&next, 1).await.unwrap();
    assert_eq!(f.store.mcp_client(&next.id).await.unwrap(), Some(next));
    assert_eq!(f.store.mcp_client(&client.id).await.unwrap(), None, "nobody used it, and it made room");
    seen.none("a client that registers, which is nobody's yet").await;
    let request = McpRequest {
        id: McpRequestId::new(&f.clock, &f.random),
        project: f.project.clone(),
        config: instance.profile.clone(),
        client: CLIENT.into(),
        client_name: "client".into(),
        redirect_uri: "https://client.example/cb".into(),
        state: None,
        challenge: "challenge".into(),
        browser: "browser".into(),
        step: McpStep::Begun,
        identifier: None,
        organization: None,
        vouched_by: None,
        made: None,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(60)),
    };
    f.store.insert_mcp_request(&request, 1).await.unwrap();
    assert_eq!(f.store.mcp_request(&request.id).await.unwrap(), Some(request.clone()));
    let more = McpRequest { id: McpRequestId::new(&f.clock, &f.random), ..request.clone() };
    f.store.insert_mcp_request(&more, 1).await.unwrap_err();
    seen.none("a request that nobody vouched for, and one too many").await;
    let request = decided(f, by, seen, &request).await;
    redeemed(f, by, seen, &request, instance).await;
    reused(f, by, seen, instance).await;
}

/// From a browser that came to a code.
async fn decided(f: &Fixture, by: &By, seen: &mut Seen<'_>, request: &McpRequest) -> McpRequest {
    let key = KeyId::new(&f.clock, &f.random);
    let vouched = Vouched { identifier: "ann", organization: Some("acme"), by: &key, page: "page" };
    let steps = [
        (McpStep::Begun, McpStep::Vouched, Some(vouched), None),
        (McpStep::Vouched, McpStep::Allowed, None, Some("code")),
    ];
    for (from, to, vouched, code) in steps {
        let change = McpMove { from, to, vouched, code, expires_at: None };
        assert!(f.store.move_mcp_request(by, request, &change).await.unwrap());
        let detail = json!({ "config": "desk", "client": CLIENT, "from": from.as_str(), "to": to.as_str(),
            "identifier": "ann" });
        // What was said of the user is told with the step that says it.
        let known = f.store.mcp_request(&request.id).await.unwrap().unwrap();
        let told = if vouched.is_some() {
            detail
        } else {
            json!({ "config": "desk", "client": CLIENT,
            "from": from.as_str(), "to": to.as_str() })
        };
        seen.one(&rows(f).await, by, Action::McpRequestMoved, request.id.as_str(), &told);
        assert_eq!((known.identifier.as_deref(), known.organization.as_deref()), (Some("ann"), Some("acme")));
        assert!(!f.store.move_mcp_request(by, request, &change).await.unwrap());
        seen.none("a step that was taken").await;
    }
    assert!(f.store.mcp_request_of_page("page").await.unwrap().is_some());
    f.store.mcp_request_of_code("code").await.unwrap().unwrap()
}

fn grant(f: &Fixture, instance: &McpInstance) -> McpGrant {
    let now = f.clock.now();
    McpGrant {
        id: McpGrantId::new(&f.clock, &f.random),
        project: f.project.clone(),
        instance: instance.id.clone(),
        config: instance.profile.clone(),
        identifier: instance.identifier.clone(),
        organization: Some("acme".into()),
        client: CLIENT.into(),
        client_name: "client".into(),
        vouched_by: instance.key.clone(),
        created_at: now,
        refreshed_at: now,
        expires_at: now.plus(Duration::from_secs(60)),
    }
}

fn tokens(f: &Fixture, name: &str) -> GrantTokens {
    let of = |what: &str| format!("hash-of-{name}-{what}");
    let access_until = f.clock.now().plus(Duration::from_secs(30));
    GrantTokens { family: of("family"), refresh: of("refresh"), access: of("access"), access_until }
}

async fn redeemed(f: &Fixture, by: &By, seen: &mut Seen<'_>, request: &McpRequest, instance: &McpInstance) {
    let (grant, first) = (grant(f, instance), tokens(f, "one"));
    assert!(f.store.redeem_mcp_request(by, request, &grant, &first).await.unwrap());
    let detail = json!({ "request": request.id.as_str(), "config": "desk", "instance": instance.id.as_str(),
        "identifier": "ann", "organization": "acme", "client": CLIENT, "vouched_by": instance.key.as_str() });
    let row = seen.one(&rows(f).await, by, Action::McpGrantCreated, grant.id.as_str(), &detail);
    assert!(!format!("{row:?}").contains("hash-of"));
    assert!(!f.store.redeem_mcp_request(by, request, &grant, &first).await.unwrap());
    let row = f.store.mcp_grant_of_access(&first.access, by.at).await.unwrap().unwrap();
    assert_eq!((&row.grant, &row.key), (&grant, &instance.key));
    let second = tokens(f, "two");
    assert!(f.store.refresh_mcp_grant(&row, &second, (by.at, grant.expires_at)).await.unwrap());
    assert!(!f.store.refresh_mcp_grant(&row, &second, (by.at, grant.expires_at)).await.unwrap());
    for hash in [&first.access, &second.access] {
        assert!(f.store.mcp_grant_of_access(hash, by.at).await.unwrap().is_some());
        assert!(f.store.mcp_grant_of_access(hash, second.access_until).await.unwrap().is_none());
    }
    seen.none("a grant that is there, and its new tokens").await;
    assert!(f.store.end_mcp_grant(by, &grant, "removed").await.unwrap());
    let detail = json!({ "reason": "removed", "config": "desk", "identifier": "ann", "client": CLIENT });
    seen.one(&rows(f).await, by, Action::McpGrantEnded, grant.id.as_str(), &detail);
    assert!(!f.store.end_mcp_grant(by, &grant, "removed").await.unwrap());
    assert!(!f.store.end_reused_mcp_grant(by, &grant, "code").await.unwrap());
    seen.none("a grant that is gone").await;
}

/// Two rows: what was seen, and what came of it.
async fn reused(f: &Fixture, by: &By, seen: &mut Seen<'_>, instance: &McpInstance) {
    let now = f.clock.now();
    let request = McpRequest {
        id: McpRequestId::new(&f.clock, &f.random),
        project: f.project.clone(),
        config: instance.profile.clone(),
        client: CLIENT.into(),
        client_name: "client".into(),
        redirect_uri: "https://client.example/cb".into(),
        state: None,
        challenge: "challenge".into(),
        browser: "browser".into(),
        step: McpStep::Allowed,
        identifier: Some("ann".into()),
        organization: None,
        vouched_by: Some(instance.key.clone()),
        made: None,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(60)),
    };
    f.store.insert_mcp_request(&request, 10).await.unwrap();
    let grant = McpGrant { organization: None, ..grant(f, instance) };
    assert!(f.store.redeem_mcp_request(by, &request, &grant, &tokens(f, "three")).await.unwrap());
    let detail = json!({ "request": request.id.as_str(), "config": "desk", "instance": instance.id.as_str(),
        "identifier": "ann", "client": CLIENT, "vouched_by": instance.key.as_str() });
    seen.one(&rows(f).await, by, Action::McpGrantCreated, grant.id.as_str(), &detail);
    assert!(f.store.end_reused_mcp_grant(by, &grant, "refresh_token").await.unwrap());
    let all = rows(f).await;
    let what = json!({ "what": "refresh_token", "client": CLIENT });
    seen.one(&all[..all.len() - 1], by, Action::McpGrantReused, grant.id.as_str(), &what);
    let why = json!({ "reason": "reused", "config": "desk", "identifier": "ann", "client": CLIENT });
    seen.one(&all, by, Action::McpGrantEnded, grant.id.as_str(), &why);
}

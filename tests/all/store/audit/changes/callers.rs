//! Changes of those who may call, and of what connections are known as elsewhere.

use gloveport::model::{
    Account, Action, By, CallerScope, ClientId, ClientSecretFrom, KeyId, OAuthClientId, Role, Scopes, Timestamp,
};
use gloveport::store::{ClientRow, IssuerRow, OAuthClient, PrincipalRow, SigningKeyRow};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::super::fixture::Fixture;
use super::{Seen, rows};

/// Clients, signing keys, issuers, and those who come with tokens: no row has a secret or its hash.
pub(super) async fn callers(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let scopes: Scopes = [CallerScope::ToolsRead].into_iter().collect();
    clients(f, by, seen, scopes).await;
    issuers(f, by, seen, scopes).await;
}

async fn clients(f: &Fixture, by: &By, seen: &mut Seen<'_>, scopes: Scopes) {
    let client = ClientRow {
        id: ClientId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: "crm".into(),
        scopes,
        identifier: None,
        profile: None,
        created_at: f.clock.now(),
    };
    let (id, detail) = (client.id.as_str(), json!({ "name": "crm", "scopes": "tools:read" }));
    f.store.insert_client(by, &client, "canary").await.unwrap();
    seen.one(&rows(f).await, by, Action::ClientCreated, id, &detail);
    f.store.insert_client(by, &client, "canary").await.unwrap_err();
    seen.none("a client that is there").await;
    assert!(f.store.update_client(by, &client).await.unwrap());
    seen.one(&rows(f).await, by, Action::ClientChanged, id, &detail);
    assert!(f.store.rehash_client(by, &f.project, &client.id, "canary").await.unwrap());
    seen.one(&rows(f).await, by, Action::ClientRotated, id, &json!({}));
    assert!(f.store.delete_client(by, &f.project, &client.id).await.unwrap());
    seen.one(&rows(f).await, by, Action::ClientDeleted, id, &json!({}));
    f.store.update_client(by, &client).await.unwrap();
    f.store.rehash_client(by, &f.project, &client.id, "canary").await.unwrap();
    f.store.delete_client(by, &f.project, &client.id).await.unwrap();
    seen.none("a client that is gone").await;

    let key = SigningKeyRow {
        id: "kid".into(),
        project: f.project.clone(),
        public: "p".into(),
        sealed: "canary".into(),
        created_at: f.clock.now(),
        retired_at: None,
    };
    f.store.rotate_signing_key(by, (None, &key), Timestamp(0)).await.unwrap();
    seen.one(&rows(f).await, by, Action::SigningKeyRotated, "kid", &json!({}));
    f.store.rotate_signing_key(by, (None, &key), Timestamp(0)).await.unwrap_err();
    seen.none("a signing key that is there").await;
}

async fn issuers(f: &Fixture, by: &By, seen: &mut Seen<'_>, scopes: Scopes) {
    let issuer = IssuerRow {
        name: "login".into(),
        project: f.project.clone(),
        issuer: "https://login.example.com".into(),
        audience: "us".into(),
        jwks_url: None,
        algorithms: vec!["RS256".into(), "ES256".into()],
        claims: "{}".into(),
        scopes,
        profile: None,
        created_at: f.clock.now(),
        updated_at: f.clock.now(),
    };
    let detail = json!({ "issuer": "https://login.example.com", "audience": "us", "algorithms": "RS256 ES256",
        "claims": "{}", "scopes": "tools:read" });
    f.store.put_issuer(by, &issuer).await.unwrap();
    seen.one(&rows(f).await, by, Action::IssuerChanged, "login", &detail);
    f.store.put_issuer(by, &IssuerRow { name: "second".into(), ..issuer.clone() }).await.unwrap_err();
    seen.none("an issuer that is trusted under another name").await;

    let principal = PrincipalRow {
        id: KeyId::of(&["ada"]),
        project: f.project.clone(),
        source: "login".into(),
        issuer: issuer.issuer.clone(),
        subject: "ada".into(),
        name: "login:ada".into(),
        identifier: Some("ada".into()),
        organization: None,
        role: Role::Agent,
    };
    let detail = json!({ "issuer": "https://login.example.com", "subject": "ada", "role": "agent",
        "identifier": "ada" });
    f.store.put_principal(by, &principal).await.unwrap();
    seen.one(&rows(f).await, by, Action::CallerSeen, principal.id.as_str(), &detail);
    f.store.put_principal(by, &principal).await.unwrap();
    seen.none("a caller that came before").await;
    assert!(f.store.delete_issuer(by, &f.project, "login").await.unwrap());
    seen.one(&rows(f).await, by, Action::IssuerDeleted, "login", &json!({}));
    f.store.delete_issuer(by, &f.project, "login").await.unwrap();
    seen.none("an issuer that is trusted no more").await;
}

pub(super) async fn oauth_clients(f: &Fixture, by: &By, seen: &mut Seen<'_>, account: &Account) {
    let client = OAuthClient {
        id: OAuthClientId::new(&f.clock, &f.random),
        project: f.project.clone(),
        connection: account.connection.clone(),
        client_id: "ours".into(),
        secret: Some("canary".into()),
        secret_from: Some(ClientSecretFrom::Credential("shared".into())),
        hosts: vec!["login.example.com".into()],
        created_at: f.clock.now(),
    };
    f.store.insert_oauth_client(by, &client).await.unwrap();
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let detail = json!({ "connection": account.connection.as_str(), "client_id": "ours", "hosts": "login.example.com",
        "secret": digest("canary"), "secret_from": "credential:shared" });
    seen.one(&rows(f).await, by, Action::OAuthClientCreated, client.id.as_str(), &detail);
    f.store.insert_oauth_client(by, &client).await.unwrap_err();
    f.store.insert_oauth_client(by, &OAuthClient { project: f.stranger.clone(), ..client.clone() }).await.unwrap_err();
    seen.none("a client that is there").await;
    assert!(f.store.reseal_oauth_client(by, &client, "anew").await.unwrap());
    let detail = json!({ "secret": digest("anew") });
    seen.one(&rows(f).await, by, Action::OAuthClientResealed, client.id.as_str(), &detail);
    assert!(!f.store.reseal_oauth_client(by, &client, "late").await.unwrap());
    seen.none("a secret that was replaced").await;
    assert_eq!(f.store.oauth_client(&f.stranger, &client.id).await.unwrap(), None);
    let found = f.store.newest_oauth_client(&f.project, &account.connection).await.unwrap();
    assert_eq!(found.and_then(|found| found.secret).as_deref(), Some("anew"));
}

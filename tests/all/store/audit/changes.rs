//! Each kind of change leaves exactly its row, and what changes nothing leaves none.

mod callers;
mod grants;
mod mcp;
mod resealed;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use gloveport::identity;
use gloveport::model::{
    Account, AccountState, Action, AuthStep, By, Entry, Event, ModifierId, PolicyId, ProfileId, RevocationId, Role,
    Timestamp, Webhook, WebhookId, When,
};
use gloveport::store::{AuthMove, ModifierRow, PolicyRow, ProfileRow, Revocation, Secrets, Told, WebhookRow};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::fixture::{CONNECTOR, Fixture, on_both, sealed};
use super::{by_key, rows};

/// What the newest rows must be, beyond those that were seen already.
struct Seen<'a> {
    f: &'a Fixture,
    rows: usize,
    actions: BTreeSet<String>,
}

impl Seen<'_> {
    /// One row more than before, which says this.
    #[track_caller]
    fn one(&mut self, rows: &[Entry], by: &By, action: Action, subject: &str, detail: &Value) -> Entry {
        assert_eq!(rows.len(), self.rows + 1, "{action:?}: {rows:#?}");
        self.rows += 1;
        self.actions.insert(action.name().into_owned());
        let row = rows.last().unwrap();
        assert_eq!((row.action.as_str(), row.subject.as_str()), (&*action.name(), subject));
        assert_eq!((row.actor.as_str(), row.at), (by.actor.as_str(), by.at.0), "{action:?}");
        assert_eq!(&serde_json::from_str::<Value>(&row.detail).unwrap(), detail, "{action:?}");
        row.clone()
    }

    async fn none(&self, what: &str) {
        let rows = rows(self.f).await;
        assert_eq!(rows.len(), self.rows, "{what} left a row: {:?}", rows.last());
    }
}

/// Each kind of change leaves exactly its row, and what changes nothing leaves none.
#[tokio::test]
async fn each_change_leaves_its_row() {
    on_both(async |f: Fixture| {
        let by = by_key(&f);
        let mut seen = Seen { f: &f, rows: 0, actions: BTreeSet::new() };
        let made = By::host(f.clock.now());
        seen.one(&rows(&f).await, &made, Action::ProjectCreated, f.project.as_str(), &json!({ "name": "default" }));
        f.store.default_project(&f.clock, &f.random).await.unwrap();
        seen.none("a project that is there").await;

        keys(&f, &by, &mut seen).await;
        callers::callers(&f, &by, &mut seen).await;
        rules(&f, &by, &mut seen).await;
        modifiers(&f, &by, &mut seen).await;
        mcp::endpoints(&f, &by, &mut seen).await;
        connectors(&f, &by, &mut seen).await;
        webhooks(&f, &by, &mut seen).await;
        secrets(&f, &by, &mut seen).await;
        let account = connections_and_accounts(&f, &by, &mut seen).await;
        authorizations(&f, &by, &mut seen, &account).await;
        callers::oauth_clients(&f, &by, &mut seen, &account).await;
        resealed::bodies(&f, &by, &mut seen).await;
        resealed::restored(&f, &by, &mut seen).await;
        tokens::tokens(&f, &by, &mut seen, &account).await;
        f.store.delete_connection(&by, &f.project, "main").await.unwrap_err();
        seen.none("a connection in use").await;
        tokens::removal(&f, &by, &mut seen, &account).await;
        f.store.delete_account(&by, &f.project, &account.id).await.unwrap();
        seen.none("an account that is gone").await;
        assert!(f.store.delete_connection(&by, &f.project, "main").await.unwrap());
        let id = account.connection.as_str();
        seen.one(&rows(&f).await, &by, Action::ConnectionDeleted, id, &json!({ "name": "main" }));
        assert!(f.store.delete_connector(&by, &f.project, CONNECTOR).await.unwrap());
        seen.one(&rows(&f).await, &by, Action::ConnectorDeleted, CONNECTOR, &json!({}));
        f.store.delete_connector(&by, &f.project, CONNECTOR).await.unwrap();
        seen.none("a connector that is gone").await;

        let all = Action::CHANGES.iter().map(|action| action.name().into_owned()).collect();
        assert_eq!(seen.actions, all, "an action that no change here leaves");
    })
    .await;
}

async fn keys(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let (clear, hash) = identity::new_key(&f.random);
    let key = f.key(Role::Admin);
    f.store.insert_key(by, &key, &hash).await.unwrap();
    let detail = json!({ "role": "admin", "name": "test" });
    let row = seen.one(&rows(f).await, by, Action::KeyCreated, key.id.as_str(), &detail);
    assert!(!format!("{row:?}").contains(&clear) && !format!("{row:?}").contains(&hash));
    f.store.insert_key(by, &f.key(Role::Admin), &hash).await.unwrap_err();
    seen.none("a key that is there").await;
    assert!(f.store.delete_key(by, &f.project, &key.id).await.unwrap());
    seen.one(&rows(f).await, by, Action::KeyDeleted, key.id.as_str(), &json!({}));
    f.store.delete_key(by, &f.project, &key.id).await.unwrap();
    seen.none("a key that is gone").await;
}

/// Of policies and profiles the chain has digests of what they say.
async fn rules(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let now = f.clock.now();
    let id = PolicyId::new(&f.clock, &f.random);
    let policy = PolicyRow {
        id: id.clone(),
        project: f.project.clone(),
        position: 7,
        name: "rule".into(),
        condition: "tool == 'canary'".into(),
        outcome: "{}".into(),
        created_at: now,
        updated_at: now,
    };
    let detail = json!({ "name": "rule", "position": 7, "condition": digest(&policy.condition),
        "outcome": digest("{}") });
    for _ in 0..2 {
        f.store.put_policy(by, &policy).await.unwrap();
        seen.one(&rows(f).await, by, Action::PolicyChanged, id.as_str(), &detail);
    }
    f.store.put_policy_fallback(by, &f.project, "canary").await.unwrap();
    let project = f.project.as_str();
    seen.one(&rows(f).await, by, Action::PolicyDefaults, project, &json!({ "outcomes": digest("canary") }));
    assert!(f.store.delete_policy(by, &f.project, &id).await.unwrap());
    seen.one(&rows(f).await, by, Action::PolicyDeleted, id.as_str(), &json!({}));
    f.store.delete_policy(by, &f.project, &id).await.unwrap();
    seen.none("a policy that is gone").await;

    let profile = ProfileRow {
        id: ProfileId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: "support".into(),
        description: "canary".into(),
        connections: "[]".into(),
        created_at: now,
        updated_at: now,
    };
    let detail = json!({ "id": profile.id.as_str(), "connections": digest("[]") });
    f.store.insert_profile(by, &profile).await.unwrap();
    seen.one(&rows(f).await, by, Action::ProfileCreated, "support", &detail);
    f.store.insert_profile(by, &profile).await.unwrap_err();
    seen.none("a profile that is there").await;
    assert!(f.store.update_profile(by, &profile).await.unwrap());
    seen.one(&rows(f).await, by, Action::ProfileChanged, "support", &detail);
    assert!(f.store.delete_profile(by, &f.project, "support").await.unwrap());
    seen.one(&rows(f).await, by, Action::ProfileDeleted, "support", &json!({}));
    f.store.update_profile(by, &profile).await.unwrap();
    f.store.delete_profile(by, &f.project, "support").await.unwrap();
    seen.none("a profile that is gone").await;
}

/// Of a webhook's URL, which may hold a token, the chain has the host and a digest.
async fn webhooks(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let now = f.clock.now();
    let webhook = Webhook {
        id: WebhookId::new(&f.clock, &f.random),
        project: f.project.clone(),
        url: "https://hooks.example.com/canary".into(),
        events: vec![Event::ApprovalWaiting],
        disabled: false,
        overlap_until: None,
        created_at: now,
        updated_at: now,
    };
    let secrets = |current: &str| Secrets { current: current.into(), previous: None };
    let row = |current: &str| WebhookRow { webhook: webhook.clone(), secrets: secrets(current) };
    let detail = |disabled: bool| {
        json!({ "host": "hooks.example.com", "url": digest(&webhook.url), "events": "approval.waiting",
            "disabled": disabled })
    };
    let id = webhook.id.as_str();
    assert!(f.store.insert_webhook(by, &row("one"), 1).await.unwrap());
    seen.one(&rows(f).await, by, Action::WebhookCreated, id, &detail(false));
    assert!(!f.store.insert_webhook(by, &row("one"), 1).await.unwrap());
    seen.none("a webhook too many").await;
    assert!(f.store.update_webhook(by, &Webhook { disabled: true, ..webhook.clone() }, now).await.unwrap());
    seen.one(&rows(f).await, by, Action::WebhookChanged, id, &detail(true));
    let late = Webhook { updated_at: Timestamp(1), ..webhook.clone() };
    assert!(!f.store.update_webhook(by, &late, Timestamp(1)).await.unwrap());
    assert!(!f.store.switch_webhook_off(by, &webhook).await.unwrap());
    seen.none("a change on top of another").await;
    assert!(f.store.rotate_webhook(by, &row("one"), "two", now).await.unwrap());
    seen.one(&rows(f).await, by, Action::WebhookRotated, id, &json!({ "secret": digest("two") }));
    assert!(!f.store.rotate_webhook(by, &row("one"), "three", now).await.unwrap());
    seen.none("a secret that was replaced").await;
    let stored = f.store.find_webhook(&f.project, &webhook.id).await.unwrap().unwrap();
    assert_eq!(stored.secrets, Secrets { current: "two".into(), previous: Some("one".into()) });
    assert!(f.store.reseal_webhook(by, &stored, &secrets("anew")).await.unwrap());
    seen.one(&rows(f).await, by, Action::WebhookResealed, id, &json!({ "secret": digest("anew") }));
    assert!(!f.store.reseal_webhook(by, &stored, &secrets("late")).await.unwrap());
    assert!(!f.store.delete_webhook(by, &f.stranger, &webhook.id).await.unwrap());
    seen.none("a webhook of another project").await;
    assert!(f.store.delete_webhook(by, &f.project, &webhook.id).await.unwrap());
    seen.one(&rows(f).await, by, Action::WebhookDeleted, id, &json!({}));
    assert!(!f.store.delete_webhook(by, &f.project, &webhook.id).await.unwrap());
    seen.none("a webhook that is gone").await;
}

async fn modifiers(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let modifier = ModifierRow {
        id: ModifierId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: "short".into(),
        tools: vec!["canary_*".into()],
        connections: Some(vec!["main".into()]),
        when: When::After,
        position: 7,
        steps: None,
        component: Some("d7".into()),
        created_at: f.clock.now(),
        updated_at: f.clock.now(),
    };
    let detail = json!({ "id": modifier.id.as_str(), "when": "after", "position": 7,
        "tools": digest(r#"["canary_*"]"#), "connections": digest(r#"["main"]"#) });
    f.store.insert_modifier(by, &modifier, Some(b"wasm")).await.unwrap();
    let row = seen.one(&rows(f).await, by, Action::ModifierCreated, "short", &detail);
    assert_eq!(row.component.as_deref(), Some("d7"));
    f.store.insert_modifier(by, &modifier, Some(b"wasm")).await.unwrap_err();
    seen.none("a modifier that is there").await;
    let steps = ModifierRow { steps: Some("canary".into()), component: None, ..modifier };
    assert!(f.store.update_modifier(by, &steps, None).await.unwrap());
    let detail = merged(detail, &json!({ "steps": digest("canary") }));
    seen.one(&rows(f).await, by, Action::ModifierChanged, "short", &detail);
    assert!(f.store.delete_modifier(by, &f.project, "short").await.unwrap());
    seen.one(&rows(f).await, by, Action::ModifierDeleted, "short", &json!({}));
    f.store.update_modifier(by, &steps, None).await.unwrap();
    f.store.delete_modifier(by, &f.project, "short").await.unwrap();
    seen.none("a modifier that is gone").await;
}

/// Of a named secret's value the chain has a digest of the sealed text.
async fn secrets(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let secret = super::super::secrets::secret(f, "ada", "");
    let id = secret.id.as_str();
    let detail = |sealed: &str| {
        json!({ "name": "key", "owner": "user", "identifier": "ada", "source": "", "hosts": "api.example.com",
            "secret": digest(sealed) })
    };
    assert!(f.store.put_secret(by, &secret, "one").await.unwrap());
    seen.one(&rows(f).await, by, Action::SecretCreated, id, &detail("one"));
    assert!(!f.store.put_secret(by, &secret, "two").await.unwrap());
    seen.one(&rows(f).await, by, Action::SecretChanged, id, &detail("two"));
    f.store.put_secret(by, &super::super::secrets::secret(f, "ada", ""), "late").await.unwrap_err();
    seen.none("a secret that is there").await;
    let row = f.store.secret_of(&f.project, "key", &secret.owner).await.unwrap().unwrap();
    assert!(f.store.reseal_secret(by, &row, "anew").await.unwrap());
    seen.one(&rows(f).await, by, Action::SecretResealed, id, &json!({ "secret": digest("anew") }));
    assert!(!f.store.reseal_secret(by, &row, "late").await.unwrap());
    assert!(!f.store.delete_secret(by, &f.stranger, "key", &secret.owner).await.unwrap());
    seen.none("a secret of another project").await;
    assert!(f.store.delete_secret(by, &f.project, "key", &secret.owner).await.unwrap());
    seen.one(&rows(f).await, by, Action::SecretDeleted, id, &json!({ "name": "key" }));
    assert!(!f.store.delete_secret(by, &f.project, "key", &secret.owner).await.unwrap());
    seen.none("a secret that is gone").await;
}

async fn connectors(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let connector = f.connector("1.0.0", "d1");
    for new in [true, false] {
        f.store.install_connector(by, &connector, b"wasm").await.unwrap();
        let detail = json!({ "version": "1.0.0", "imports": "http log", "new": new });
        let row = seen.one(&rows(f).await, by, Action::ConnectorInstalled, CONNECTOR, &detail);
        assert_eq!(row.component.as_deref(), Some("d1"));
    }
    f.store.install_connector(by, &f.connector("1.0.0", "d2"), b"other").await.unwrap_err();
    seen.none("other bytes under the same version").await;
}

async fn connections_and_accounts(f: &Fixture, by: &By, seen: &mut Seen<'_>) -> Account {
    let mut connection = f.new_connection("main");
    connection.base_url = Some("https://hooks.example.com/canary".into());
    f.store.insert_connection(by, &connection).await.unwrap();
    let last = rows(f).await;
    let detail: Value = serde_json::from_str(&last.last().unwrap().detail).unwrap();
    assert_eq!((&detail["name"], &detail["connector"]), (&json!("main"), &json!(CONNECTOR)));
    let row = seen.one(&last, by, Action::ConnectionCreated, connection.id.as_str(), &detail);
    assert!(!row.detail.contains("canary"), "{}", row.detail);
    f.store.insert_connection(by, &f.new_connection("main")).await.unwrap_err();
    f.store.update_connection(by, &connection, Timestamp(1)).await.unwrap();
    seen.none("a change on top of another").await;
    connection.disabled = true;
    assert!(f.store.update_connection(by, &connection, connection.updated_at).await.unwrap());
    let changed = json!({ "disabled": true });
    let detail = merged(detail, &changed);
    seen.one(&rows(f).await, by, Action::ConnectionChanged, connection.id.as_str(), &detail);

    let account = f.account(&connection, "ann");
    let (id, secret) = (account.id.as_str(), sealed("sealed-canary"));
    f.store.put_account(by, &account, &secret).await.unwrap();
    let last = rows(f).await;
    let detail: Value = serde_json::from_str(&last.last().unwrap().detail).unwrap();
    assert_eq!((&detail["identifier"], &detail["state"]), (&json!("ann"), &json!("active")));
    let row = seen.one(&last, by, Action::AccountCreated, id, &detail);
    assert!(!row.detail.contains("canary"), "{}", row.detail);
    f.store.put_account(by, &account, &secret).await.unwrap();
    seen.one(&rows(f).await, by, Action::AccountChanged, id, &detail);
    f.store.put_account(by, &f.account(&connection, "ann"), &BTreeMap::new()).await.unwrap();
    seen.none("an account that is there").await;
    let moved = (&secret, &secret);
    assert!(f.store.change_account(by, &account, moved, AccountState::Active).await.unwrap());
    seen.one(&rows(f).await, by, Action::AccountChanged, id, &detail);
    assert!(!f.store.change_account(by, &account, (&sealed("old"), &secret), AccountState::Active).await.unwrap());
    assert!(!f.store.change_account(by, &account, moved, AccountState::Expired).await.unwrap());
    seen.none("a change on top of another").await;
    assert!(f.store.set_account_settings(by, &f.project, &account.id, "{}").await.unwrap());
    let settings = json!({ "settings": hex::encode(Sha256::digest("{}")) });
    seen.one(&rows(f).await, by, Action::AccountChanged, id, &settings);
    assert!(!f.store.set_account_settings(by, &f.stranger, &account.id, "{}").await.unwrap());
    seen.none("settings of an account of another project").await;
    let (active, error) = (AccountState::Active, AccountState::Error);
    assert!(f.store.set_account_state(by, &f.project, &account.id, active, error).await.unwrap());
    seen.one(&rows(f).await, by, Action::AccountState, id, &json!({ "from": "active", "to": "error" }));
    f.store.set_account_state(by, &f.project, &account.id, active, error).await.unwrap();
    f.store.set_account_disabled(by, &f.stranger, &account.id, true).await.unwrap();
    seen.none("a state that it is not in").await;
    for (disabled, action) in [(true, Action::AccountDisabled), (false, Action::AccountEnabled)] {
        assert!(f.store.set_account_disabled(by, &f.project, &account.id, disabled).await.unwrap());
        seen.one(&rows(f).await, by, action, id, &json!({}));
    }
    let row = f.store.sealed_row(&account.id).await.unwrap().unwrap();
    let cli = By::cli(by.at);
    assert!(f.store.replace_sealed(&cli, &row, &sealed("anew")).await.unwrap());
    let last = rows(f).await;
    let digest: Value = serde_json::from_str(&last.last().unwrap().detail).unwrap();
    seen.one(&last, &cli, Action::AccountResealed, id, &digest);
    f.store.replace_sealed(&cli, &row, &sealed("late")).await.unwrap();
    seen.none("a credential that was replaced").await;
    f.store.note_token_read(by, &account).await.unwrap();
    seen.one(&rows(f).await, by, Action::AccountTokenRead, id, &json!({}));
    account
}

async fn authorizations(f: &Fixture, by: &By, seen: &mut Seen<'_>, account: &Account) {
    let request = f.auth_request(account);
    let id = request.id.as_str();
    f.store.insert_auth_request(by, &request, "canary-hash").await.unwrap();
    let detail = json!({ "account": account.id.as_str(), "scopes": "a b", "verify_url": "https://app.example/v" });
    let row = seen.one(&rows(f).await, by, Action::AuthorizationCreated, id, &detail);
    assert!(!row.detail.contains("canary"), "{}", row.detail);
    let change = AuthMove { kept: Some("canary"), ..AuthMove::between(AuthStep::Linked, AuthStep::Consent) };
    assert!(f.store.move_auth_request(by, &request, &change).await.unwrap());
    let detail = json!({ "account": account.id.as_str(), "from": "linked", "to": "consent" });
    seen.one(&rows(f).await, by, Action::AuthorizationMoved, id, &detail);
    assert!(!f.store.move_auth_request(by, &request, &change).await.unwrap());
    seen.none("a step that was taken").await;
}

fn merged(mut value: Value, with: &Value) -> Value {
    value.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    value
}

//! The same of MCP configs and instances: their rows name no token.

use gloveport::identity::new_instance_token;
use gloveport::model::{Action, BoundProfile, By, KeyId, McpInstance, McpInstanceId, ProfileId, Shows, ToolsShown};
use gloveport::store::{McpConfigRow, McpInstanceFilter, PageRequest, ProfileRow};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::super::fixture::Fixture;
use super::{Seen, grants, rows};

pub(super) async fn endpoints(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let now = f.clock.now();
    let profile = ProfileRow {
        id: ProfileId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: "desk".into(),
        description: String::new(),
        connections: "[]".into(),
        created_at: now,
        updated_at: now,
    };
    let config = McpConfigRow { profile: profile.clone(), shows: Shows::TOOLS, verify_url: None };
    f.store.put_mcp_config(by, &config).await.unwrap_err();
    seen.none("a config without its profile").await;
    f.store.insert_profile(by, &profile).await.unwrap();
    let digest = hex::encode(Sha256::digest("[]"));
    let made = json!({ "id": profile.id.as_str(), "connections": digest });
    seen.one(&rows(f).await, by, Action::ProfileCreated, "desk", &made);
    let native = |prompts, resources| Shows { tools: ToolsShown::Both, prompts, resources };
    for (shows, offers) in [
        (Shows::TOOLS, None),
        (native(true, false), Some("prompts")),
        (native(false, true), Some("resources")),
        (native(true, true), Some("both")),
    ] {
        f.store.put_mcp_config(by, &McpConfigRow { shows, ..config.clone() }).await.unwrap();
        let mut detail = json!({ "profile": profile.id.as_str(), "shows": shows.tools.as_str() });
        if let Some(offers) = offers {
            detail["offers"] = offers.into();
        }
        seen.one(&rows(f).await, by, Action::McpConfigChanged, "desk", &detail);
        assert_eq!(f.store.config_shows(&f.project, &profile.id).await.unwrap(), Some(shows));
    }
    assert_eq!(f.store.config_shows(&f.stranger, &profile.id).await.unwrap(), None);

    let instance = McpInstance {
        id: McpInstanceId::new(&f.clock, &f.random),
        project: f.project.clone(),
        profile: BoundProfile { id: profile.id.clone(), name: "desk".into() },
        identifier: "ann".into(),
        name: "laptop".into(),
        key: KeyId::new(&f.clock, &f.random),
        created_at: now,
        updated_at: now,
    };
    instances(f, by, seen, &instance).await;
    assert!(f.store.delete_profile(by, &f.project, "desk").await.is_err());
    seen.none("a profile that is served").await;
    // The profile goes too: two rows, of which the first is that of the config.
    assert!(f.store.delete_mcp_config(by, &config, true).await.unwrap());
    let last = rows(f).await;
    seen.one(&last[..last.len() - 1], by, Action::McpConfigDeleted, "desk", &json!({}));
    seen.one(&last, by, Action::ProfileDeleted, "desk", &json!({}));
    assert!(!f.store.delete_mcp_config(by, &config, true).await.unwrap());
    seen.none("a config that is gone").await;
}

async fn instances(f: &Fixture, by: &By, seen: &mut Seen<'_>, instance: &McpInstance) {
    let id = instance.id.as_str();
    let (token, hash) = new_instance_token(&f.random);
    f.store.insert_mcp_instance(by, instance, &hash, "v1.00000000.one").await.unwrap();
    let detail = json!({ "config": "desk", "identifier": "ann", "key": instance.key.as_str(), "name": "laptop" });
    let row = seen.one(&rows(f).await, by, Action::McpInstanceCreated, id, &detail);
    assert!(!format!("{row:?}").contains(&token) && !format!("{row:?}").contains(&hash));
    let other = McpInstance {
        id: McpInstanceId::new(&f.clock, &f.random),
        key: KeyId::new(&f.clock, &f.random),
        ..instance.clone()
    };
    f.store.insert_mcp_instance(by, &other, "other", "v1.00000000.two").await.unwrap_err();
    assert!(f.store.delete_key(by, &f.project, &instance.key).await.is_err());
    seen.none("a second instance of one user, and the key of the first").await;
    assert!(f.store.sealed_body_starts().await.unwrap().contains(&"v1.00000000.".to_owned()));
    assert!(f.store.list_keys(&f.project, &PageRequest::first()).await.unwrap().items.is_empty());
    let filter = McpInstanceFilter { config: Some("desk".into()), ..McpInstanceFilter::default() };
    let listed = f.store.list_mcp_instances(&f.project, &filter, &PageRequest::first()).await.unwrap().items;
    assert_eq!((&listed[0].instance, listed[0].last_used_at), (instance, None));
    assert!(f.store.find_key(&hash).await.unwrap().is_some());

    grants::grants(f, by, seen, instance).await;
    let (_, second) = new_instance_token(&f.random);
    assert!(f.store.rotate_mcp_instance(by, instance, &second, "v1.00000000.two").await.unwrap());
    seen.one(&rows(f).await, by, Action::McpInstanceRotated, id, &json!({}));
    assert_eq!(f.store.find_key(&hash).await.unwrap(), None);
    let stranger = McpInstance { project: f.stranger.clone(), ..instance.clone() };
    assert!(!f.store.rotate_mcp_instance(by, &stranger, "third", "v1.00000000.three").await.unwrap());
    assert!(!f.store.delete_mcp_instance(by, &stranger).await.unwrap());
    seen.none("an instance of another project").await;
    assert!(f.store.delete_mcp_instance(by, instance).await.unwrap());
    seen.one(&rows(f).await, by, Action::McpInstanceDeleted, id, &json!({}));
    assert_eq!(f.store.find_key(&second).await.unwrap(), None);
    assert!(!f.store.rotate_mcp_instance(by, instance, "third", "v1.00000000.three").await.unwrap());
    assert!(!f.store.delete_mcp_instance(by, instance).await.unwrap());
    seen.none("an instance that is gone").await;
    f.store.insert_mcp_instance(by, instance, &hash, "v1.00000000.one").await.unwrap();
    seen.one(&rows(f).await, by, Action::McpInstanceCreated, id, &detail);
}

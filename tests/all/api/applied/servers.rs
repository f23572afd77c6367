//! MCP servers in files.

use serde_json::json;

use super::super::cli::run;
use super::{apply, hosts};

/// AK-808: an MCP server is a connector like others in files; its tools are found there, and files leave them alone.
#[tokio::test]
async fn a_server_is_applied_and_exported() {
    const SERVER: &str = "connectors:
  - name: desk
    mcp:
      url: https://mcp.example.com/mcp?team=1
      title: Desk
      changes: take
      auth:
        - {name: token, title: Token, type: bearer, field: token, fields: [{name: token, label: Token, type: password}]}
    options: {deferred: true}
";
    for host in hosts().await {
        let done = apply(&host, SERVER, &[]).await.done();
        assert!(done.ends_with("1 created, 0 changed, 0 removed, 0 unchanged.\n"), "{done}");
        let shown = host.client().get("/v1/connectors/desk").await.expect(200);
        assert_eq!((&shown["title"], &shown["tools"][0]["name"]), (&json!("Desk"), &json!("desk_mcp_discover")));
        let exported = run(&host, &["export"], "").await.done();
        assert!(exported.contains("mcp:") && !exported.contains("document"), "{exported}");
        assert_eq!(run(&host, &["apply", "-"], &exported).await.done(), "Nothing to do: 1 as the files say.\n");
        assert_eq!(run(&host, &["export"], "").await.done(), exported);
        let changed = apply(&host, &SERVER.replace("take", "hold"), &[]).await.done();
        assert!(changed.contains("0 created, 1 changed"), "{changed}");
        for (more, said) in
            [("    digest: abc\n", "nothing else but"), ("    url: https://x.example/d\n", "nothing else but")]
        {
            let refused = apply(&host, &format!("{SERVER}{more}"), &[]).await;
            assert!(refused.code == Some(1) && refused.err.contains(said), "{}{}", refused.out, refused.err);
        }
        let wrong = apply(&host, &SERVER.replace("title: Desk", "titel: Desk"), &[]).await;
        assert!(wrong.code != Some(0) && wrong.err.contains("titel"), "{}", wrong.err);
    }
}

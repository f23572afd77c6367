//! `gloveport project` beside a running host: a new project is served at once, and is empty.

use gloveport_tests::host::TestHost;
use gloveport_tests::programs;

use super::super::cli::{run, run_as};

#[tokio::test]
async fn a_project_is_made_beside_a_running_host() {
    let host = TestHost::spawn_child().await;
    let component = programs::connector("probe");
    run(&host, &["connector", "add", component.to_str().unwrap()], "").await.done();
    let data = host.data().to_str().unwrap().to_owned();
    let project = async |arguments: &[&str]| run(&host, &[&["project", "--data", &data], arguments].concat(), "").await;
    let key = project(&["add", "staging"]).await.done();
    let key = key.trim_end();
    assert!(key.starts_with("gp_"), "{key}");
    let connectors = run_as(&host, key, &["connector", "list", "--json"], "").await.json();
    assert_eq!(connectors["items"], serde_json::json!([]));
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 1);
    assert_eq!(host.client().get("/v1/keys").await.expect(200)["total_size"], 1);
    let listed = project(&["list"]).await.done();
    let names: Vec<&str> = listed.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["NAME", "default", "staging"]);
    assert!(project(&["list", "--json"]).await.json()["items"][1]["id"].as_str().unwrap().starts_with("proj_"));
    // A lost key is replaced, and the other one goes on opening.
    let second = project(&["key", "staging", "--json"]).await.json();
    assert_eq!(second["project"], "staging");
    for key in [key, second["key"].as_str().unwrap()] {
        let keys = run_as(&host, key, &["key", "list", "--json"], "").await.json();
        assert_eq!(keys["items"].as_array().unwrap().len(), 2);
    }
    for (arguments, code, said) in [
        (&["add", "staging"][..], 1, "already"),
        (&["add", "default"], 1, "already"),
        (&["key", "nobody"], 1, "no project"),
        (&["add", "a b"], 2, "letters"),
        (&["add", ""], 2, "letters"),
    ] {
        let ran = run(&host, &[&["project", "--data", &data], arguments].concat(), "").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

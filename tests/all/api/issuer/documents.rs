//! Clients that are known by the URL of a document of their own, and what else may be at such a URL.

use gloveport_tests::host::Setup;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::super::visitor::{Visitor, text};
use super::stage::{REDIRECT, Stage, connect, parameter};

/// The document of a client at this URL.
fn document(id: &str) -> Value {
    json!({ "client_id": id, "client_name": "Documented", "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"] })
}

/// What the site has at a path.
fn answer(request: &Recorded) -> Reply {
    let base = format!("https://{}", request.header("host").unwrap());
    let id = format!("{base}{}", request.path());
    let mut of = document(&id);
    let page = |document: Value| Reply::json(200, &document);
    match request.path() {
        "/good.json" | "/also-good.json" => page(of),
        "/other.json" => page(document(&format!("{base}/good.json"))),
        "/elsewhere.json" => {
            of["redirect_uris"] = json!(["https://client.example/cb"]);
            page(of)
        }
        "/script.json" => {
            of["redirect_uris"] = json!(["javascript:alert(1)", REDIRECT]);
            page(of)
        }
        "/secret.json" => {
            of["token_endpoint_auth_method"] = "client_secret_post".into();
            page(of)
        }
        "/huge.json" => {
            of["client_name"] = "x".repeat(17 * 1_024).into();
            page(of)
        }
        "/endless.json" => Reply::bytes(200, "application/json", "[".repeat(5 << 20)),
        "/moved.json" => Reply::redirect(302, &format!("{base}/good.json")),
        "/broken.json" => Reply::json(500, &of),
        "/page.json" => Reply::bytes(200, "application/json", "<html>a page</html>"),
        _ => Reply::status(404),
    }
}

/// A site over TLS, and the file of the authority that its operator may trust.
struct Site {
    upstream: Upstream,
    authority: NamedTempFile,
    url: String,
}

impl Site {
    async fn start() -> Self {
        let (upstream, authority) = Upstream::under_every_name(answer).await;
        let url = format!("https://{}", upstream.address());
        Self { upstream, authority, url }
    }

    /// The paths that were asked for, oldest first.
    fn asked(&self) -> Vec<String> {
        self.upstream.requests().iter().map(|request| request.target.clone()).collect()
    }
}

async fn site() -> (Site, Stage) {
    let site = Site::start().await;
    let extra_ca = Some(site.authority.path().to_owned());
    let stage = Stage::on(Setup { connect: connect(), extra_ca, ..Setup::usual() }).await;
    (site, stage)
}

/// No registration at all: the whole way with a URL as identifier, read once for several requests, and anew later.
#[tokio::test]
async fn a_document_is_as_good_as_a_registration() {
    let (site, stage) = site().await;
    let id = format!("{}/good.json", site.url);
    let ada = Visitor::new(&stage.bed);
    let place = stage.page(&ada, &[("client_id", Some(&id))]).await;
    let words = text(&ada.open(&place).await);
    assert!(words.contains("Documented") && words.contains("<strong>127.0.0.1</strong>"), "{words}");
    let back = stage.answer(&ada, &place, "allow").await;
    let code = parameter(&back, "code").unwrap();
    let given = stage.token(&stage.redemption(&code, &[("client_id", &id)])).await.expect(200);
    assert_eq!(stage.status(given["access_token"].as_str().unwrap()).await, 200);
    let refresh = given["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", id.as_str())];
    stage.token(&fields).await.expect(200);
    assert_eq!(stage.grants().await[0]["client_id"], id);
    // Kept for five minutes, and no longer.
    stage.begin(&ada, &[("client_id", Some(&id))]).await;
    assert_eq!(site.asked(), ["/good.json"]);
    stage.wait(5 * 60);
    stage.begin(&ada, &[("client_id", Some(&id))]).await;
    assert_eq!(site.asked(), ["/good.json"; 2]);
    // A code of one client is none of another, whatever both are known by.
    let code = parameter(&stage.allowed(&ada, &[("client_id", Some(&id))]).await, "code").unwrap();
    let other = format!("{}/also-good.json", site.url);
    let answer = stage.token(&stage.redemption(&code, &[("client_id", &other)])).await;
    assert_eq!(answer.expect(400)["error"], "invalid_grant");
}

/// What is no description of that very client lets nobody ask, and its words go nowhere.
#[tokio::test]
async fn what_is_no_document_is_no_client() {
    let (site, stage) = site().await;
    for path in [
        "/other.json",
        "/script.json",
        "/secret.json",
        "/huge.json",
        "/endless.json",
        "/moved.json",
        "/broken.json",
        "/page.json",
        "/missing.json",
    ] {
        let id = format!("{}{path}", site.url);
        let answer = Visitor::new(&stage.bed).open(&stage.request(&[("client_id", Some(&id))])).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{path}");
        assert!(text(&answer).contains("invalid_client."), "{path}: {}", text(&answer));
        assert_eq!(site.asked().last().map(String::as_str), Some(path));
    }
    assert!(!site.asked().contains(&"/good.json".to_owned()), "no redirect is followed");
    let id = format!("{}/elsewhere.json", site.url);
    let answer = Visitor::new(&stage.bed).open(&stage.request(&[("client_id", Some(&id))])).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    assert!(text(&answer).contains("invalid_redirect_uri."));
    let asked = site.asked().len();
    for id in [
        site.url.clone(),
        format!("{}/", site.url),
        format!("{}/good.json?x=1", site.url),
        format!("{}/good.json#x", site.url),
        format!("{}/a/../good.json", site.url),
        format!("{}/good.json", site.url.replace("https://", "https://ada@")),
        format!("{}/good.json", site.url.replace("https", "HTTPS")),
    ] {
        let answer = Visitor::new(&stage.bed).open(&stage.request(&[("client_id", Some(&id))])).await;
        assert_eq!(answer.status, 400, "{id}");
    }
    assert_eq!(site.asked().len(), asked, "nobody asks for what is no identifier");
}

/// Whoever names a URL has this host send a request: to public addresses only, and they are told nothing of what is there.
#[tokio::test]
async fn documents_are_not_looked_for_inside() {
    let site = Site::start().await;
    let (extra_ca, private_networks) = (Some(site.authority.path().to_owned()), Vec::new());
    let stage = Stage::on(Setup { connect: connect(), extra_ca, private_networks, ..Setup::usual() }).await;
    let port = site.url.rsplit(':').next().unwrap();
    let mut told = Vec::new();
    for id in [
        format!("{}/good.json", site.url),
        format!("https://localhost:{port}/good.json"),
        format!("https://[::1]:{port}/good.json"),
        format!("https://[::ffff:7f00:1]:{port}/good.json"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
        "https://192.168.1.1:8443/client.json".to_owned(),
        "https://127.0.0.1:1/client.json".to_owned(),
    ] {
        let answer = Visitor::new(&stage.bed).open(&stage.request(&[("client_id", Some(&id))])).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{id}");
        let name = url::Url::parse(&id).unwrap().host_str().unwrap().to_owned();
        told.push(text(&answer).replace(&name, "HOST"));
    }
    assert!(site.asked().is_empty());
    told.dedup();
    assert_eq!(told.len(), 1, "one answer for what is there, what is not, and what is refused: {told:?}");
}

//! The guard before the routes. Nothing listens where ClickHouse should be: what is let through gets a 503, and
//! only that.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, header};
use base64::Engine;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::api_key::ApiKeys;
use super::token::{Claims, Tokens};
use crate::config::{Config, Environment};
use crate::router;

const SECRET: &[u8] = b"a secret of more than 32 bytes, for tests";
const API_KEY: &str = "an-api-key-of-more-than-32-characters";
const OF_ACME: &str = "/v1/tenants/acme/dead-letters";

/// A pair of keys in PEM, made for this run: no private key lies in the repository.
struct Pair {
    private: Vec<u8>,
    public: Vec<u8>,
}

impl Pair {
    fn rsa() -> &'static Self {
        static PAIR: LazyLock<Pair> = LazyLock::new(|| {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
            let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
            Pair { private: pem("PRIVATE KEY", der.as_ref()), public: pem("PUBLIC KEY", public.as_ref()) }
        });
        &PAIR
    }

    fn ec() -> &'static Self {
        static PAIR: LazyLock<Pair> = LazyLock::new(|| {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let der = pair.to_pkcs8v1().unwrap();
            let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
            Pair { private: pem("PRIVATE KEY", der.as_ref()), public: pem("PUBLIC KEY", public.as_ref()) }
        });
        &PAIR
    }
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn good() -> Value {
    json!({"sub": "ana", "tenant": "acme", "roles": ["analytics.view"], "exp": now() + 600})
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = good();
    claims[name] = value.into();
    claims
}

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(&Pair::rsa().private).unwrap(),
        Algorithm::ES256 => EncodingKey::from_ec_pem(&Pair::ec().private).unwrap(),
        _ => EncodingKey::from_secret(SECRET),
    };
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn claims() -> Claims {
    Claims { tenant: "tenant".to_owned(), roles: "roles".to_owned(), ..Claims::default() }
}

fn tokens(algorithm: &str, key: &[u8]) -> Tokens {
    let mut tokens = Tokens::new(claims());
    tokens.add_file(algorithm, key).unwrap();
    tokens
}

/// An API that takes RS256 tokens and one API key, with these limits.
fn api(limits: &str) -> Router {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let hash: String = Sha256::digest(API_KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let entry = json!([{"name": "grafana", "sha256": hash, "tenant": "acme", "roles": ["analytics.manage"]}]);
    std::fs::write(&file, entry.to_string()).unwrap();
    let public = folder.path().join("key.pem");
    std::fs::write(&public, &Pair::rsa().public).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let access = json!({"mode": "credentials", "api_keys_file": file,
        "jwt": {"key_file": public, "algorithm": "RS256"}});
    let yaml =
        format!("clickhouse: {{host: 127.0.0.1, port: {port}}}\napi: {{access: {access}, limits: {limits}}}");
    router::new(&Config::parse(&yaml, &Environment::default()).unwrap()).unwrap()
}

async fn ask(router: &Router, method: Method, uri: &str, credential: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(uri);
    let request = match credential {
        "" => request,
        credential => request.header(header::AUTHORIZATION, format!("Bearer {credential}")),
    };
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn status(router: &Router, uri: &str, credential: &str) -> u16 {
    ask(router, Method::GET, uri, credential).await.status().as_u16()
}

#[test]
fn each_algorithm_is_taken_with_its_own_key_and_no_other() {
    let public = [("RS256", &*Pair::rsa().public), ("ES256", &*Pair::ec().public), ("HS256", SECRET)];
    for (known, bytes) in &public {
        let tokens = tokens(known, bytes);
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::HS256] {
            let caller = tokens.caller(&signed(algorithm, &good()));
            assert_eq!(caller.is_some(), format!("{algorithm:?}") == *known, "{algorithm:?} against {known}");
        }
    }
}

#[test]
fn a_public_key_used_as_a_secret_forges_nothing() {
    let public = &Pair::rsa().public;
    let forged = encode(&Header::new(Algorithm::HS256), &good(), &EncodingKey::from_secret(public)).unwrap();
    assert!(tokens("RS256", public).caller(&forged).is_none());
    assert!(Tokens::new(claims()).add_file("HS256", public).is_err(), "and nobody configures it by mistake");
    assert!(Tokens::new(claims()).add_file("HS256", b"short").is_err());
    assert!(Tokens::new(claims()).add_file("none", b"").is_err());
}

#[test]
fn stripped_and_altered_tokens_are_none() {
    let tokens = tokens("RS256", &Pair::rsa().public);
    let token = signed(Algorithm::RS256, &good());
    let (head, rest) = token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIn0"; // {"alg":"none"}
    let other = signed(Algorithm::RS256, &with("tenant", "globex"));
    let other_body = other.split('.').nth(1).unwrap();
    for bad in [
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{head}.{other_body}.{signature}"),
        "..".to_owned(),
        ".".to_owned(),
    ] {
        assert!(tokens.caller(&bad).is_none(), "{bad}");
    }
    assert_eq!(tokens.caller(&token).unwrap().tenant.as_deref(), Some("acme"));
}

#[test]
fn the_time_of_a_token_is_checked_and_must_be_there() {
    let tokens = tokens("RS256", &Pair::rsa().public);
    let mut endless = good();
    endless.as_object_mut().unwrap().remove("exp");
    for bad in
        [with("exp", now() - 60), with("nbf", now() + 60), endless, with("tenant", 7), with("tenant", "")]
    {
        assert!(tokens.caller(&signed(Algorithm::RS256, &bad)).is_none(), "{bad}");
    }
    assert!(tokens.caller(&signed(Algorithm::RS256, &with("nbf", now() - 1))).is_some());
}

#[test]
fn a_key_set_pins_its_keys_too() {
    let mut tokens = Tokens::new(claims());
    let secret = json!({"kty": "oct", "alg": "HS256", "kid": "1", "k": "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIDMyIGJ5dGVzLCBmb3IgdGVzdHM"});
    tokens.add_set(&json!({"keys": [secret]}).to_string()).unwrap();
    assert!(tokens.caller(&signed(Algorithm::HS256, &good())).is_some());
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("2".to_owned());
    let other = encode(&header, &good(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert!(tokens.caller(&other).is_none(), "a key that is not in the set");
    let mut said = secret.clone();
    said["alg"] = "RS256".into();
    assert!(tokens.add_set(&json!({"keys": [said]}).to_string()).is_err());
    assert!(tokens.add_set("{}").is_err());
}

#[test]
fn a_file_of_api_keys_says_what_is_wrong_with_it() {
    for (text, part) in [
        ("[{name: a, sha256: 12, roles: []}]", "64 hexadecimal"),
        ("[{name: a, roles: []}]", "sha256"),
        ("[{name: a, key: clear, sha256: b, roles: []}]", "key"),
    ] {
        let error = ApiKeys::parse(text).err().unwrap();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_tenant_is_served_to_its_own_credentials_alone() {
    let api = api("{}");
    let acme = signed(Algorithm::RS256, &good());
    for path in
        [OF_ACME, "/metrics/summary?tenant_id=acme", "/v1/tenants/%61cme/summary", "/v1/tenants/acme/events"]
    {
        assert_eq!(status(&api, path, &acme).await, 503, "{path} is let through");
        assert_eq!(status(&api, path, API_KEY).await, 503, "{path} is let through");
        assert_eq!(status(&api, path, "").await, 401, "{path}");
        assert_eq!(status(&api, path, "nonsense").await, 401, "{path}");
        let other = signed(Algorithm::RS256, &with("tenant", "globex"));
        assert_eq!(status(&api, path, &other).await, 403, "{path}");
    }
    for tenant in ["globex", "ACME", "acme%20", "%2561cme", "acme%2Fx", "' OR 1=1"] {
        let tenant = tenant.replace(' ', "%20");
        for path in [format!("/v1/tenants/{tenant}/events"), format!("/metrics/summary?tenant_id={tenant}")] {
            assert_eq!(status(&api, &path, &acme).await, 403, "{path}");
        }
    }
    assert_eq!(status(&api, "/metrics/summary?tenant_id=acme&tenant_id=globex", &acme).await, 400);
    assert_eq!(status(&api, "/healthz", "").await, 200);
}

#[tokio::test]
async fn what_changes_something_needs_to_manage_and_what_is_of_nobody_to_operate() {
    let api = api("{}");
    let viewer = signed(Algorithm::RS256, &good());
    let operator = json!({"roles": "analytics.operate other", "exp": now() + 60});
    let operator = signed(Algorithm::RS256, &operator);
    for action in ["replay", "purge"] {
        let path = format!("{OF_ACME}/{action}");
        let answer = ask(&api, Method::POST, &path, &viewer).await;
        assert_eq!(answer.status(), 403);
        let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("analytics.manage"), "{challenge}");
        assert_ne!(ask(&api, Method::POST, &path, API_KEY).await.status(), 403);
    }
    for path in ["/metrics", "/v1/audit"] {
        assert_eq!(
            (status(&api, path, &viewer).await, status(&api, path, API_KEY).await),
            (403, 403),
            "{path}"
        );
        assert_ne!(status(&api, path, &operator).await, 403, "{path}");
    }
    assert_eq!(status(&api, OF_ACME, &operator).await, 403, "an operator of no tenant sees none");
}

#[tokio::test]
async fn every_error_is_a_problem_and_every_answer_has_its_head() {
    let api = api("{}");
    let large = Request::post(format!("{OF_ACME}/replay"))
        .header(header::AUTHORIZATION, format!("Bearer {API_KEY}"))
        .body(Body::from(vec![b' '; 3 << 20]))
        .unwrap();
    let mut answers = vec![(413, api.clone().oneshot(large).await.unwrap())];
    for (expected, method, path, credential) in [
        (401, Method::GET, OF_ACME, ""),
        (403, Method::GET, "/metrics", API_KEY),
        (404, Method::GET, "/nowhere", ""),
        (405, Method::DELETE, OF_ACME, API_KEY),
        (400, Method::GET, "/v1/tenants/acme/dead-letters?x=1", API_KEY),
        (503, Method::GET, OF_ACME, API_KEY),
    ] {
        answers.push((expected, ask(&api, method, path, credential).await));
    }
    for (expected, answer) in answers {
        let head = answer.headers().clone();
        assert_eq!(answer.status(), expected);
        assert_eq!(head[header::CONTENT_TYPE], "application/problem+json", "{expected}");
        assert_eq!(head.contains_key(header::WWW_AUTHENTICATE), matches!(expected, 401 | 403), "{expected}");
        assert_eq!(head[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(head["x-request-id"].len(), 36);
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], expected);
        assert!(problem["detail"].is_string() && problem["title"].is_string() && problem["code"].is_string());
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let api = api("{tenant_per_second: 2}");
    assert_eq!(status(&api, OF_ACME, API_KEY).await, 503);
    assert_eq!(status(&api, OF_ACME, API_KEY).await, 503);
    let answer = ask(&api, Method::GET, OF_ACME, API_KEY).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[header::RETRY_AFTER]),
        (429, &"1".parse().unwrap())
    );
}

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;

fn any_port() -> Monitoring {
    Monitoring { port: 0, ..Monitoring::default() }
}

/// Asks without a client library: status line and body.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn serves_health_readiness_and_metrics_until_shutdown() {
    let readiness = Readiness::new();
    let part = readiness.part("clickhouse");
    let server = Server::bind(&any_port(), Metrics::new().unwrap(), readiness).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));

    let unready = |reason: &str| {
        ("HTTP/1.1 503 Service Unavailable".to_owned(), json!({"status": "unready", "reason": reason}))
    };
    let parsed = |(status, body): (String, String)| -> (String, serde_json::Value) {
        (status, serde_json::from_str(&body).unwrap())
    };
    let ok = ("HTTP/1.1 200 OK".to_owned(), json!({"status": "ok"}));
    assert_eq!(parsed(get(address, "/healthz").await), ok);
    assert_eq!(parsed(get(address, "/readyz").await), unready("starting"));
    part.unready("no answer");
    assert_eq!(parsed(get(address, "/readyz").await), unready("clickhouse: no answer"));
    assert!(get(address, "/metrics").await.1.contains("voc_pipeline_ready 0"));
    part.ready();
    assert_eq!(parsed(get(address, "/readyz").await), ok);
    assert!(get(address, "/metrics").await.1.contains("voc_pipeline_ready 1"));

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_setting() {
    let first = Server::bind(&any_port(), Metrics::new().unwrap(), Readiness::new()).await.unwrap();
    let port = first.address().port();
    let config = Monitoring { port, ..Monitoring::default() };
    let error =
        Server::bind(&config, Metrics::new().unwrap(), Readiness::new()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.contains("monitoring.port"), "{error}");
}

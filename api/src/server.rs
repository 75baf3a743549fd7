//! The listening socket, from bind to drain.

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Api;

/// How long requests in flight may take after a signal to stop: longer than any query.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// Says to a request that is answered for long that the server stops; beside each request.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port} (api.host, and api.port or HTTP_PORT): {cause}")]
    Bind {
        /// Host as configured.
        host: String,
        /// Port as configured.
        port: u16,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Everybody who reaches the address could read every tenant.
    #[error(
        "api.access.mode is open (its default), and api.host {host} is not a loopback address: everybody could \
         read every tenant; set api.access.mode: credentials, or api.host: 127.0.0.1"
    )]
    OpenToOthers {
        /// Host as configured.
        host: String,
    },
    /// The system refuses signals or sockets.
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT, then lets requests in flight end.
///
/// # Errors
/// The port is taken, or the system refuses what a server needs.
pub async fn run(config: &Api, router: Router) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = bind(config).await?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");

    let stop = CancellationToken::new();
    let router = router.layer(Extension(Stopping(stop.clone())));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let drain_limit = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        served = serving => served?,
        () = drain_limit => tracing::warn!(seconds = DRAIN_LIMIT.as_secs(), "stopped with requests in flight"),
    }
    tracing::info!("stopped");
    Ok(())
}

async fn bind(config: &Api) -> Result<TcpListener, Error> {
    let host = || config.host.clone();
    let unbound = |cause| Error::Bind { host: host(), port: config.port, cause };
    let found = tokio::net::lookup_host((config.host.as_str(), config.port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(unbound)?.collect();
    // Of the addresses themselves: what a name says is no promise.
    if config.access.open && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(Error::OpenToOthers { host: host() });
    }
    TcpListener::bind(addresses.as_slice()).await.map_err(unbound)
}

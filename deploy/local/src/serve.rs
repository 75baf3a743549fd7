//! The life of the process: the folder's lock, the engine, the socket, the end.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Args;
use crate::engine::Engine;
use crate::lanes::Lanes;
use crate::library::LoadError;
use crate::registry::Registry;
use crate::repair;
use crate::server::router;
use crate::session::Sessions;
use crate::shared::Shared;

/// How many requests may run or wait at a time; more are refused.
const MAX_REQUESTS: usize = 256;
/// How long a shutdown waits for requests that are running.
const DRAIN: Duration = Duration::from_secs(10);
/// How long it then waits for those that it cancelled.
const CANCEL: Duration = Duration::from_secs(2);
/// The file whose lock says that the folder is in use. The lock goes with its process, however that
/// ends, so the file may stay.
const LOCK: &str = "voc-clickhouse-local.lock";

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("--host {0} is reachable from other machines: set CLICKHOUSE_PASSWORD, or use 127.0.0.1")]
    OpenToAll(IpAddr),
    #[error("cannot use the folder {path} (--path): {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the folder {0} (--path) is in use by another voc-clickhouse-local")]
    InUse(PathBuf),
    #[error(transparent)]
    Engine(#[from] LoadError),
    #[error("cannot listen on {address} (--host, --port): {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start: the reason names the option to change.
pub(crate) fn serve(args: &Args, password: String) -> Result<(), ServeError> {
    if password.is_empty() && !args.host.is_loopback() {
        return Err(ServeError::OpenToAll(args.host));
    }
    let (path, _lock) = take_folder(&args.path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A request holds one thread while it runs or waits; killing takes some more.
        .max_blocking_threads(MAX_REQUESTS * 2)
        .build()?;
    runtime.block_on(async {
        // The port comes first: it is the quicker to tell that it is taken.
        let address = SocketAddr::new(args.host, args.port);
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let repaired = repair::forget_lost_blocks(&path);
        let forgotten = repaired.map_err(|source| ServeError::Folder { path: path.clone(), source })?;
        if forgotten > 0 {
            tracing::warn!(
                forgotten,
                "the engine was killed: forgot insert tokens of rows that were not stored"
            );
        }
        let engine = Arc::new(Engine::start(&args.library, &path)?);
        tracing::info!(version = engine.version, path = %path.display(), "engine started");
        let server = Arc::new(Shared {
            engine,
            lanes: Lanes::new(args.connections.into()),
            registry: Registry::new(MAX_REQUESTS),
            sessions: Sessions::default(),
            user: args.user.clone(),
            password,
        });
        let mut out = std::io::stdout();
        writeln!(out, "listening on http://{address}").and_then(|()| out.flush())?;
        run(listener, server).await
    })?;
    // What still runs in the engine could only be waited for without end.
    runtime.shutdown_timeout(CANCEL);
    tracing::info!("stopped");
    Ok(())
}

/// Serves until a signal, then lets requests finish, then cancels what is left.
async fn run(listener: TcpListener, server: Arc<Shared>) -> Result<(), ServeError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let serving = axum::serve(listener, router(Arc::clone(&server))).with_graceful_shutdown(stopped);
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut serving => return ended.map_err(std::io::Error::other)?.map_err(ServeError::Io),
    }
    tracing::info!(running = server.registry.all().len(), "stopping");
    stop.cancel();
    if tokio::time::timeout(DRAIN, &mut serving).await.is_err() {
        let left = server.registry.all();
        tracing::warn!(running = left.len(), "cancelling what has not finished");
        for running in &left {
            running.cancel(&server.engine);
        }
        // Either way the process ends now.
        let _ = tokio::time::timeout(CANCEL, &mut serving).await;
        serving.abort();
    }
    server.sessions.clear();
    Ok(())
}

/// Makes the folder if need be, and takes its lock for as long as the file lives.
fn take_folder(path: &Path) -> Result<(PathBuf, File), ServeError> {
    let folder = |source| ServeError::Folder { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(folder)?;
    let path = path.canonicalize().map_err(folder)?;
    let lock = File::create(path.join(LOCK)).map_err(folder)?;
    match lock.try_lock() {
        Ok(()) => Ok((path, lock)),
        Err(TryLockError::WouldBlock) => Err(ServeError::InUse(path)),
        Err(TryLockError::Error(source)) => Err(folder(source)),
    }
}

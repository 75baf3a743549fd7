//! What lies on this machine: files, the port, the SmartModule that runs in process.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Finding, within};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::monitoring::{Error, Readiness, Server};
use crate::transform::Transform;

/// The input file: there, and readable.
pub(super) fn input(path: &Path) -> Finding {
    let looked = File::open(path).and_then(|file| file.metadata()).map_err(|error| error.to_string());
    let looked = looked.and_then(|found| {
        if found.is_dir() {
            return Err("is a folder, not a file".to_owned());
        }
        Ok(format!("can be read, {} bytes", found.len()))
    });
    Finding::of(format!("file {}", path.display()), looked)
}

/// The file for records that do not fit into Fluvio: it, or its folder, can be written.
pub(super) fn set_aside(path: &Path) -> Finding {
    let looked = if path.exists() {
        OpenOptions::new().append(true).open(path).map(|_| "can be written".to_owned())
    } else {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let looked = std::fs::metadata(folder).and_then(|found| {
            if !found.is_dir() {
                return Err(std::io::ErrorKind::NotADirectory.into());
            }
            Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
        });
        looked.map(|()| "can be made when it is needed".to_owned())
    };
    let place = format!("mirror.set_aside {}", path.display());
    Finding::of(place, looked.map_err(|error| error.to_string()))
}

/// The SmartModule's file, in the engine, with its params.
pub(super) async fn smartmodule(config: &Config) -> Finding {
    let (wasm, with) = (config.smartmodule.wasm.clone(), config.transform.with.clone());
    let start = tokio::task::spawn_blocking(move || {
        Transform::start(&wasm, &with).map(|_| ()).map_err(|error| error.to_string())
    });
    let started = within(async { start.await.map_err(|error| error.to_string())? }).await;
    let place = format!("smartmodule {}", config.smartmodule.wasm.display());
    Finding::of(place, started.map(|()| "starts in process with its params".to_owned()))
}

/// The address of the connector's own HTTP surface: free, while no connector runs.
pub(super) async fn monitoring(config: &Config) -> Finding {
    let address = &config.monitoring;
    let place = format!("monitoring {}:{}", address.host, address.port);
    let bound = within(async {
        let metrics = Metrics::new().map_err(|error| error.to_string())?;
        let bound = Server::bind(address, metrics, Readiness::new()).await;
        bound.map_err(|error| match error {
            Error::Bind { source, .. } => format!("{source}; set monitoring.port to a free port"),
            error @ Error::Serve(_) => error.to_string(),
        })
    });
    Finding::of(place, bound.await.map(|_| "can be listened on".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_at_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(!input(&file).is_ok);
        assert!(!input(folder.path()).is_ok);
        assert!(set_aside(&file).is_ok);
        assert!(!file.exists());
        std::fs::write(&file, "x\n").unwrap();
        assert_eq!(input(&file).text, "can be read, 2 bytes");
        assert!(set_aside(&file).is_ok);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
        assert!(!set_aside(&folder.path().join("absent/file")).is_ok);
        assert!(!set_aside(&file.join("file")).is_ok);
        assert!(set_aside(Path::new("no-such-file.ndjson")).is_ok);
    }
}

//! Fluvio's own programs, as its installer leaves them. They are looked for and not fetched: Fluvio is the
//! user's choice, and its installer is no package registry.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace::{is_file, on_path};

/// Overrides the folder of the programs.
pub(crate) const VARIABLE: &str = "VOC_FLUVIO_BIN";

/// How to have them, for whoever has not.
pub(crate) const TO_GET: &str = "curl -fsS https://hub.infinyon.cloud/install/install.sh | bash, or VOC_FLUVIO_BIN=/path/to/folder with fluvio and fluvio-run";

const PROGRAMS: [&str; 2] = ["fluvio", "fluvio-run"];

/// The folder that has both the command line tool and the cluster.
pub(crate) fn find() -> Result<PathBuf> {
    let has_both = |folder: &PathBuf| PROGRAMS.iter().all(|program| is_file(&folder.join(program)));
    if let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if !has_both(&folder) {
            bail!("{VARIABLE} names {}, which has no {}", folder.display(), PROGRAMS.join(" and "));
        }
        // The tests run in another folder than this command.
        return Ok(std::path::absolute(folder)?);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    // Where Fluvio's version manager puts the version in use, and where it keeps the stable one.
    let installed =
        home.iter().flat_map(|home| [".fluvio/bin", ".fvm/versions/stable"].map(|path| home.join(path)));
    let on_path = on_path(PROGRAMS[1]).and_then(|program| Some(program.parent()?.to_owned()));
    installed
        .chain(on_path)
        .find(has_both)
        .with_context(|| format!("{} are not found", PROGRAMS.join(" and ")))
}

//! The folder of one demo: settings and script of its worker, logs, and what its jobs make.

use std::fs::{self, DirBuilder};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::language::Language;

/// The settings file that the folder holds.
pub(crate) const SETTINGS: &str = "backstay.toml";

/// Makes a new folder that only this user can read.
pub(crate) fn make() -> Result<PathBuf> {
    let id = std::process::id();
    for n in 0..100 {
        let name =
            if n == 0 { format!("backstay-demo-{id}") } else { format!("backstay-demo-{id}-{n}") };
        let path = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::other("a hundred older folders are in the way"))
}

/// Writes the script and the settings of the shop's worker.
pub(crate) fn fill(folder: &Path, language: Language, sink: &str, secret: &str) -> Result<()> {
    fs::write(folder.join(language.script), language.text)?;
    let settings = format!(
        "# The worker of the shop. Its other queues and kinds are declared in its code.\n\
         environment = \"demo\"\n\n\
         [kinds.receipt]\n\
         queue = \"receipts\"\n\
         command = [\"{}\", \"{}\"]\n\n\
         [alerts]\n\
         # The demo's own sink is on this machine and speaks no TLS.\n\
         allow_networks = [\"127.0.0.0/8\"]\n\n\
         [alerts.channels]\n\
         desk = {{ webhook = \"http://{sink}/alerts\", secret = \"{secret}\" }}\n\n\
         [[alerts.routes]]\n\
         to = [\"desk\"]\n",
        language.program, language.script
    );
    fs::write(folder.join(SETTINGS), settings)
}

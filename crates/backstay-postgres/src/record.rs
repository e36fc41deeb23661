//! `cluster.json`: all that the next process has to know of a private cluster, secret included.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ObtainError;
use crate::identity::Identity;
use crate::locate::Programs;
use crate::options::{Durability, USER};
use crate::place;
use crate::process::{Process, effective_uid};

/// The layout of the file; another number is another release's, and is left alone.
const FORMAT: u32 = 1;

/// The file is some 700 bytes; what is longer is not ours.
const FILE_BYTES: u64 = 64 * 1024;

/// What is known of a cluster. Readable by its owner alone: it holds the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) major: u32,
    pub(crate) version: String,
    pub(crate) bin: PathBuf,
    pub(crate) libraries: Option<PathBuf>,
    pub(crate) source: String,
    pub(crate) identity: Identity,
    pub(crate) durability: Durability,
    pub(crate) password: String,
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: Option<u16>,
    pub(crate) server: Option<Process>,
    pub(crate) keeper: Option<i32>,
    /// For people and for programs that read the file; we make it from the parts.
    pub(crate) url: Option<String>,
}

impl Record {
    pub(crate) fn new(
        programs: &Programs,
        identity: &Identity,
        durability: Durability,
        home: &Path,
    ) -> Result<Record, ObtainError> {
        Ok(Record {
            format: FORMAT,
            major: programs.major,
            version: programs.version.clone(),
            bin: programs.bin.clone(),
            libraries: programs.libraries.clone(),
            source: programs.source.clone(),
            identity: identity.clone(),
            durability,
            password: random_word()?,
            socket_dir: place::socket_dir(home, identity.is_dropped()),
            port: None,
            server: None,
            keeper: None,
            url: None,
        })
    }

    /// The record in this home; `None` if there is none.
    pub(crate) fn read(home: &Path) -> Result<Option<Record>, ObtainError> {
        let path = path(home);
        let file = match place::private_file().read(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ObtainError::place(&path, error.to_string())),
        };
        check(&file, &path)?;
        let mut text = String::new();
        file.take(FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| ObtainError::place(&path, error.to_string()))?;
        parse(&text).map(Some).map_err(|why| ObtainError::place(&path, why))
    }

    /// Writes the record in one step: a reader sees the old one or the new one.
    pub(crate) fn write(&mut self, home: &Path) -> Result<(), ObtainError> {
        self.url = self.port.map(|_| self.url("postgres"));
        let path = path(home);
        let text = serde_json::to_string_pretty(self).expect("the record has no odd keys");
        let next = home.join("cluster.json.new");
        let written = write_new(&next, text.as_bytes()).and_then(|()| fs::rename(&next, &path));
        written.map_err(|error| ObtainError::place(&path, error.to_string()))
    }

    /// The address over TCP, which every driver of every language reads alike.
    pub(crate) fn url(&self, database: &str) -> String {
        let port = self.port.unwrap_or_default();
        format!("postgres://{USER}:{}@127.0.0.1:{port}/{database}", self.password)
    }

    /// The socket file of the running server.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        Some(self.socket_dir.join(format!(".s.PGSQL.{}", self.port?)))
    }

    pub(crate) fn programs(&self) -> Programs {
        Programs {
            bin: self.bin.clone(),
            major: self.major,
            version: self.version.clone(),
            libraries: self.libraries.clone(),
            source: self.source.clone(),
        }
    }
}

impl fmt::Debug for Record {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("version", &self.version)
            .field("bin", &self.bin)
            .field("identity", &self.identity)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn path(home: &Path) -> PathBuf {
    home.join("cluster.json")
}

/// Makes a private file anew; a leftover of an interrupted write is replaced.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    place::private_file().write(true).create_new(true).open(path)?.write_all(bytes)
}

/// A file that others may have written can send us, and our password, anywhere.
fn check(file: &File, path: &Path) -> Result<(), ObtainError> {
    let found = file.metadata().map_err(|error| ObtainError::place(path, error.to_string()))?;
    if found.uid() != effective_uid() {
        return Err(ObtainError::place(path, format!("belongs to uid {}", found.uid())));
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Err(ObtainError::place(path, "is open to other users".to_owned()));
    }
    Ok(())
}

fn parse(text: &str) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_str(text).map_err(|error| format!("unreadable: {error}"))?;
    if head.format != FORMAT {
        return Err(format!("layout {}, this release reads layout {FORMAT}", head.format));
    }
    serde_json::from_str(text).map_err(|error| format!("unreadable: {error}"))
}

/// 128 random bits in hex.
pub(crate) fn random_word() -> Result<String, ObtainError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| ObtainError::place(path, error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sample() -> Record {
        let programs = Programs {
            bin: PathBuf::from("/usr/lib/postgresql/15/bin"),
            major: 15,
            version: "15.18".to_owned(),
            libraries: None,
            source: "installed".to_owned(),
        };
        let identity = Identity::Drop { user: "postgres".to_owned(), uid: 101, gid: 104 };
        Record::new(&programs, &identity, Durability::Durable, Path::new("/x")).unwrap()
    }

    fn scratch(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("backstay-record-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn what_was_written_is_read_again_and_is_private() {
        let home = scratch("roundtrip");
        let mut record = sample();
        record.port = Some(5433);
        record.write(&home).unwrap();
        assert!(Record::read(&home).unwrap() == Some(record.clone()));
        let mode = fs::metadata(path(&home)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(
            record.url.unwrap(),
            format!("postgres://backstay:{}@127.0.0.1:5433/postgres", record.password)
        );
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn no_record_is_no_error() {
        let home = scratch("none");
        assert!(Record::read(&home).unwrap().is_none());
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_record_that_is_a_link_or_open_to_others_is_refused() {
        let home = scratch("refused");
        symlink("/etc/hostname", path(&home)).unwrap();
        assert!(Record::read(&home).is_err());
        fs::remove_file(path(&home)).unwrap();
        sample().write(&home).unwrap();
        fs::set_permissions(path(&home), fs::Permissions::from_mode(0o644)).unwrap();
        let error = Record::read(&home).err().unwrap();
        assert!(error.to_string().contains("open to other users"), "{error}");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_record_of_another_layout_or_cut_in_the_middle_is_refused_with_the_reason() {
        assert!(parse(r#"{"format": 2}"#).err().unwrap().contains("layout 2"));
        let text = serde_json::to_string(&sample()).unwrap();
        assert!(parse(&text[..text.len() / 2]).err().unwrap().contains("unreadable"));
    }

    #[test]
    fn passwords_differ() {
        assert_ne!(random_word().unwrap(), random_word().unwrap());
    }
}

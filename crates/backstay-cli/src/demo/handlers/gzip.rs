//! Compression by the program that every Debian has; without it the export stays plain, and its name says so.

use std::path::Path;
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::demo::language::on_path;
use crate::demo::sink::hex;

/// Whether `gzip` is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gzip {
    Here,
    Missing,
}

impl Gzip {
    pub(crate) fn find() -> Gzip {
        if on_path("gzip") { Gzip::Here } else { Gzip::Missing }
    }

    /// One whole gzip member, or the text itself.
    pub(crate) async fn compress(self, text: Vec<u8>) -> std::io::Result<Vec<u8>> {
        if self == Gzip::Missing {
            return Ok(text);
        }
        let mut child = Command::new("gzip")
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().expect("asked for above");
        // Both pipes at once: gzip stops reading when nobody takes what it writes.
        let write = async move {
            stdin.write_all(&text).await?;
            stdin.shutdown().await
        };
        let (written, output) = tokio::join!(write, child.wait_with_output());
        written?;
        let output = output?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(std::io::Error::other(format!("gzip ended with {}", output.status)))
        }
    }
}

/// The name of a file in this form.
pub(crate) fn name(plain: &str, way: Gzip) -> String {
    match way {
        Gzip::Here => format!("{plain}.gz"),
        Gzip::Missing => plain.to_owned(),
    }
}

/// Counts the lines of a file and sums its contents, unpacked if it is packed: lines, SHA-256.
pub(crate) async fn sum(path: &Path) -> std::io::Result<(i64, String)> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return sum_of(tokio::fs::File::open(path).await?).await;
    }
    let mut child = Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let summed = sum_of(child.stdout.take().expect("asked for above")).await?;
    if child.wait().await?.success() {
        Ok(summed)
    } else {
        Err(std::io::Error::other("gzip says that the file is broken"))
    }
}

async fn sum_of(mut from: impl AsyncRead + Unpin) -> std::io::Result<(i64, String)> {
    let (mut some, mut lines, mut sha) = (vec![0; 64 * 1024], 0, Sha256::new());
    loop {
        let n = from.read(&mut some).await?;
        if n == 0 {
            return Ok((lines, hex(&sha.finalize())));
        }
        lines += some[..n].iter().filter(|byte| **byte == b'\n').count() as i64;
        sha.update(&some[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn members_behind_each_other_are_one_file_of_all_their_lines() {
        let dir = std::env::temp_dir().join(format!("backstay-gzip-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let way = Gzip::find();
        let path = dir.join(name("x.csv", way));
        let mut bytes = way.compress(b"a\nb\n".to_vec()).await.unwrap();
        bytes.extend(way.compress(b"c\n".to_vec()).await.unwrap());
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(sum(&path).await.unwrap(), (3, hex(&Sha256::digest(b"a\nb\nc\n"))));
        std::fs::remove_dir_all(dir).unwrap();
    }
}

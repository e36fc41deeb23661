//! The bulk export: all order lines in parts, each a whole gzip member, with a checkpoint behind each part.
//!
//! gzip files may be put one behind the other, so an export that was killed goes on where its last checkpoint stands.

use std::path::Path;

use backstay::{Ctx, Fail, State};
use serde::{Deserialize, Serialize};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::Shop;
use super::gzip::{self, Gzip};
use crate::demo::kinds::Export;

/// Lines of one part: some 1.5 MB of text.
const PART: i64 = 20_000;

const LINES: &str = "
select count(*), max(id), string_agg(line, '' order by id)
  from (select id, line from shop.export_lines where id > $1 and id <= $2 order by id limit $3) part";

/// How far an export is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Reached {
    last: i64,
    lines: i64,
    bytes: u64,
}

/// What became of an export.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    file: String,
    lines: i64,
    bytes: u64,
    /// Where this attempt took over from an earlier one.
    resumed_at: i64,
}

pub(crate) async fn export(job: Export, ctx: Ctx, State(shop): State<Shop>) -> Result<Done, Fail> {
    let way = Gzip::find();
    let name = gzip::name("export.csv", way);
    let part = shop.folder.join(format!("{name}.part"));
    let mut reached: Reached = ctx.restored().unwrap_or_default();
    let resumed_at = reached.lines;
    let mut file = open_at(&part, reached.bytes).await?;
    let client = shop.client().await?;
    while reached.last < job.until {
        if ctx.is_draining() {
            return Err(Fail::interrupted());
        }
        let row = client.query_one(LINES, &[&reached.last, &job.until, &PART]).await?;
        let (lines, last, text): (i64, Option<i64>, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        let (Some(last), Some(text)) = (last, text) else { break };
        let bytes = way.compress(text.into_bytes()).await?;
        file.write_all(&bytes).await?;
        // The checkpoint must not promise more than the disk holds.
        file.sync_data().await?;
        reached = Reached {
            last,
            lines: reached.lines + lines,
            bytes: reached.bytes + bytes.len() as u64,
        };
        ctx.checkpoint(&reached).await?;
        ctx.progress(
            reached.last as f32 * 100.0 / job.until as f32,
            format!("{} lines", reached.lines),
        );
    }
    tokio::fs::rename(&part, shop.folder.join(&name)).await?;
    Ok(Done { file: name, lines: reached.lines, bytes: reached.bytes, resumed_at })
}

/// Opens the file, cuts off what a killed attempt wrote behind its last checkpoint, and stands at the end.
async fn open_at(path: &Path, bytes: u64) -> Result<File, Fail> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path).await?;
    file.set_len(bytes).await?;
    tokio::io::AsyncSeekExt::seek(&mut file, std::io::SeekFrom::Start(bytes)).await?;
    Ok(file)
}

//! What one job prints, as it prints it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use backstay::inspect::{self, OutputPart};
use backstay::{Database, StoreError};

use super::stream::{Sender, open};
use super::{BEAT, Live, place};
use crate::problem::Problem;

/// How often is looked for more.
const LOOK: Duration = Duration::from_secs(1);
/// The wish to see it is renewed, for a worker stores output at once only where somebody looks.
const WISH: Duration = Duration::from_secs(10);

/// Which output of which job.
pub(crate) struct Followed {
    pub(crate) job: i64,
    pub(crate) attempt: Option<i32>,
    pub(crate) streams: Vec<String>,
    /// Attempt and part that were seen last; zeros for all of it.
    pub(crate) after: (i32, i32),
}

/// A stream of what a job prints, until it has ended.
pub(crate) fn follow(
    live: &Arc<Live>,
    database: &Database,
    followed: Followed,
) -> Result<Response, Problem> {
    let (mut sender, response) = open(place(&live.followed)?);
    let (stop, database) = (live.stop.clone(), database.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            // A database that does not answer ends the stream; the client comes back with the place where it was.
            _ended = pass_on(&database, followed, &mut sender) => {}
        }
    });
    Ok(response)
}

async fn pass_on(
    database: &Database,
    mut followed: Followed,
    sender: &mut Sender,
) -> Result<(), StoreError> {
    let (mut wished, mut spoken) = (None::<Instant>, Instant::now());
    let mut lives = true;
    loop {
        if wished.is_none_or(|at| at.elapsed() > WISH) {
            lives = inspect::follow(database, followed.job).await?;
            wished = Some(Instant::now());
        }
        let parts =
            inspect::output(database, followed.job, followed.after, followed.attempt).await?;
        let is_more = !parts.is_empty();
        for part in parts {
            followed.after = (part.attempt, part.part);
            if part.last {
                // It may have ended with this attempt, which is seen at once.
                wished = None;
            }
            if !sender.send(text(&followed, &part)).await {
                return Ok(());
            }
            spoken = Instant::now();
        }
        if !lives && !is_more {
            sender.send("event: end\ndata: {}\n\n".into()).await;
            return Ok(());
        }
        if spoken.elapsed() > BEAT {
            spoken = Instant::now();
            if !sender.send(": still here\n\n".into()).await {
                return Ok(());
            }
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            () = tokio::time::sleep(if is_more { Duration::ZERO } else { LOOK }) => {}
        }
    }
}

/// A part as events, a line each; the last has the place where it goes on.
fn text(followed: &Followed, part: &OutputPart) -> String {
    let wanted = |stream: &str| {
        followed.streams.is_empty() || followed.streams.iter().any(|one| one == stream)
    };
    let mut text = String::new();
    for line in part.lines.iter().filter(|line| wanted(line.stream.as_str())) {
        let json = serde_json::to_string(line).unwrap_or_else(|_| "{}".into());
        text += &format!("event: job.output\ndata: {json}\n\n");
    }
    text += &format!("id: {}.{}\n\n", part.attempt, part.part);
    text
}

//! `backstay dead revive`, `discard`, `restore`, `acknowledge`, `own`, `mute`.

use backstay::inspect::{self, JobFilter};
use backstay::operate::{self, Letters, Pace, Revive};
use backstay::unit::format_duration;

use super::super::connect::of_store;
use super::super::desk::{Desk, both_named, count, nothing_named};
use super::{none_fit, replay, tell};
use crate::args::{AcknowledgeArgs, LettersArgs, MuteArgs, OwnArgs, ReviveArgs};
use crate::failure::{Exit, Failure};

/// What was meant: ids, and the filter that found them.
struct Meant {
    ids: Vec<i64>,
    filter: JobFilter,
}

async fn meant(desk: &Desk<'_>, args: &LettersArgs, discarded: bool) -> Result<Meant, Failure> {
    let mut filter = args.filter.read()?;
    filter.fingerprint.clone_from(&args.fingerprint);
    match (args.ids.is_empty(), filter.is_empty()) {
        (true, true) => return Err(nothing_named()),
        (false, false) => return Err(both_named()),
        (false, true) => return Ok(Meant { ids: args.ids.clone(), filter }),
        (true, false) => {}
    }
    let found = inspect::dead_letter_ids(&desk.database, &filter, discarded).await;
    let (ids, groups) = found.map_err(|error| of_store(&error))?;
    if !ids.is_empty() {
        let what = format!("{} in {}", count(ids.len(), "job"), count(groups, "group"));
        desk.confirm(ids.len(), &what, args.many.expect)?;
    }
    Ok(Meant { ids, filter })
}

pub(crate) async fn revive(desk: &Desk<'_>, args: &ReviveArgs) -> Result<Exit, Failure> {
    let is_paced = args.first.is_some() || args.rate.is_some() || args.stop_at.is_some();
    let is_replay = args.which.ids.is_empty() || is_paced;
    if is_replay && (args.args.is_some() || args.without_unique) {
        return Err(Failure::new("BS102", "--args and --without-unique are for jobs named by id")
            .hint("backstay dead revive ID --args '{...}'")
            .exit(Exit::Usage));
    }
    let args_text = args.args.as_deref().map(super::super::enqueue::read_args).transpose()?;
    if args_text.is_some() && args.which.ids.len() > 1 {
        return Err(Failure::new("BS102", "--args is for one job").exit(Exit::Usage));
    }
    let Meant { ids, filter } = meant(desk, &args.which, false).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    if is_replay {
        let letters = Letters::of(&filter, &ids);
        let pace = Pace { first: args.first, rate: args.rate, stop_at: args.stop_at };
        return replay::begin(desk, &letters, pace).await;
    }
    let how = Revive { args: args_text, without_unique: args.without_unique };
    let done = operate::revive(&desk.database, &ids, &how, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let exit = tell(desk, &done, &format!("{} revived", many(done.count)));
    if done.skipped.iter().any(|skipped| skipped.code == "BS303") {
        desk.printer.note("to give up the key: --without-unique");
    }
    Ok(exit)
}

pub(crate) async fn discard(desk: &Desk<'_>, args: &LettersArgs) -> Result<Exit, Failure> {
    let Meant { ids, .. } = meant(desk, args, false).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let reason = desk.need_reason()?;
    let done = operate::discard(&desk.database, &ids, &reason).await;
    let done = done.map_err(|error| of_store(&error))?;
    let again = "for 7 days they come back by: backstay dead restore";
    Ok(tell(desk, &done, &format!("{} discarded; {again}", many(done.count))))
}

pub(crate) async fn restore(desk: &Desk<'_>, args: &LettersArgs) -> Result<Exit, Failure> {
    let Meant { ids, .. } = meant(desk, args, true).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let done = operate::restore(&desk.database, &ids, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    Ok(tell(desk, &done, &format!("{} restored", many(done.count))))
}

pub(crate) async fn acknowledge(desk: &Desk<'_>, args: &AcknowledgeArgs) -> Result<Exit, Failure> {
    let note = args.note.as_deref();
    let done = operate::acknowledge(&desk.database, &args.group, note, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let sentence = format!("{} acknowledged; a further death opens it again", args.group);
    Ok(tell(desk, &done, &sentence))
}

pub(crate) async fn own(desk: &Desk<'_>, args: &OwnArgs) -> Result<Exit, Failure> {
    let (group, owner) = (&args.group, args.owner.as_deref());
    let done = operate::own(&desk.database, group, owner, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let sentence = match owner {
        Some(owner) => format!("{owner} looks after {group}, also when it opens again"),
        None => format!("nobody looks after {group} any more"),
    };
    Ok(tell(desk, &done, &sentence))
}

pub(crate) async fn mute(desk: &Desk<'_>, args: &MuteArgs) -> Result<Exit, Failure> {
    let done = operate::mute(&desk.database, &args.group, args.for_in, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let span = format_duration(args.for_in);
    Ok(tell(desk, &done, &format!("{} muted for {span}; deaths are still counted", args.group)))
}

fn many(n: u64) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), "job")
}

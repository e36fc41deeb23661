//! All figures as JSON, for programs and for comparing one release with the next.

use serde_json::{Map, Value, json};

use crate::figures::Run;

pub(crate) fn whole(run: &Run) -> String {
    let pairs = |pairs: &[(String, String)]| -> Value {
        pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
    };
    let queues = run.subjects.iter().map(|subject| {
        json!({
            "name": subject.queue.name,
            "version": subject.queue.version,
            "mode": subject.mode,
            "settings": subject.settings,
            "keeps_completed": subject.queue.keeps,
        })
    });
    let rows = run.rows().into_iter().map(|row| {
        let values = row.values.iter().map(|(name, spread)| {
            let all =
                json!({ "median": spread.median, "least": spread.least, "most": spread.most });
            ((*name).to_owned(), all)
        });
        json!({
            "scenario": row.scenario,
            "queue": row.subject,
            "values": values.collect::<Map<_, _>>(),
            "failed": row.failed,
        })
    });
    let options = &run.options;
    let whole = json!({
        "machine": pairs(&run.machine),
        "server": pairs(&run.settings),
        "repeats": options.repeats,
        "jobs": options.jobs,
        "seconds": options.seconds,
        "queues": queues.collect::<Vec<_>>(),
        "skipped": run.skipped,
        "results": rows.collect::<Vec<_>>(),
    });
    format!("{whole:#}\n")
}

//! The trail: triggers of our own on every place of jobs, and what must hold of the moves that they saw.

use backstay::Options;

use crate::database::fresh;
use crate::place::Place;

/// What must hold at every moment, each by the rows that break it.
const RULES: &[(&str, &str)] = &[
    ("I17 attempts_grow", include_str!("../../sql/i17_attempts_grow.sql")),
    ("I18 left_by_owner_or_rescue", include_str!("../../sql/i18_left_by_owner_or_rescue.sql")),
    ("I19 the_end_is_the_end", include_str!("../../sql/i19_the_end_is_the_end.sql")),
    ("I20 born_together", include_str!("../../sql/i20_born_together.sql")),
    (
        "I21 dead_letters_leave_audited",
        include_str!("../../sql/i21_dead_letters_leave_audited.sql"),
    ),
];

/// Puts the triggers on; what happened before is not seen.
pub(crate) fn install(place: &Place) {
    place.run(include_str!("../../sql/trail.sql"));
}

/// What is broken, with up to twenty rows of each.
pub(crate) fn broken(place: &Place) -> Vec<String> {
    let rows = |(name, sql): &(&str, &str)| {
        let rows = place.texts(&format!("select to_json(t)::text from (\n{sql}\n) t limit 20"));
        rows.into_iter().map(|row| format!("{name}: {row}")).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(rows).collect()
}

/// Writes a row of the trail: place, move, attempt, session.
const MOVE: &str =
    "create function pg_temp.move(text, text, int, text) returns void language sql as $$
    insert into faults.trail (job_id, place, move, attempt, writer, worker_id)
    values (7, $1, $2, $3, $4, 'aaaaaaaa-0000-0000-0000-000000000000') $$";

/// For each rule something that breaks it and nothing else.
const BREACHES: &[(&str, &str)] = &[
    ("I17", "select move('running', 'enter', 1, 'x'); select move('running', 'enter', 3, 'x')"),
    ("I17", "select move('running', 'enter', 1, 'x'); select move('running', 'enter', 1, 'x')"),
    ("I18", "select move('running', 'leave', 1, 'backstay work bbbbbbbb settle')"),
    ("I18", "select move('running', 'leave', 1, 'backstay operate')"),
    ("I19", "select move('history', 'enter', 1, 'x'); select move('ready', 'enter', 1, 'x')"),
    ("I20", "select move('dead_letter', 'enter', 1, 'x')"),
    ("I21", "select move('dead_letter', 'leave', 1, 'x')"),
    // Not planted, but done: the triggers see it.
    ("I21", "delete from backstay.dead_letter"),
];

/// The trail sees what happens, and each rule fails where it is broken.
pub(crate) fn breaches() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    install(&place);
    let lived = place.add_one(1, "", Options::new());
    place.run(&format!("select backstay.bury({lived})"));
    place.run(&format!("select backstay.revive(array[{lived}])"));
    place.run(&format!("select backstay.cancel({lived})"));
    let died = place.add_one(2, "", Options::new());
    place.run(&format!("select backstay.bury({died})"));
    let moves = place.texts(&format!(
        "select move || ' ' || place from faults.trail where job_id = {lived} order by xid, move desc, place"
    ));
    let expected = [
        "enter ready",
        "leave ready",
        "enter alert",
        "enter dead_letter",
        "leave dead_letter",
        "enter ready",
        "leave ready",
        "enter history",
    ];
    assert_eq!(moves, expected);
    assert_eq!(broken(&place), Vec::<String>::new(), "an ordinary life breaks nothing");
    place.run(MOVE);
    for (rule, breach) in BREACHES {
        place.run("begin");
        place.run(&breach.replace("move(", "pg_temp.move("));
        let found = broken(&place);
        let is_it = !found.is_empty() && found.iter().all(|row| row.starts_with(rule));
        assert!(is_it, "{breach}: {found:?}");
        place.run("rollback");
    }
    let is_broken = |name: &str| BREACHES.iter().any(|(rule, _)| name.starts_with(rule));
    let forgotten: Vec<_> = RULES.iter().filter(|(name, _)| !is_broken(name)).collect();
    assert!(forgotten.is_empty(), "nothing breaks {forgotten:?}");
}

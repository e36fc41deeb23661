//! What somebody tries who has one of our roles and wants another's rights: shadowed names, foreign roles, foreign jobs.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::database::{connect, fresh};
use crate::rights::ROLES;

const TRAPS: &str = include_str!("../sql/traps.sql");

/// What only the owner may do with what was installed; each is refused to each role.
const OWNERS: [&str; 24] = [
    "set role backstay_owner",
    "set role backstay_migrator",
    "set local role backstay_owner",
    "grant backstay_owner to probe",
    "grant backstay_migrator to probe",
    "create role probe_too in role backstay_owner",
    "alter role probe createrole",
    "create table backstay.loot (n int)",
    "create function backstay.loot() returns int language sql as 'select 1'",
    "create or replace function backstay.abi() returns int language sql as 'select 1'",
    "alter function backstay.abi() owner to probe",
    "alter function backstay.abi() security invoker",
    "alter function backstay.enqueue(text, jsonb, jsonb) reset all",
    "drop function backstay.abi()",
    "truncate backstay.ready",
    "alter table backstay.job add column loot int",
    "alter table backstay.audit disable trigger all",
    "create trigger loot before insert on backstay.job for each row execute function suppress_redundant_updates_trigger()",
    "create rule loot as on insert to backstay.job do instead nothing",
    "create index loot on backstay.job (id)",
    "create or replace view backstay.jobs as select 1 as id",
    "alter schema backstay rename to loot",
    "alter default privileges for role backstay_owner grant all on tables to public",
    "set session_replication_role = replica",
];

/// Every door and view once, so that whatever they use inside is looked up.
const CALLS: [&str; 38] = [
    r#"select backstay.enqueue('report', '{"a": 1}', '{"queue": "q", "priority": "high", "tags": ["x"], "run_in": "1h"}')"#,
    r#"select backstay.enqueue('report', '{"a": 1}', '{"unique": {"key": "k"}, "max_retries": 3, "timeout": "30s", "meta": {"m": 1}}')"#,
    r#"select backstay.enqueue_many('[{"kind": "report", "args": {}}, {"kind": "mail", "args": {"n": [1]}}]', '{}')"#,
    r#"select backstay.enqueue_rows('report', array['{}', '{"a": 2}']::pg_catalog.jsonb[], '{}')"#,
    "select backstay.find('report', 'k')",
    "select backstay.show(WAITS)",
    "select backstay.show(DEAD)",
    "select backstay.tail(DEAD)",
    "select backstay.why(WAITS)",
    "select backstay.why_facts(DEAD)",
    "select backstay.contract('report')",
    "select backstay.abi()",
    "select backstay.clock()",
    "select backstay.wake()",
    r#"select backstay.redact('{"password": "x"}', array['/a'])"#,
    "select backstay.step_into(array['/a'], 'a')",
    "select backstay.assert_lease(WAITS, 1, '00000000-0000-0000-0000-000000000000')",
    "select backstay.progress(WAITS, 1, '00000000-0000-0000-0000-000000000000', 5, '{}')",
    "select backstay.checkpoint(WAITS, 1, '00000000-0000-0000-0000-000000000000', '{}')",
    "select backstay.complete(WAITS, 1, '00000000-0000-0000-0000-000000000000', '{}')",
    r#"select backstay.promote(WAITS, '{"reason": "r"}')"#,
    r#"select backstay.edit(WAITS, '{"priority": "low"}', '{"reason": "r"}')"#,
    r#"select backstay.reveal(array[WAITS]::pg_catalog.int8[], '{"reason": "r"}')"#,
    r#"select backstay.acknowledge('x', '{"reason": "r"}')"#,
    r#"select backstay.acknowledge_alert(1, '{"reason": "r"}')"#,
    r#"select backstay.own('x', 'ana', '{"reason": "r"}')"#,
    r#"select backstay.mute('x', '{"reason": "r", "for_in": "1h"}')"#,
    r#"select backstay.pause('queue', 'q', '{"reason": "r"}')"#,
    r#"select backstay.resume('queue', 'q', '{"reason": "r"}')"#,
    r#"select backstay.drain('00000000-0000-0000-0000-000000000000', '{"reason": "r"}')"#,
    r#"select backstay.revive(array[DEAD]::pg_catalog.int8[], '{"reason": "r"}')"#,
    r#"select backstay.discard(array[DEAD]::pg_catalog.int8[], '{"reason": "r"}')"#,
    r#"select backstay.replay('{"kind": "report"}', '{"reason": "r"}')"#,
    r#"select backstay.cancel(WAITS, '{"reason": "r"}')"#,
    r#"select backstay.bury(WAITS, '{"reason": "r"}')"#,
    "select backstay.make_partitions()",
    "select backstay.drop_partitions('attempt', '1 day')",
    "select backstay.drop_partitions('attempt; drop table backstay.job', '1 day')",
];

/// A transaction, given up at the end, in which a login `probe` has one role; and a job that waits and one that is dead.
async fn probe(client: &Client, role: &str) -> [String; 2] {
    let make = format!(
        "begin; create role probe login; grant {role} to probe; grant usage, create on schema public to probe;
         select backstay.enqueue('report', '{{}}', '{{\"run_in\": \"1h\"}}');
         select backstay.enqueue('report', '{{}}', '{{}}')"
    );
    client.batch_execute(&make).await.unwrap();
    let ids = "select array_agg(id::text order by id) from backstay.job";
    let ids: Vec<String> = client.query_one(ids, &[]).await.unwrap().get(0);
    let dead = &ids[1];
    let bury = format!("select backstay.bury({dead}, '{{\"reason\": \"no disk\"}}')");
    client.batch_execute(&bury).await.unwrap();
    [ids[0].clone(), ids[1].clone()]
}

async fn with_roles() -> Option<(Client, backstay_postgres::template::TestDatabase)> {
    let db = fresh()?;
    let client = connect(&db.url).await;
    let is_owned = "select exists (select from pg_roles where rolname = 'backstay_owner')";
    let with_roles: bool = client.query_one(is_owned, &[]).await.unwrap().get(0);
    if !with_roles {
        eprintln!("skipped: everything runs under one login here");
    }
    with_roles.then_some((client, db))
}

/// Runs a statement and takes back what it did; the code that it was refused with, or nothing.
async fn refusal(client: &Client, statement: &str) -> Option<String> {
    client.batch_execute("savepoint tried").await.unwrap();
    let ran = client.batch_execute(statement).await;
    client.batch_execute("rollback to tried; release tried").await.unwrap();
    ran.err().map(|error| code(&error))
}

fn code(error: &Error) -> String {
    error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
}

#[tokio::test]
async fn no_role_becomes_another_or_touches_what_the_owner_installed() {
    let Some((client, _db)) = with_roles().await else { return };
    for role in ROLES {
        probe(&client, role).await;
        client.batch_execute("set local session authorization probe").await.unwrap();
        for attack in OWNERS {
            let refused = refusal(&client, attack).await;
            assert_eq!(refused.as_deref(), Some("42501"), "{role}: {attack}");
        }
        for other in ROLES.into_iter().filter(|other| *other != role) {
            // By way of the role that it has, and without.
            for way in ["", "set local role backstay_enqueuer;", "reset role;"] {
                let refused = refusal(&client, &format!("{way} set local role {other}")).await;
                assert_eq!(refused.as_deref(), Some("42501"), "{role}: {way} {other}");
            }
        }
        client.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn whatever_a_caller_shadows_no_door_runs_it_with_more_rights() {
    let Some((_client, db)) = with_roles().await else { return };
    for role in ROLES {
        // On a connection of its own: what a session has planned outlives a transaction that is given up.
        let client = connect(&db.url).await;
        let [waits, dead] = probe(&client, role).await;
        client.batch_execute(TRAPS).await.unwrap();
        let relations = "select string_agg(format('create temp table %I (trap pg_catalog.int4)', relname), ';')
                           from pg_class where relnamespace = 'backstay'::regnamespace and relkind in ('r', 'p', 'v', 'S')";
        let shadows: String = client.query_one(relations, &[]).await.unwrap().get(0);
        let enter = format!(
            "set local session authorization probe; {shadows};
             set local search_path = pg_temp, evil, public, backstay, pg_catalog"
        );
        client.batch_execute(&enter).await.unwrap();
        let careless = refusal(&client, "select evil.careless()").await;
        assert_eq!(careless.as_deref(), Some("TR4PP"), "the traps catch who is careless");
        let mut ran = 0;
        for call in CALLS {
            let call = call.replace("WAITS", &waits).replace("DEAD", &dead);
            let refused = refusal(&client, &call).await;
            ran += usize::from(refused.is_none());
            assert_ne!(refused.as_deref(), Some("TR4PP"), "{role}: {call}");
            assert!(
                refused
                    .as_deref()
                    .is_none_or(|it| it == "42501" || it.starts_with("BS") || it == "22023"),
                "{role}: {call}: {refused:?}"
            );
        }
        let least = match role {
            "backstay_operator" => 20,
            "backstay_auditor" => 1,
            _ => 5,
        };
        assert!(ran >= least, "{role}: only {ran} calls did something");
        client.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn an_application_neither_sees_nor_stops_the_job_of_another() {
    let Some((client, _db)) = with_roles().await else { return };
    let [foreign, dead] = probe(&client, "backstay_enqueuer").await;
    client
        .batch_execute(
            "set local session authorization probe;
             select backstay.enqueue('report', '{}', '{\"unique\": {\"key\": \"mine\"}}')",
        )
        .await
        .unwrap();
    let own = first(&client, "select backstay.find('report', 'mine')").await.unwrap();
    assert!(first(&client, &format!("select backstay.show({own})")).await.is_some());
    for id in [&foreign, &dead] {
        assert_eq!(first(&client, &format!("select backstay.show({id})")).await, None);
    }
    let stopped = refusal(&client, &format!("select backstay.cancel({foreign}, '{{}}')")).await;
    let absent = refusal(&client, "select backstay.cancel(987654321, '{}')").await;
    assert_eq!(stopped, absent, "whether a job is foreign or not there cannot be told apart");
    client.batch_execute("reset session authorization").await.unwrap();
    let stands = format!("select count(*)::text from backstay.jobs where id = {foreign}");
    assert_eq!(first(&client, &stands).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_login_with_a_list_enqueues_what_stands_in_it_and_nothing_else() {
    let Some((client, _db)) = with_roles().await else { return };
    probe(&client, "backstay_enqueuer").await;
    let list = "insert into backstay.enqueue_grant (role, queue, kind)
                values ('probe', 'reports', 'report'), ('probe', null, 'mail'), ('other', null, null)";
    client.batch_execute(list).await.unwrap();
    let twice =
        refusal(&client, "insert into backstay.enqueue_grant values ('probe', null, 'mail')");
    assert_eq!(twice.await.as_deref(), Some("23505"));
    let one = "select backstay.enqueue('report', '{}', '{\"queue\": \"reports\"}')";
    assert_eq!(refusal(&client, one).await, None, "a login without a row may everything");
    client.batch_execute("set local session authorization probe").await.unwrap();
    for (call, code) in [
        (one, None),
        ("select backstay.enqueue('mail', '{}', '{}')", None),
        ("select backstay.enqueue('report', '{}', '{}')", Some("BS108")),
        ("select backstay.enqueue('other', '{}', '{\"queue\": \"reports\"}')", Some("BS108")),
        ("select backstay.enqueue_rows('other', array['{}']::jsonb[], '{}')", Some("BS108")),
        (
            r#"select backstay.enqueue_many('[{"kind": "mail"}, {"kind": "other"}]', '{}')"#,
            Some("BS108"),
        ),
        ("delete from backstay.enqueue_grant", Some("42501")),
        ("select * from backstay.enqueue_grant", Some("42501")),
    ] {
        assert_eq!(refusal(&client, call).await.as_deref(), code, "{call}");
    }
}

/// The first field of the first row, as text.
async fn first(client: &Client, query: &str) -> Option<String> {
    let rows = client.simple_query(query).await.unwrap();
    rows.into_iter().find_map(|row| match row {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    })?
}

/// Functions of ours that run with their owner's rights and are not closed as they must be, each with what is wrong.
const OPEN: &str = r"
with ours as (
  select p.*, lower(regexp_replace(p.prosrc, '--[^\n]*', '', 'g')) as body from pg_proc p where p.pronamespace = 'backstay'::regnamespace)
select proname || ': its search path is ' || coalesce(array_to_string(proconfig, ' '), 'the caller''s') from ours
 where prosecdef and not 'search_path=pg_catalog, backstay, pg_temp' = any(coalesce(proconfig, '{}'))
union all
select proname || ': PUBLIC may run it' from ours where has_function_privilege('public', oid, 'execute')
union all
select proname || ': belongs to ' || proowner::regrole from ours where prosecdef and proowner <> 'backstay_owner'::regrole
union all
select proname || ': its owner can log in' from ours where (select rolcanlogin from pg_roles r where r.oid = proowner)
union all
select format('%s: puts a statement together from texts', proname) from ours
 where body ~ '\mexecute\s' and proname not in ('make_partitions', 'drop_partitions')
union all
select distinct format('%s: `%s` without its schema', proname, m[2]) from ours,
  regexp_matches(body, '\m(from|join|update|insert into|delete from)\s+(\w+)\M(?!\.)', 'g') m
 where exists (select from pg_class c where c.relnamespace = 'backstay'::regnamespace and c.relname = m[2])
   and body !~ ('\m' || m[2] || '\s+as\s+(not )?(materialized )?\(')
union all
select distinct format('%s: `%s()` without its schema', proname, m[1]) from ours, regexp_matches(body, '(?<![.\w])(\w+)\(', 'g') m
 where exists (select from ours o where o.proname = m[1])
   and not exists (select from pg_proc c where c.pronamespace = 'pg_catalog'::regnamespace and c.proname = m[1])
   and body !~ ('\m' || m[1] || '\s+as\s+(not )?(materialized )?\(')
   and m[1] <> proname";

#[tokio::test]
async fn every_function_with_more_rights_is_closed() {
    let Some((client, _db)) = with_roles().await else { return };
    let rows = client.query(OPEN, &[]).await.unwrap();
    let open: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(open.is_empty(), "{}", open.join("\n"));
    let careless = "create function backstay.careless(a text) returns text language plpgsql security definer as
         $$ begin execute 'select ' || a; return (select hash(id) from job); end $$";
    client.batch_execute(&format!("begin; {careless}")).await.unwrap();
    let found = client.query(OPEN, &[]).await.unwrap();
    assert_eq!(found.len(), 7, "{:?}", found.iter().map(|row| row.get(0)).collect::<Vec<String>>());
}

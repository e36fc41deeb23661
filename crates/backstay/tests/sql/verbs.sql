-- The verbs of operators, from each state in which a job can stand.
create function pg_temp.answer(count int, id text default null, code text default null) returns jsonb language sql as $$
  select jsonb_build_object('count', count, 'skipped', case when id is null then '[]' else jsonb_build_array(jsonb_build_object('id', id, 'code', code)) end)
$$;

do $$
declare
  a bigint;
begin
  select id into a from backstay.enqueue('c', '{}', '{"run_in": "1h", "unique": "k"}');
  perform pg_temp.same(backstay.cancel(a, '{"reason": "no more"}'), 'cancelled', 'scheduled');
  perform pg_temp.same(backstay.cancel(a), 'too_late', 'ended');
  perform pg_temp.same(row(backstay.show(a) ->> 'state', backstay.show(a) ->> 'reason', pg_temp.place(a), backstay.find('c', 'k'))::text, '(cancelled,"no more",nobody,)', 'its document, its key');
  select id into a from backstay.enqueue('c');
  perform pg_temp.same(backstay.cancel(a), 'cancelled', 'ready');
  select id into a from backstay.enqueue('c');
  perform pg_temp.claim(a);
  perform pg_temp.same(backstay.cancel(a, '{"reason": "first"}'), 'cancelling', 'running');
  perform pg_temp.same(backstay.cancel(a, '{"reason": "second"}'), 'cancelling', 'running, again');
  perform pg_temp.same((select cancel ->> 'reason' from backstay.running where job_id = a), 'first', 'the first reason stays');
  perform pg_temp.same((select (cancel -> 'grace_ms') is null from backstay.running where job_id = a), true, 'with the grace of its queue');
  perform backstay.cancel(a, '{"grace": "2s"}');
  perform backstay.cancel(a, '{"grace": "1m", "reason": "third"}');
  perform pg_temp.same((select (cancel -> 'grace_ms')::text || (cancel ->> 'reason') from backstay.running where job_id = a), '2000first', 'a grace is only ever shortened');
  perform backstay.cancel(a, '{"grace": "0s"}');
  perform pg_temp.same((select (cancel ->> 'grace_ms') from backstay.running where job_id = a), '0', 'to none');
  perform pg_temp.refused(format('select backstay.cancel(%s, ''{"grace": "6m"}'')', a), 'BS102');
  perform pg_temp.die(a);
  perform pg_temp.same(backstay.cancel(a), 'too_late', 'dead');
  perform pg_temp.same(backstay.cancel(null), 'not_found', 'null');
  perform pg_temp.same((select count(*) from backstay.audit where verb = 'cancel'), 7::bigint, 'one audit row for each that did something');
end
$$;

do $$
declare
  a bigint;
begin
  select id into a from backstay.enqueue('p', '{}', '{"run_in": "1h"}');
  perform pg_temp.same(backstay.promote(a), pg_temp.answer(1), 'promote');
  perform pg_temp.same(pg_temp.place(a), 'ready 0 0 5', 'promoted');
  perform pg_temp.same((select seq > job_id from backstay.ready where job_id = a), true, 'at the tail');
  perform pg_temp.same(backstay.promote(a), pg_temp.answer(0, a::text, 'BS302'), 'promote again');
  perform pg_temp.same(backstay.promote(-1), pg_temp.answer(0, '-1', 'BS301'), 'promote nobody');

  select id into a from backstay.enqueue('e', '{"v": 1}', '{"tags": ["a"]}');
  perform pg_temp.same(backstay.edit(a, '{"max_retries": 3}'), pg_temp.answer(1), 'edit');
  perform pg_temp.same((select seq from backstay.ready where job_id = a), a, 'it keeps its turn');
  perform backstay.edit(a, '{"priority": "urgent", "args": {"v": 2}, "tags": [], "meta": {"m": 1}}');
  perform pg_temp.same(pg_temp.place(a), 'ready 0 0 0', 'another level');
  perform pg_temp.same((select row(args, tags, meta, max_retries, priority)::text from backstay.job where id = a), '("{""v"": 2}",,"{""m"": 1}",3,0)', 'edited');
  perform pg_temp.same((select count(*) from backstay.audit where verb = 'edit' and after::text like '%"v"%'), 0::bigint, 'no args in the audit');
  perform backstay.edit(a, '{"run_in": "5m"}');
  perform pg_temp.same(pg_temp.place(a), 'scheduled 0 0 0', 'later');
  perform backstay.edit(a, '{"run_at": "2020-01-01T00:00:00Z"}');
  perform pg_temp.same(pg_temp.place(a), 'ready 0 0 0', 'now');
  perform pg_temp.refused(format('select backstay.edit(%s, ''{}'')', a), 'BS102', 'nothing to change');
  perform pg_temp.refused(format('select backstay.edit(%s, ''{"priorty": 1}'')', a), 'BS101', '"priority"');
  perform pg_temp.refused(format('select backstay.edit(%s, ''{"args": []}'')', a), 'BS104');
  perform pg_temp.same(backstay.bury(a, '{"reason": "poison"}'), pg_temp.answer(1), 'bury');
  perform pg_temp.same((select row(d.reason, d.title, d.fingerprint = l.fingerprint, l.rule)::text from backstay.dead_letter d join backstay.alert l on l.job_id = d.id where d.id = a),
    '(buried,"buried: poison",t,death)', 'dead, and its alert');

  select id into a from backstay.enqueue('r');
  perform pg_temp.claim(a);
  perform pg_temp.same(backstay.bury(a), pg_temp.answer(0, a::text, 'BS302'), 'bury a running one');
  perform pg_temp.same(backstay.edit(a, '{"priority": 1}'), pg_temp.answer(0, a::text, 'BS302'), 'edit a running one');
end
$$;

do $$
declare
  a bigint;
  b bigint;
begin
  select id into a from backstay.enqueue('r', '{"v": 1}', '{"unique": "k", "memory": "64MiB", "expires_in": "1h"}');
  perform pg_temp.claim(a);
  perform pg_temp.fail(a);
  perform pg_temp.claim(a);
  perform pg_temp.die(a);
  select id into b from backstay.enqueue('r', '{"v": 9}', '{"unique": "k"}');
  perform pg_temp.same(backstay.revive(array[a]), pg_temp.answer(0, a::text, 'BS303'), 'its key is held');
  perform pg_temp.refused(format('select backstay.revive(array[%s, %s], ''{"args": {}}'')', a, b), 'BS102', 'one job');
  perform pg_temp.same(backstay.revive(array[a], '{"args": {"v": 5}, "without_unique": true}'), pg_temp.answer(1), 'revive');
  perform pg_temp.same(pg_temp.place(a), 'ready 2 0 5', 'counters at zero, the attempt goes on');
  perform pg_temp.same((select row(args, revived_count, unique_hash, memory_mib)::text from backstay.job j join backstay.ready r on r.job_id = j.id where id = a), '("{""v"": 5}",1,,64)', 'revived');
  perform backstay.cancel(b);
  perform pg_temp.claim(a);
  perform pg_temp.die(a);
  update backstay.dead_letter set unique_hash = backstay.hash('unique', 'r', 'k'), expires_at = now() - interval '1 s' where id = a;
  perform pg_temp.same(backstay.revive(array[a, a, b, null]), pg_temp.answer(1, b::text, 'BS302'), 'each once');
  perform pg_temp.same(backstay.find('r', 'k'), a, 'it has its key again');
  perform pg_temp.same((select expires_at from backstay.job where id = a), null, 'what has expired does not count again');
  perform pg_temp.claim(a);
  perform pg_temp.die(a);

  perform pg_temp.refused(format('select backstay.discard(array[%s])', a), 'BS305');
  perform pg_temp.same(backstay.discard(array[a], '{"reason": "junk"}'), pg_temp.answer(1), 'discard');
  perform pg_temp.same(backstay.revive(array[a]), pg_temp.answer(0, a::text, 'BS302'), 'discarded');
  perform pg_temp.same(backstay.restore(array[a]), pg_temp.answer(1), 'restore');
  perform pg_temp.same(backstay.acknowledge('aabbccdd', '{"note": "seen"}'), pg_temp.answer(1), 'acknowledge');
  perform pg_temp.same(backstay.acknowledge('00000000'), pg_temp.answer(0, '00000000', 'BS301'), 'acknowledge nothing');
  perform pg_temp.same((select row(state, note, count)::text from backstay.dead_group where fingerprint = 'aabbccdd'), '(acknowledged,seen,0)', 'a group that is not folded yet');
  perform pg_temp.same(backstay.own('aabbccdd', 'ana', '{"reason": "hers"}'), pg_temp.answer(1), 'own');
  perform pg_temp.same(backstay.own('aabbccdd', 'ben'), pg_temp.answer(1), 'own, once more');
  perform pg_temp.same((select row(owner, state)::text from backstay.dead_group where fingerprint = 'aabbccdd'), '(ben,acknowledged)', 'the state is another matter');
  perform pg_temp.same((select string_agg(row(reason, before ->> 'owner', after ->> 'owner')::text, ' ' order by id) from backstay.audit where verb = 'own'), '(hers,,ana) (,ana,ben)', 'own: the audit');
  perform pg_temp.refused($q$select backstay.own('aabbccdd', '')$q$, 'BS102', 'empty');
  perform pg_temp.refused($q$select backstay.own('aabbccdd', repeat('x', 129))$q$, 'BS102', '128');
  perform pg_temp.same(backstay.own('aabbccdd', null), pg_temp.answer(1), 'own: nobody');
  perform pg_temp.same(backstay.own('00000000', 'ana'), pg_temp.answer(0, '00000000', 'BS301'), 'own nothing');
  perform pg_temp.refused($q$select backstay.mute('aabbccdd')$q$, 'BS102', 'for_in');
  perform pg_temp.same(backstay.mute('aabbccdd', '{"for_in": "7d"}'), pg_temp.answer(1), 'mute');

  perform pg_temp.refused($q$select backstay.replay('{"kind": "r"}')$q$, 'BS305');
  perform pg_temp.refused($q$select backstay.replay('{}', '{"reason": "r"}')$q$, 'BS102', 'filter');
  perform pg_temp.refused($q$select backstay.replay('{"kind": "r"}', '{"reason": "r", "expect": 10}')$q$, 'BS304');
  perform pg_temp.same(backstay.replay('{"fingerprint": "aabbccdd", "kind": "r"}', '{"reason": "r", "rate": "100/1m", "first": 1, "stop_at": "20%", "expect": 1}') ->> 'count', '1', 'replay');
  perform pg_temp.refused($q$select backstay.replay('{"fingerprint": "aabbccdd"}', '{"reason": "r"}')$q$, 'BS302', 'still running');
  perform pg_temp.same((select row(total, first, per_count, per_ms, stop_at, state)::text from backstay.replay), '(1,1,100,60000,0.2,running)', 'as asked');
  perform pg_temp.same(backstay.stop_replay((select id from backstay.replay)) ->> 'count', '1', 'stop');
  perform pg_temp.same(backstay.resume_replay((select id from backstay.replay)) ->> 'count', '1', 'resume');
end
$$;

do $$
declare
  a bigint;
begin
  perform pg_temp.same(backstay.pause('kind', 'k', '{"for_in": "1h"}'), pg_temp.answer(1), 'pause a kind');
  select id into a from backstay.enqueue('k');
  perform pg_temp.same((select row(reason, subject)::text from backstay.parked where job_id = a), '(paused,k)', 'parked');
  perform pg_temp.same(backstay.promote(a), pg_temp.answer(0, a::text, 'BS302'), 'a parked one is not scheduled');
  perform backstay.bury(a);
  perform backstay.revive(array[a]);
  perform pg_temp.same(pg_temp.place(a), 'parked 0 0 5', 'revived into the pause');
  perform pg_temp.same(backstay.cancel(a), 'cancelled', 'parked');
  select id into a from backstay.enqueue('k', '{}', '{"run_in": "1h"}');
  perform backstay.promote(a);
  perform pg_temp.same(pg_temp.place(a), 'parked 0 0 5', 'promoted into the pause');
  perform pg_temp.same(backstay.resume('kind', 'k'), pg_temp.answer(1), 'resume');
  perform pg_temp.same(backstay.resume('kind', 'k'), pg_temp.answer(0, 'k', 'BS301'), 'resume again');
  select id into a from backstay.enqueue('k', '{}', '{"queue": "q"}');
  perform pg_temp.claim(a);
  perform pg_temp.same(backstay.pause('queue', 'q', '{"cancel_running": true, "reason": "fire"}') ->> 'cancelling', '1', 'and what runs');
  perform pg_temp.same((select cancel ->> 'reason' from backstay.running where job_id = a), 'fire', 'with its reason');
  perform pg_temp.refused($q$select backstay.pause('quue', 'q')$q$, 'BS102', '"queue"');
  perform pg_temp.refused($q$select backstay.pause('group', 'q')$q$, 'BS101', 'this version');
  perform pg_temp.refused($q$select backstay.pause('queue', 'q', '{"until_at": "2020-01-01T00:00:00Z"}')$q$, 'BS102', 'passed');
  perform pg_temp.same(backstay.drain(pg_temp.worker()) #>> '{skipped,0,code}', 'BS301', 'drain nobody');
end
$$;

do $$
declare
  a bigint;
  b bigint;
begin
  insert into backstay.message (made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body, after_ms, delivered_at)
  values (now(), now(), now(), 1, 'worker_lost', 'w', 'team', 'e/worker_lost/w', '{"state": "open"}', 0, now()) returning id into a;
  insert into backstay.message (made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body, after_ms)
  values (now(), now(), now() + interval '1 hour', 1, 'worker_lost', 'w', 'page', 'e/worker_lost/w', '{"state": "open"}', 3600000) returning id into b;
  perform pg_temp.same(backstay.acknowledge_alert(a, '{"reason": "replaced"}'), pg_temp.answer(1), 'acknowledge an alert');
  perform pg_temp.same((select string_agg(row(id = a, acknowledged_at is not null, acknowledged_by = session_user)::text, ' ') from backstay.message where subject = 'w'), '(t,t,t)', 'its steps are gone');
  perform pg_temp.same((select row(target, reason, affected)::text from backstay.audit where verb = 'acknowledge' and target like 'alert %'), '("alert worker_lost w",replaced,1)', 'and the audit knows');
  perform pg_temp.same(backstay.acknowledge_alert(b), pg_temp.answer(0, b::text, 'BS301'), 'a step that is gone');
  insert into backstay.message (made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body, delivered_at)
  values (now(), now(), now(), 1, 'brake', 'database', 'team', 'e/brake/database', '{"state": "open"}', now()),
         (now() + interval '1 s', now(), now(), 1, 'brake', 'database', 'team', 'e/brake/database', '{"state": "resolved"}', now());
  select min(id) into a from backstay.message where rule = 'brake';
  perform pg_temp.same(backstay.acknowledge_alert(a), pg_temp.answer(0, a::text, 'BS302'), 'what is over needs nobody');
end
$$;

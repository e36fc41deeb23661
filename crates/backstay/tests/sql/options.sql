-- Every option of enqueue with a value that will not do: the code, and a word of what the message must say.
create function pg_temp.bad(options text, code text, part text default '') returns void language sql as $$
  select pg_temp.refused(format('select * from backstay.enqueue(%L, %L, %L)', 'k', '{}', options), code, part)
$$;

select pg_temp.bad('{"priorty":1}','BS101','"priority"');
select pg_temp.bad('{"weight":1}','BS101','not available');
select pg_temp.bad('{"limits":["a"]}','BS101','not available');
select pg_temp.bad('{"priority":12}','BS102','nearest is 9');
select pg_temp.bad('{"priority":"3"}','BS102','without quotes');
select pg_temp.bad('{"priority":"hgih"}','BS102','"high"');
select pg_temp.bad('{"priority":-1}','BS102','nearest is 0');
select pg_temp.bad('{"priority":1.5}','BS102');
select pg_temp.bad('{"priority":{}}','BS102');
select pg_temp.bad('{"run_in":300}','BS102','300s');
select pg_temp.bad('{"run_in":"300"}','BS102','300s');
select pg_temp.bad('{"run_in":"-5m"}','BS102','negative');
select pg_temp.bad('{"run_in":"5 mins and"}','BS102','not a duration');
select pg_temp.bad('{"run_in":"1 mon"}','BS102','months');
select pg_temp.bad('{"run_in":"11000d"}','BS102','too long');
select pg_temp.bad('{"run_in":"999999999999999w"}','BS102','too long');
select pg_temp.bad('{"run_in":true}','BS102','duration');
select pg_temp.bad('{"run_at":"2026-11-23T09:00:00"}','BS102','no offset');
select pg_temp.bad('{"run_at":"2026-02-30T09:00:00Z"}','BS102','not a date');
select pg_temp.bad('{"run_at":"tomorrow"}','BS102','not an instant');
select pg_temp.bad('{"run_at":"2099-02-20T09:00:00Z"}','BS102','ten years');
select pg_temp.bad('{"run_at":"2026-11-23T09:00:00Z","run_in":"5m"}','BS102','say the same');
select pg_temp.bad('{"max_retries":101}','BS102','0 to 100');
select pg_temp.bad('{"max_retries":"5"}','BS102');
select pg_temp.bad('{"max_retries":1e400}','BS102');
select pg_temp.bad('{"backoff":"30s"}','BS102');
select pg_temp.bad('{"backoff":{"fist":"30s"}}','BS101','first');
select pg_temp.bad('{"backoff":{"fixed":"30s","first":"1s"}}','BS102','mixes');
select pg_temp.bad('{"backoff":{"factor":11}}','BS102');
select pg_temp.bad('{"backoff":{"jitter":"x"}}','BS102');
select pg_temp.bad('{"backoff":{"list":[]}}','BS102');
select pg_temp.bad('{"backoff":{"list":["1m",5]}}','BS102','unit');
select pg_temp.bad('{"backoff":{"cap":"8d"}}','BS102');
select pg_temp.bad('{"timeout":"500ms"}','BS102','too short');
select pg_temp.bad('{"memory":"512MB"}','BS102','512MiB');
select pg_temp.bad('{"memory":512}','BS102','512MiB');
select pg_temp.bad('{"memory":"5TiB"}','BS102');
select pg_temp.bad('{"memory":"5000GiB"}','BS102','too large');
select pg_temp.bad('{"memory":"1MiB"}','BS102','too small');
select pg_temp.bad('{"unique":5}','BS102');
select pg_temp.bad('{"unique":""}','BS102');
select pg_temp.bad('{"unique":"a\nb"}','BS102','control');
select pg_temp.bad(format('{"unique":"%s"}',repeat('a',1025)),'BS102','1024');
select pg_temp.bad('{"unique":{"key":"a","by":["x"]}}','BS102','both');
select pg_temp.bad('{"unique":{"kee":"a"}}','BS101','"key"');
select pg_temp.bad('{"unique":{"key":"a","until":"ended"}}','BS102');
select pg_temp.bad('{"unique":{"key":"a","until":"started","period_in":"1m"}}','BS102','both');
select pg_temp.bad('{"unique":{"key":"a","period_in":"31d"}}','BS102','too long');
select pg_temp.bad('{"unique":{"key":"a","on_conflict":"latest"}}','BS101','not available');
select pg_temp.bad('{"unique":{"key":"a","on_conflict":"rejct"}}','BS102','"reject"');
select pg_temp.bad('{"idempotency_key":7}','BS102','quotes');
select pg_temp.bad(format('{"group":"%s"}',repeat('a',257)),'BS102','256');
select pg_temp.bad('{"expires_in":"0s"}','BS102');
select pg_temp.bad('{"tags":"x"}','BS102');
select pg_temp.bad('{"tags":["x",5]}','BS102');
select pg_temp.bad(format('{"tags":["%s"]}',repeat('a',65)),'BS102','64');
select pg_temp.bad((select jsonb_build_object('tags', jsonb_agg('t'||g))::text from generate_series(1,21) g),'BS102','20');
select pg_temp.bad('{"meta":[]}','BS102');
select pg_temp.bad(jsonb_build_object('meta', jsonb_build_object('a', repeat('x',17000)))::text,'BS102','16384');
select pg_temp.bad('{"notify":"no"}','BS102');
select pg_temp.bad('{"queue":"a b"}','BS103','character 2');
select pg_temp.bad('[]','BS102');
select pg_temp.refused($$select * from backstay.enqueue('')$$,'BS103');
select pg_temp.refused($$select * from backstay.enqueue(null)$$,'BS103');
select pg_temp.refused($$select * from backstay.enqueue('ré')$$,'BS103','character 2');
select pg_temp.refused(format($$select * from backstay.enqueue(%L)$$,repeat('a',129)),'BS103');
select pg_temp.refused($$select * from backstay.enqueue('k',null)$$,'BS104');
select pg_temp.refused($$select * from backstay.enqueue('k','[]')$$,'BS104');
select pg_temp.refused($$select * from backstay.enqueue('k','"x"')$$,'BS104');
select pg_temp.refused($$select * from backstay.enqueue('k',jsonb_build_object('a',repeat('x',262144)))$$,'BS105');
select pg_temp.refused($$select * from backstay.enqueue('k',(repeat('{"a":',65)||'1'||repeat('}',65))::jsonb)$$,'BS106');
select pg_temp.refused($$select * from backstay.enqueue('k',(repeat('{"a":',64)||'1'||repeat('}',64))::jsonb)$$,'BS106');
select pg_temp.refused($$select * from backstay.enqueue('k','{"a":"\u0000"}')$$,'22P05');
select pg_temp.refused($$select * from backstay.enqueue('k','{"a":"\ud800"}')$$,'22P02');
select pg_temp.refused($$select * from backstay.enqueue_many('{}')$$,'BS104');
select pg_temp.refused($$select * from backstay.enqueue_many(null)$$,'BS104');
select pg_temp.refused($$select * from backstay.enqueue_many('[5]')$$,'BS104','job 1');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":5}]')$$,'BS103','job 2');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":"a","args":[]}]')$$,'BS104','job 2');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":"a","arg":{}}]')$$,'BS101','"args"');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":"a","options":[]}]')$$,'BS102','job 2');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":"a","options":{"unique":"x"}},{"kind":"a","options":{"unique":""}}]')$$,'BS102','job 3');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"},{"kind":"a"},{"kind":"b","options":{"run_in":5}}]')$$,'BS102','job 3');
select pg_temp.refused($$select * from backstay.enqueue_many((select jsonb_agg('{"kind":"a"}'::jsonb) from generate_series(1,10001)))$$,'BS109');
select pg_temp.refused($$select * from backstay.enqueue_many('[{"kind":"a"}]','{"run_in":5}')$$,'BS102','job 1');
select pg_temp.refused($$select * from backstay.enqueue_rows('a', array['{}','[]']::jsonb[])$$,'BS104','job 2');
select pg_temp.refused($$select * from backstay.enqueue_rows('a', array['{}',null]::jsonb[])$$,'BS104','job 2');
select pg_temp.refused($$select * from backstay.enqueue_rows('a', null)$$,'BS104');

-- And the good ones, all at once.
do $$
declare
  job bigint;
begin
  select id into job from backstay.enqueue('good', '{"x": 1}', '{"queue": "q1", "priority": "low", "run_in": "1w2d3h4m5s6ms", "max_retries": 0,
    "backoff": {"list": ["1m", "5m"]}, "timeout": "2h", "memory": "1GiB", "unique": {"by": ["x", "y"]}, "idempotency_key": "i1", "group": "g",
    "limit_key": "lk", "expires_in": "30d", "tags": ["b", "a", "a"], "meta": {"z": null}, "notify": false,
    "trace": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}}');
  perform pg_temp.same(pg_temp.place(job), 'scheduled 0 0 8', 'place');
  perform pg_temp.same(to_jsonb(j) - array['id', 'enqueued_at', 'enqueued_by', 'expires_at', 'unique_hash'], '{"queue": "q1", "kind": "good", "args": {"x": 1},
    "priority": 8, "max_retries": 0, "policy": {"backoff": {"list": ["1m", "5m"]}}, "timeout_ms": 7200000, "memory_bytes": 1073741824,
    "unique_label": "[1,null]", "group_key": "g", "limit_key": "lk", "tags": ["a", "b"], "meta": {"z": null},
    "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=b", "args_version": 1, "crash_limit": 3, "lost_limit": 3, "weight": 1,
    "revived_count": 0, "gated": false, "followed": false, "want_result": false, "deadline_at": null, "sequence_key": null, "limit_names": null,
    "batch_id": null, "schedule": null, "cron_tick": null}'::jsonb, 'job') from backstay.job j where j.id = job;
  perform pg_temp.same(date_trunc('second', s.run_at - j.enqueued_at), interval '9 days 3:04:05', 'run_in')
     from backstay.scheduled s join backstay.job j on j.id = s.job_id where s.job_id = job;

  select id into job from backstay.enqueue('good', '{}', jsonb_build_object('run_in', interval '5 min', 'priority', null));
  perform pg_temp.same(pg_temp.place(job), 'scheduled 0 0 5', 'an interval, and a null that counts as left out');
  select id into job from backstay.enqueue('good', '{}', jsonb_build_object('run_at', now() + interval '5 min', 'trace', 'garbage', 'memory', 'auto'));
  perform pg_temp.same(pg_temp.place(job), 'scheduled 0 0 5', 'an instant of the database; a malformed trace is dropped');
  select id into job from backstay.enqueue('good', '{}', '{"run_at": "2001-01-01T00:00:00+02:00"}');
  perform pg_temp.same(pg_temp.place(job), 'ready 0 0 5', 'the past counts as now');
  select id into job from backstay.enqueue('good', (repeat('{"a":', 63) || '1' || repeat('}', 63))::jsonb);
  perform pg_temp.same(pg_temp.place(job), 'ready 0 0 5', 'the deepest args that are allowed');
  perform pg_temp.same((select count(*) from backstay.enqueue_many('[]')), 0::bigint, 'no jobs');
end
$$;

-- A contract lies beneath: the job's own options win, and of two that say the same the own one takes the place.
insert into backstay.queue (name, settings, hash, set_at) values ('cq', '{"timeout": "10m", "memory": "256MiB"}', '', now());
insert into backstay.kind (name, contract, sensitive, hash, set_at) values
  ('ct', '{"queue": "cq", "priority": "low", "max_retries": 2, "unique": {"by": ["tenant", "month"]}, "group": {"by": ["tenant"]}, "expires_in": "1d",
           "on": {"timed_out": "bury"}, "backoff": {"fixed": "30s"}, "of_a_later_version": 1}', '{/note}', '', now());
do $$
declare
  job bigint;
begin
  select id into job from backstay.enqueue('ct', '{"tenant": 7, "month": "2026-11", "note": "n", "password": "p"}');
  perform pg_temp.same((select row(j.queue, j.priority, j.max_retries, j.unique_label, j.group_key, j.policy, j.expires_at > now())::text from backstay.job j where j.id = job),
    '(cq,8,2,"[7,""2026-11""]",[7],"{""on"": {""timed_out"": ""bury""}, ""backoff"": {""fixed"": ""30s""}}",t)', 'from the contract');
  perform pg_temp.same((select created from backstay.enqueue('ct', '{"tenant": 7, "month": "2026-11"}')), false, 'unique by the contract');
  select id into job from backstay.enqueue('ct', '{"tenant": 7, "month": "2026-11"}', '{"unique": false, "priority": 1, "expires_at": "2030-01-01T00:00:00Z", "group": "own"}');
  perform pg_temp.same((select row(j.priority, j.group_key, j.unique_label)::text from backstay.job j where j.id = job), '(1,own,)', 'its own options win');
  perform pg_temp.refused($q$select * from backstay.enqueue('ct', '{"tenant": 8}', '{"timeout": "41m"}')$q$, 'BS102', 'queue "cq"');
  perform pg_temp.refused($q$select * from backstay.enqueue('ct', '{"tenant": 8}', '{"memory": "2GiB"}')$q$, 'BS102', 'queue "cq"');
  perform pg_temp.same((select created from backstay.enqueue('ct', '{"tenant": 8}', '{"timeout": "40m"}')), true, 'as much as the queue allows');
  perform pg_temp.same((select args from backstay.jobs where "unique" = '[7,"2026-11"]'), '{"note": "***", "month": "2026-11", "tenant": 7, "password": "***"}'::jsonb, 'redacted');
  update backstay.installation set strict_kinds = true;
  perform pg_temp.refused($q$select * from backstay.enqueue('cd')$q$, 'BS107', '"ct"');
end
$$;

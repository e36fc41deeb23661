-- Who may do what, written down exactly: PUBLIC nothing, applications the doors, the worker its tables, people the views
-- and verbs. Run after every installation of functions; may be run again. A role that is not there is passed over.
do $$
declare
  thing record;
begin
  if not exists (select from pg_roles where rolname = 'backstay_owner') then
    return;
  end if;
  -- What is installed belongs to a role that cannot log in, so that no login owns a function that runs as its owner.
  begin
    if (select n.nspowner <> 'backstay_owner'::regrole from pg_namespace n where n.nspname = 'backstay') then
      alter schema backstay owner to backstay_owner;
    end if;
    for thing in
      select c.relname, c.relkind from pg_class c
       where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v', 'S') and c.relowner <> 'backstay_owner'::regrole
         and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') and c.relkind = 'S')
    loop
      execute format('alter %s backstay.%I owner to backstay_owner',
        case thing.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, thing.relname);
    end loop;
    for thing in
      select p.oid::regprocedure as signature from pg_proc p where p.pronamespace = 'backstay'::regnamespace and p.proowner <> 'backstay_owner'::regrole
    loop
      execute format('alter function %s owner to backstay_owner', thing.signature);
    end loop;
    if (select t.typowner <> 'backstay_owner'::regrole from pg_type t where t.oid = 'backstay.shape'::regtype) then
      alter type backstay.shape owner to backstay_owner;
    end if;
  exception when insufficient_privilege then
    raise notice 'roles: what is installed stays with %, which may not hand it to backstay_owner', current_user;
  end;
end
$$;

revoke all on schema backstay from public;
revoke all on all tables in schema backstay from public;
revoke all on all sequences in schema backstay from public;
revoke all on all functions in schema backstay from public;
revoke all on type backstay.shape from public;

do $$
declare
  role text;
begin
  -- What an older version granted and this one does not, goes.
  foreach role in array array['backstay_enqueuer', 'backstay_worker', 'backstay_viewer', 'backstay_operator', 'backstay_auditor'] loop
    if exists (select from pg_roles where rolname = role) then
      execute format('revoke all on schema backstay from %I', role);
      execute format('revoke all on all tables in schema backstay from %I', role);
      execute format('revoke all on all sequences in schema backstay from %I', role);
      execute format('revoke all on all functions in schema backstay from %I', role);
    end if;
  end loop;

  if exists (select from pg_roles where rolname = 'backstay_enqueuer') then
    grant usage on schema backstay to backstay_enqueuer;
    grant execute on function
      backstay.enqueue(text, jsonb, jsonb), backstay.enqueue_many(jsonb, jsonb), backstay.enqueue_rows(text, jsonb[], jsonb),
      backstay.cancel(bigint, jsonb), backstay.find(text, text), backstay.show(bigint), backstay.contract(text), backstay.abi(),
      backstay.assert_lease(bigint, int, uuid), backstay.progress(bigint, int, uuid, real, jsonb),
      backstay.checkpoint(bigint, int, uuid, jsonb), backstay.complete(bigint, int, uuid, jsonb)
      to backstay_enqueuer;
  end if;

  if exists (select from pg_roles where rolname = 'backstay_viewer') then
    grant usage on schema backstay to backstay_viewer;
    grant execute on function
      backstay.find(text, text), backstay.show(bigint), backstay.why(bigint), backstay.why_facts(bigint), backstay.contract(text), backstay.abi(), backstay.tail(bigint), backstay.know_token(text, text),
      backstay.sign_in(text, text, text, text), backstay.know_session(text), backstay.sign_out(text),
      backstay.clock(), backstay.redact(jsonb, text[]), backstay.step_into(text[], text)
      to backstay_viewer;
    grant select on
      backstay.jobs, backstay.ended, backstay.dead_letters, backstay.queues, backstay.workers, backstay.attempts,
      backstay.ready, backstay.scheduled, backstay.parked, backstay.running, backstay.progress,
      backstay.dead_group, backstay.alert, backstay.message, backstay.channel, backstay.replay, backstay.replay_job, backstay.pause, backstay.duty, backstay.leader,
      backstay.installation, backstay.migration, backstay.body, backstay.output_log, backstay.terms, backstay.peak,
      backstay.figure, backstay.depth,
      backstay.check_job, backstay.check_claim, backstay.check_queue, backstay.check_unique, backstay.check_alert, backstay.check_audit,
      backstay.check_place, backstay.tick, backstay.declared
      to backstay_viewer;
    grant select (name, set_at, counted_to, look_at, next_at, last_at, unseen_since, retired_at, missed_within_ms, missed_max, line, zone, kind, options, missed, overlap, origin, set_by, error)
      on backstay.schedule to backstay_viewer;
    grant select (name, settings, set_at) on backstay.queue to backstay_viewer;
    grant select (name, set_at) on backstay.kind to backstay_viewer;
    grant select (id, enqueued_at, priority, queue, kind, unique_label, group_key, limit_key, tags) on backstay.job to backstay_viewer;
    grant select on sequence
      backstay.entry_seq, backstay.lowered_seq, backstay.gate_seq, backstay.presence_seq, backstay.alert_id_seq,
      backstay.message_id_seq, backstay.replay_id_seq, backstay.audit_id_seq, backstay.terms_no_seq
      to backstay_viewer;
  end if;

  if exists (select from pg_roles where rolname = 'backstay_operator') then
    grant usage on schema backstay to backstay_operator;
    grant execute on function
      backstay.enqueue(text, jsonb, jsonb), backstay.enqueue_many(jsonb, jsonb), backstay.enqueue_rows(text, jsonb[], jsonb),
      backstay.cancel(bigint, jsonb), backstay.find(text, text), backstay.show(bigint), backstay.why(bigint), backstay.why_facts(bigint), backstay.contract(text), backstay.abi(),
      backstay.promote(bigint, jsonb), backstay.edit(bigint, jsonb, jsonb), backstay.bury(bigint, jsonb),
      backstay.revive(bigint[], jsonb), backstay.discard(bigint[], jsonb), backstay.restore(bigint[], jsonb),
      backstay.reveal(bigint[], jsonb), backstay.acknowledge(text, jsonb), backstay.acknowledge_alert(bigint, jsonb), backstay.own(text, text, jsonb), backstay.mute(text, jsonb), backstay.test_channel(text, jsonb), backstay.pause(text, text, jsonb), backstay.resume(text, text, jsonb),
      backstay.run(text, jsonb), backstay.backfill(text, timestamptz[], jsonb),
      backstay.drain(uuid, jsonb), backstay.replay(jsonb, jsonb), backstay.stop_replay(bigint, jsonb), backstay.resume_replay(bigint, jsonb),
      backstay.create_token(text, text, jsonb), backstay.revoke_token(text, jsonb), backstay.know_token(text, text),
      backstay.sign_in(text, text, text, text), backstay.know_session(text), backstay.sign_out(text),
      backstay.tail(bigint), backstay.clock(), backstay.redact(jsonb, text[]), backstay.step_into(text[], text)
      to backstay_operator;
    grant select on
      backstay.jobs, backstay.ended, backstay.dead_letters, backstay.queues, backstay.workers, backstay.attempts,
      backstay.ready, backstay.scheduled, backstay.parked, backstay.running, backstay.progress,
      backstay.dead_group, backstay.alert, backstay.message, backstay.channel, backstay.replay, backstay.replay_job, backstay.pause, backstay.duty, backstay.leader,
      backstay.installation, backstay.migration, backstay.body, backstay.output_log, backstay.terms, backstay.peak,
      backstay.figure, backstay.depth,
      backstay.check_job, backstay.check_claim, backstay.check_queue, backstay.check_unique, backstay.check_alert, backstay.check_audit,
      backstay.check_place, backstay.tick, backstay.declared
      to backstay_operator;
    grant select (name, set_at, counted_to, look_at, next_at, last_at, unseen_since, retired_at, missed_within_ms, missed_max, line, zone, kind, options, missed, overlap, origin, set_by, error)
      on backstay.schedule to backstay_operator;
    grant select (name, settings, set_at) on backstay.queue to backstay_operator;
    grant select (name, set_at) on backstay.kind to backstay_operator;
    grant select (id, name, scopes, created_at, created_by, expires_at, revoked_at, revoked_by, used_on) on backstay.token to backstay_operator;
    grant select (id, enqueued_at, priority, queue, kind, unique_label, group_key, limit_key, tags) on backstay.job to backstay_operator;
    grant select on sequence
      backstay.entry_seq, backstay.lowered_seq, backstay.gate_seq, backstay.presence_seq, backstay.alert_id_seq,
      backstay.message_id_seq, backstay.replay_id_seq, backstay.audit_id_seq, backstay.terms_no_seq
      to backstay_operator;
  end if;

  if exists (select from pg_roles where rolname = 'backstay_auditor') then
    grant usage on schema backstay to backstay_auditor;
    grant select on
      backstay.audit, backstay.check_job, backstay.check_claim, backstay.check_queue, backstay.check_unique, backstay.check_alert,
      backstay.check_audit, backstay.check_place
      to backstay_auditor;
    grant execute on function backstay.clock() to backstay_auditor;
  end if;

  if exists (select from pg_roles where rolname = 'backstay_worker') then
    grant usage on schema backstay to backstay_worker;
    grant select, insert, update, delete on
      backstay.ready, backstay.scheduled, backstay.parked, backstay.running,
      backstay.worker, backstay.progress, backstay.checkpoint, backstay.alert, backstay.message, backstay.channel
      to backstay_worker;
    grant select, insert, update on backstay.queue, backstay.kind to backstay_worker;
    grant select, delete, update (memory_bytes, queue, policy) on backstay.job to backstay_worker;
    grant select, update, delete on backstay.unique_key to backstay_worker;
    grant delete on backstay.history to backstay_worker;
    grant select, insert on backstay.history, backstay.attempt, backstay.terms to backstay_worker;
    grant insert on backstay.history_body to backstay_worker;
    grant select, insert, update, delete on backstay.dead_letter to backstay_worker;
    grant select, insert, update on backstay.dead_group, backstay.duty to backstay_worker;
    grant select, update on backstay.replay, backstay.replay_job, backstay.leader, backstay.installation to backstay_worker;
    grant select, delete on backstay.pause, backstay.tick to backstay_worker;
    grant select, insert, update on backstay.schedule to backstay_worker;
    grant select, insert, update, delete on backstay.declared to backstay_worker;
    grant select, insert, update, delete on backstay.peak to backstay_worker;
    grant select, update on backstay.peak_mark to backstay_worker;
    grant select, insert, update, delete on backstay.figure, backstay.depth to backstay_worker;
    grant insert on backstay.output_log to backstay_worker;
    grant select on backstay.wish to backstay_worker;
    grant select on backstay.migration, backstay.body to backstay_worker;
    grant select on
      backstay.check_job, backstay.check_claim, backstay.check_queue, backstay.check_unique, backstay.check_alert, backstay.check_audit,
      backstay.check_place
      to backstay_worker;
    grant insert on backstay.audit to backstay_worker;
    grant usage on sequence backstay.entry_seq, backstay.presence_seq, backstay.message_id_seq to backstay_worker;
    grant select, usage on sequence backstay.lowered_seq to backstay_worker;
    grant select, update on sequence backstay.gate_seq to backstay_worker;
    grant execute on function
      backstay.clock(), backstay.wake(),
      backstay.enqueue(text, jsonb, jsonb), backstay.enqueue_many(jsonb, jsonb), backstay.enqueue_rows(text, jsonb[], jsonb),
      backstay.cancel(bigint, jsonb), backstay.show(bigint),
      backstay.assert_lease(bigint, int, uuid), backstay.progress(bigint, int, uuid, real, jsonb),
      backstay.checkpoint(bigint, int, uuid, jsonb), backstay.complete(bigint, int, uuid, jsonb),
      backstay.revive(bigint[], jsonb), backstay.tick(text, timestamptz[], timestamptz, timestamptz, timestamptz, jsonb, text), backstay.make_partitions(), backstay.drop_partitions(text, interval)
      to backstay_worker;
  end if;
end
$$;

-- Who may do what, compared with the catalogue: PUBLIC nothing, each group role exactly this, every definer function closed.
select pg_temp.same((select string_agg(p.proname, ' ') from pg_proc p where p.pronamespace = 'backstay'::regnamespace
    and (has_function_privilege('public', p.oid, 'execute') or p.prosecdef and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, backstay, pg_temp'])),
  null, 'functions that are open');
select pg_temp.same((select string_agg(c.relname, ' ') from pg_class c where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v')
    and has_table_privilege('public', c.oid, 'select, insert, update, delete, truncate, references, trigger')), null, 'tables that are open');
select pg_temp.same((select string_agg(format('%s.%s', r.rolname, c.relname), ' ') from pg_class c cross join pg_roles r
   where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v') and r.rolname ~ '^backstay_' and r.rolname not in ('backstay_owner', 'backstay_migrator')
     and has_table_privilege(r.oid, c.oid, 'truncate, references, trigger')), null, 'tables that somebody may truncate');

create function pg_temp.may(role text) returns text language sql as $$
  select string_agg(distinct p.proname, ' ' order by p.proname) from pg_proc p where p.pronamespace = 'backstay'::regnamespace and has_function_privilege(role, p.oid, 'execute')
$$;
create function pg_temp.reads(role text) returns text language sql as $$
  select string_agg(c.relname, ' ' order by c.relname) from pg_class c
   where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v') and has_any_column_privilege(role, c.oid, 'select')
$$;
create function pg_temp.writes(role text) returns text language sql as $$
  select string_agg(c.relname, ' ' order by c.relname) from pg_class c
   where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v')
     and (has_any_column_privilege(role, c.oid, 'insert, update') or has_table_privilege(role, c.oid, 'delete'))
$$;

do $$
begin
  if not exists (select from pg_roles where rolname = 'backstay_owner') then
    return;     -- Everything under one login.
  end if;
  perform pg_temp.same(pg_temp.may('backstay_enqueuer'),
    'abi assert_lease cancel checkpoint complete contract enqueue enqueue_many enqueue_rows find progress show', 'enqueuer: functions');
  perform pg_temp.same(row(pg_temp.reads('backstay_enqueuer'), pg_temp.writes('backstay_enqueuer'))::text, '(,)', 'enqueuer: tables');
  perform pg_temp.same(pg_temp.may('backstay_viewer'), 'abi clock contract find know_session know_token redact show sign_in sign_out step_into tail why why_facts', 'viewer: functions');
  perform pg_temp.same(pg_temp.reads('backstay_viewer'), 'alert attempts body channel check_alert check_audit check_claim check_job check_place check_queue check_unique dead_group dead_letters declared depth duty ended figure installation job jobs kind leader message migration output_log parked pause ' ||
    'peak progress queue queues ready replay replay_job running schedule scheduled terms tick workers', 'viewer: tables');
  perform pg_temp.same((has_column_privilege('backstay_viewer', 'backstay.job', 'args', 'select') or has_column_privilege('backstay_viewer', 'backstay.job', 'meta', 'select')
    or has_column_privilege('backstay_viewer', 'backstay.kind', 'contract', 'select'))::text, 'false', 'viewer: neither args nor contracts');
  perform pg_temp.same(pg_temp.writes('backstay_viewer'), null, 'viewer: no writing');
  perform pg_temp.same(pg_temp.may('backstay_operator'), 'abi acknowledge acknowledge_alert backfill bury cancel clock contract create_token discard drain edit enqueue enqueue_many enqueue_rows find know_session know_token ' ||
    'mute own pause promote redact replay restore resume resume_replay reveal revive revoke_token run show sign_in sign_out step_into stop_replay tail test_channel why why_facts', 'operator: functions');
  perform pg_temp.same((has_column_privilege('backstay_operator', 'backstay.token', 'hash', 'select') or has_column_privilege('backstay_viewer', 'backstay.token', 'name', 'select'))::text,
    'false', 'tokens: their hashes are for nobody, their names for operators');
  perform pg_temp.same(pg_temp.writes('backstay_operator'), null, 'operator: no writing past the verbs');
  perform pg_temp.same(row(pg_temp.may('backstay_auditor'), pg_temp.reads('backstay_auditor'), pg_temp.writes('backstay_auditor'))::text,
    '(clock,"audit check_alert check_audit check_claim check_job check_place check_queue check_unique",)', 'auditor');
  perform pg_temp.same(has_table_privilege('backstay_worker', 'backstay.audit', 'select, update, delete'), false, 'worker: writes to the audit and no more');
  perform pg_temp.same(has_any_column_privilege('backstay_worker', 'backstay.job', 'insert'), false, 'worker: enqueues through the door');
  perform pg_temp.same(has_column_privilege('backstay_worker', 'backstay.job', 'args', 'update'), false, 'worker: leaves args alone');
end
$$;

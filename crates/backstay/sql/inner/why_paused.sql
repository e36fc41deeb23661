-- What is said of a job whose queue or kind is paused: by the pause that lasts longest.
-- needs: inner/instant.sql
create or replace function backstay.why_paused(facts jsonb) returns jsonb
language sql stable set search_path = pg_catalog, backstay, pg_temp as $$
  select jsonb_build_object(
           'reason', 'paused',
           'text', format('%s %s is paused by %s', p ->> 'scope', p ->> 'name', p ->> 'by') || coalesce(format(' (%s)', left(p ->> 'reason', 120)), '')
                   || coalesce(format(', until %s', backstay.instant((p ->> 'until')::timestamptz)), ', until somebody resumes it'),
           'since', backstay.instant(greatest((facts ->> 'since')::timestamptz, (p ->> 'since')::timestamptz)),
           'remedy', format('backstay %ss resume %s', p ->> 'scope', p ->> 'name'),
           'start_at', backstay.instant((p ->> 'until')::timestamptz))
    from (select facts -> 'pauses' -> 0) x(p)
$$;
revoke all on function backstay.why_paused(jsonb) from public;

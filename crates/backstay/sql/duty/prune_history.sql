-- Deletes what has ended and is past the keep of its kind or state, where days live longer than that for another's sake.
-- moves: none                          role: worker
-- $1 n int, $2 completed_ms bigint, $3 cancelled_ms bigint
-- note: the kinds are found by one step along (kind, finished_at) each, and of each only what is over is read
with recursive spans as (
  select $2::bigint * interval '1 ms' as completed, $3::bigint * interval '1 ms' as cancelled
   where $2::bigint <> $3::bigint or exists (select from backstay.kind k where k.keep is not null)),
found as (
  select min(h.kind) as kind from backstay.history h where exists (select from spans)
  union all
  select (select min(h.kind) from backstay.history h where h.kind > f.kind) from found f where f.kind is not null),
keeps as (
  select f.kind, coalesce(k.keep, s.completed) as completed, s.cancelled
    from found f cross join spans s left join backstay.kind k on k.name = f.kind where f.kind is not null),
over as materialized (
  select h.job_id, h.finished_at
    from keeps k cross join lateral (
      select h.job_id, h.finished_at from backstay.history h
       where h.kind = k.kind and h.finished_at < statement_timestamp() - least(k.completed, k.cancelled)
         and h.finished_at < statement_timestamp() - case h.state when 'completed' then k.completed else k.cancelled end
       limit $1::int) h
   limit $1::int),
gone as (
  delete from backstay.history h using over o where h.job_id = o.job_id and h.finished_at = o.finished_at returning 1)
select count(*) as gone from gone

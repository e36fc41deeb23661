-- Stores parts of what attempts printed.
-- moves: none                          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 parts int[], $4 lasts bool[], $5 texts text[]
-- note: no fence, for an attempt's output is its own whoever holds the job now; a part that is stored twice is read once
insert into backstay.output_log (job_id, at, attempt, part, last, text)
select a.job_id, statement_timestamp(), a.attempt, a.part, a.last, a.text
  from unnest($1::bigint[], $2::int[], $3::int[], $4::bool[], $5::text[]) a(job_id, attempt, part, last, text)

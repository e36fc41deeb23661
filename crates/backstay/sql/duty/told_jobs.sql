-- Shows the documents of jobs that alerts tell of, without their args; a job that is gone has none.
-- moves: none                          role: worker
-- $1 ids bigint[]
select j.id, backstay.show(j.id)::text as document from unnest($1::bigint[]) j(id)

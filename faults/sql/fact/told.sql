-- Each death and the incident as which it is told. Where its alert was folded into what had been told already, that is the
-- incident; several are a defect. Where it was not folded at all it has none.
select distinct jsonb_build_object('job', a.job_id, 'attempt', a.attempt, 'incident', m.dedupe_key)::text
  from backstay.alert a
  join backstay.message m on m.id = a.message_id or a.message_id = 0 and m.subject = a.fingerprint
 where a.rule = 'death'

-- Which relation is which place of a job, and where alerts are born, for whoever watches from outside how jobs move;
-- `job_column` names its column with the job's id. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
create or replace view backstay.check_place as
select p.relation, p.place, p.job_column
  from (values ('backstay.ready'::regclass, 'ready', 'job_id'),
               ('backstay.scheduled'::regclass, 'scheduled', 'job_id'),
               ('backstay.parked'::regclass, 'parked', 'job_id'),
               ('backstay.running'::regclass, 'running', 'job_id'),
               ('backstay.history'::regclass, 'history', 'job_id'),
               ('backstay.dead_letter'::regclass, 'dead_letter', 'id'),
               ('backstay.alert'::regclass, 'alert', 'job_id')) p(relation, place, job_column);

-- What else is known of attempts that completed, and what holds the limits of a worker's jobs.
-- phase: pre
alter table backstay.history add column detail jsonb;   -- {"peak_source": "hwm", "child": {"pid": 4711}, ...}: columns of attempt
alter table backstay.worker add column holders jsonb;   -- {"memory": "cgroup", "cpu_priority": "nice"}

-- What keeps a worker from claiming: brakes that are on, programs that do not boot, kinds that crash.
-- phase: pre

alter table backstay.worker add column admission jsonb not null default '{}';

-- Who looks after a group of dead letters, whatever becomes of it.
-- phase: pre
alter table backstay.dead_group add column owner text;

-- How long completed jobs of a kind are kept, where its declaration says otherwise than the rest.
-- phase: pre
alter table backstay.kind add column keep interval check (keep >= interval '1 second');

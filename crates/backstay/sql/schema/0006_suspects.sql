-- A job that waits since another suspect runs in its worker says so.
-- phase: pre

alter table backstay.scheduled drop constraint scheduled_why_check,
  add constraint scheduled_why_check check (why in ('scheduled', 'backing_off', 'snoozed', 'released', 'suspect')) not valid;
alter table backstay.scheduled validate constraint scheduled_why_check;

-- Messages about alerts whose incident somebody has taken in hand: its later steps are over, and what is raised after that is another one.
-- phase: pre
alter table backstay.message add column acknowledged_at timestamptz;
alter table backstay.message add column acknowledged_by text;

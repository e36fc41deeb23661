-- A kind may say at which crash and at which lost worker its jobs are dead.
-- phase: pre

alter type backstay.shape add attribute crash_limit smallint, add attribute lost_limit smallint;

-- Has a test sent through an alert channel.
-- role: operator
-- $1 name, $2 options, all text
-- answers {"id": "17"}, the message
select backstay.test_channel($1::text, $2::text::jsonb)::text

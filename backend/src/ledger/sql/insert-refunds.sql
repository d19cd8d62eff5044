-- A refund asked for again is the one that is there: its id is the provider's idempotency key.
INSERT INTO refunds (id, provider, session, amount_minor, currency, done)
SELECT new.*, false
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) AS new (id, provider, session, amount_minor, currency)
ON CONFLICT DO NOTHING

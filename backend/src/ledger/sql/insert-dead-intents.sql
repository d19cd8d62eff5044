INSERT INTO dead_intents (intent, reason, at_ms)
SELECT new.intent, new.reason, $3 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (intent, reason, place) ORDER BY new.place

-- The first that was paid comes last: the money of any further one went back at once.
SELECT payment_sessions.*
FROM unnest($1::text[], $2::text[]) AS wanted (sale, body)
JOIN payment_sessions ON payment_sessions.sale = wanted.sale AND payment_sessions.body = wanted.body
WHERE payment_sessions.status = 'paid'
ORDER BY payment_sessions.id DESC

-- One row for all that one transaction says of a sale: a tenth of what a row for each order costs.
INSERT INTO outbox (sale, bodies)
SELECT new.sale, new.bodies::text[]
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (sale, bodies, place)
ORDER BY new.place
RETURNING id

-- Whole announcements, oldest first, until there are as many orders as wanted. LIMIT 1: each order is found by its key, whatever the planner thinks.
SELECT first.id, found.*
FROM (
  SELECT id, sale, bodies, sum(cardinality(bodies)) OVER (ORDER BY id) - cardinality(bodies) AS before
  FROM (SELECT id, sale, bodies FROM outbox WHERE id <> ALL ($2::bigint[]) ORDER BY id LIMIT $1) AS oldest
) AS first
CROSS JOIN unnest(first.bodies) WITH ORDINALITY AS announced (body, place)
CROSS JOIN LATERAL (SELECT * FROM orders WHERE orders.sale = first.sale AND orders.body = announced.body LIMIT 1) AS found
WHERE first.before < $1
ORDER BY first.id, announced.place

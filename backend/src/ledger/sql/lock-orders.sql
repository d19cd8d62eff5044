SELECT orders.*
FROM unnest($1::text[], $2::text[]) AS wanted (sale, body)
JOIN orders ON orders.sale = wanted.sale AND orders.body = wanted.body
ORDER BY orders.sale, orders.body
FOR UPDATE OF orders

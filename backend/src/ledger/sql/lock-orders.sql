SELECT orders.*
FROM unnest($1::text[], $2::text[]) AS wanted (sale, body)
JOIN orders ON orders.sale = coalesce(wanted.sale, ($1::text[])[1]) AND orders.body = wanted.body
ORDER BY orders.sale, orders.body
FOR UPDATE OF orders

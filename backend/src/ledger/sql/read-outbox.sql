SELECT outbox.id, orders.*
FROM outbox
JOIN orders ON orders.sale = outbox.sale AND orders.body = outbox.body
ORDER BY outbox.id
LIMIT $1

-- Time is up, and no payment session is open but those named. Looked at again once their shards are locked.
SELECT orders.sale, orders.shard, orders.body
FROM orders
JOIN sales ON sales.sale = orders.sale AND NOT sales.rebuilding
WHERE orders.status = 'confirmed' AND orders.pay_by_ms <= $1
  AND NOT EXISTS (
    SELECT FROM payment_sessions AS open
    WHERE open.sale = orders.sale AND open.body = orders.body AND open.status = 'open' AND open.session <> ALL ($3::text[])
  )
ORDER BY orders.pay_by_ms, orders.sale, orders.body
LIMIT $2

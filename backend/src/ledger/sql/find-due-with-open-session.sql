SELECT payment_sessions.*
FROM orders
JOIN payment_sessions ON payment_sessions.sale = orders.sale AND payment_sessions.body = orders.body AND payment_sessions.status = 'open'
WHERE orders.status = 'confirmed' AND orders.pay_by_ms <= $1 AND payment_sessions.try_again_ms <= $1
ORDER BY orders.pay_by_ms, orders.sale, orders.body
LIMIT $2

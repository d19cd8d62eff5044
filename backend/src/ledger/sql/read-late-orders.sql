SELECT *
FROM orders
WHERE late AND NOT EXISTS (
  SELECT FROM payment_sessions AS paid
  WHERE paid.sale = orders.sale AND paid.body = orders.body AND paid.status = 'paid' AND paid.try_again_ms > $2
)
ORDER BY sale, body
LIMIT $1

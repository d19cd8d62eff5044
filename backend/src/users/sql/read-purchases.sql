-- by the index on sale and user: a look at each sale, and none at the orders of others
SELECT found.* FROM sales CROSS JOIN LATERAL (
  SELECT order_number, sale, sku, quantity, status, amount_minor, currency, confirmed_ms, paid_ms FROM orders
  WHERE orders.sale = sales.sale AND user_id = $1 AND order_number <> ''
  ORDER BY confirmed_ms DESC LIMIT $2
) AS found ORDER BY confirmed_ms DESC, order_number LIMIT $2

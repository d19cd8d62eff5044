SELECT sku, state, count(*) AS units FROM units WHERE sale = $1 GROUP BY sku, state

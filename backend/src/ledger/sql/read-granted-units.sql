SELECT sku, array_agg(unit ORDER BY unit) AS units, array_agg(generation ORDER BY unit) AS generations
FROM units
WHERE sale = $1 AND shard = $2 AND state = 'granted'
GROUP BY sku

SELECT * FROM orders WHERE sale = $1 AND shard = $2 ORDER BY body

SELECT * FROM orders WHERE sale = $1 AND body > $2 ORDER BY body LIMIT $3

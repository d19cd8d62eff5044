SELECT * FROM orders WHERE late ORDER BY sale, body LIMIT $1

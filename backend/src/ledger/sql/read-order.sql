SELECT * FROM orders WHERE sale = $1 AND body = $2

SELECT body FROM orders WHERE sale = $1 AND body = ANY ($2::text[])

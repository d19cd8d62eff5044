SELECT * FROM sales WHERE sale = ANY ($1::text[]) OR $2::boolean ORDER BY sale

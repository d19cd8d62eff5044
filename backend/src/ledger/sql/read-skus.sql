SELECT * FROM skus WHERE sale = ANY ($1::text[]) ORDER BY sale, position

DELETE FROM product_terms WHERE id = ANY($1::text[])

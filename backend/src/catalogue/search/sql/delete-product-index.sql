DELETE FROM product_index WHERE id = ANY($1::text[])

SELECT id FROM products WHERE id = ANY($1::text[]) AND NOT removed

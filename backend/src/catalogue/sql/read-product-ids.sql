SELECT id FROM products WHERE NOT removed ORDER BY id

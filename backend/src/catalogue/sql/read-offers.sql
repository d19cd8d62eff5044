SELECT id, offers FROM products WHERE NOT removed AND (offers <> '[]' OR id = ANY($1::text[]))

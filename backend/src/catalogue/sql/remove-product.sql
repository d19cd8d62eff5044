UPDATE products SET removed = true, offers = '[]', version = $2, updated_ms = $3 WHERE id = $1 AND NOT removed RETURNING id

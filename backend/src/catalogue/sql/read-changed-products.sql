SELECT id, version, removed FROM products WHERE version > $1 AND version <= $2 ORDER BY version LIMIT $3

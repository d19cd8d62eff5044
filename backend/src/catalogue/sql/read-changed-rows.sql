SELECT id, title, description, picture, amount_minor, currency, attributes, offers, version, updated_ms, removed
FROM products WHERE version > $1 AND version <= $2 ORDER BY version LIMIT $3

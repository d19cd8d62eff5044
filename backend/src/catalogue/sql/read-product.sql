SELECT id, title, description, picture, amount_minor, currency, attributes, offers, version, updated_ms
FROM products WHERE id = $1 AND NOT removed

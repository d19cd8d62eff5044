-- $1 ids, $2 offers of each, $3 version before, $4 now
UPDATE products SET offers = new.offers, version = $3 + new.place, updated_ms = $4
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (id, offers, place)
WHERE products.id = new.id AND NOT products.removed AND products.offers <> new.offers
RETURNING products.id

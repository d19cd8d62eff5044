-- only of products that there are
INSERT INTO visits (user_id, item, at_ms)
SELECT user_id, item, at_ms FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new (user_id, item, at_ms)
WHERE EXISTS (SELECT FROM products WHERE products.id = new.item AND NOT products.removed)
ORDER BY user_id, item
ON CONFLICT (user_id, item) DO UPDATE SET at_ms = GREATEST(visits.at_ms, excluded.at_ms)

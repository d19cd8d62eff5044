-- No lock: a shard's units are written under its row's lock, but for those of an order, written under the order's.
SELECT units.*
FROM unnest($1::text[], $2::text[], $3::integer[]) AS wanted (sale, sku, unit)
JOIN units ON units.sale = wanted.sale AND units.sku = wanted.sku AND units.unit = wanted.unit

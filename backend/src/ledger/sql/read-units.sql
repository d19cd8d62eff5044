-- Units of orders that are locked.
SELECT units.*
FROM unnest($1::text[], $2::text[], $3::integer[]) AS wanted (sale, sku, unit)
JOIN units ON units.sale = wanted.sale AND units.sku = wanted.sku AND units.unit = wanted.unit

-- The first units of each SKU that no order has.
SELECT free.*
FROM unnest($2::text[], $3::integer[]) AS wanted (sku, units_max),
LATERAL (
  SELECT * FROM units
  WHERE units.sale = $1 AND units.sku = wanted.sku AND units.state NOT IN ('confirmed', 'paid')
  ORDER BY units.unit
  LIMIT wanted.units_max
) AS free
ORDER BY free.sku, free.unit

-- Columns but the unit may come as arrays of one (db/array.ts, `column`).
-- Which of these units are not to be had under that generation: none of them in nearly every batch.
-- `returning` counts as granted: Redis knows the new generation only once the return was applied, and may have sold the unit since.
-- No lock: a shard's units are written under its row's lock, but for those of an order, written under the order's.
SELECT wanted.sale, wanted.sku, wanted.unit, wanted.generation
FROM (
  SELECT
    coalesce(sale, ($1::text[])[1]) AS sale, coalesce(sku, ($2::text[])[1]) AS sku, unit,
    coalesce(generation, ($4::integer[])[1]) AS generation
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) AS given (sale, sku, unit, generation)
) AS wanted
WHERE NOT EXISTS (
  SELECT FROM units
  WHERE units.sale = wanted.sale AND units.sku = wanted.sku AND units.unit = wanted.unit
    AND units.generation = wanted.generation AND units.state IN ('granted', 'returning')
)

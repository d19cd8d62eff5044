-- Struck off, and their units lent again, each only if it is still the unit that the return named.
WITH applied AS (
  DELETE FROM returns WHERE id = ANY ($1::bigint[]) RETURNING sale, sku, units, generations
)
UPDATE units SET state = 'granted'
FROM applied, unnest(applied.units, applied.generations) AS named (unit, generation)
WHERE units.sale = applied.sale AND units.sku = applied.sku AND units.unit = named.unit
  AND units.generation = named.generation AND units.state = 'returning'

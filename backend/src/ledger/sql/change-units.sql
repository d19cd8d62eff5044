-- Columns may come as arrays of one (db/array.ts, `column`).
-- Each only from the generation it is known to have, and none away from an order but its own: the caller counts the rows.
WITH changed AS (
  UPDATE units SET
    generation = coalesce(new.generation, ($5::integer[])[1]), epoch = coalesce(new.epoch, ($6::integer[])[1]),
    shard = coalesce(new.shard, ($7::integer[])[1]), state = coalesce(new.state, ($8::text[])[1]), reservation = new.reservation
  FROM unnest(
    $1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::text[], $9::text[]
  ) AS new (sale, sku, unit, from_generation, generation, epoch, shard, state, reservation)
  WHERE units.sale = coalesce(new.sale, ($1::text[])[1]) AND units.sku = coalesce(new.sku, ($2::text[])[1]) AND units.unit = new.unit
    AND units.generation = coalesce(new.from_generation, ($4::integer[])[1])
    AND (new.reservation = '' OR units.reservation = '')
  RETURNING 1
)
SELECT count(*) AS met FROM changed

-- Each only from the generation it is known to have, and none away from an order but its own: the caller counts the rows.
WITH changed AS (
  UPDATE units SET
    generation = new.generation, epoch = new.epoch, shard = new.shard, state = new.state, reservation = new.reservation
  FROM unnest(
    $1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::text[], $9::text[]
  ) AS new (sale, sku, unit, from_generation, generation, epoch, shard, state, reservation)
  WHERE units.sale = new.sale AND units.sku = new.sku AND units.unit = new.unit AND units.generation = new.from_generation
    AND (new.reservation = '' OR units.reservation = '')
  RETURNING 1
)
SELECT count(*) AS met FROM changed

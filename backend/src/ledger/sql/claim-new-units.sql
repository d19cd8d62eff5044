-- Columns may come as arrays of one (db/array.ts, `column`).
-- For orders whose units were not looked at before: each only from where find-unclaimable-units.sql would let it be claimed. The caller counts.
WITH claimed AS (
  UPDATE units SET
    epoch = coalesce(new.epoch, ($5::integer[])[1]), shard = coalesce(new.shard, ($6::integer[])[1]), state = 'confirmed',
    reservation = new.reservation
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::text[])
    AS new (sale, sku, unit, generation, epoch, shard, reservation)
  WHERE units.sale = coalesce(new.sale, ($1::text[])[1]) AND units.sku = coalesce(new.sku, ($2::text[])[1]) AND units.unit = new.unit
    AND units.generation = coalesce(new.generation, ($4::integer[])[1]) AND units.state IN ('granted', 'returning')
  RETURNING 1
)
SELECT count(*) AS met FROM claimed

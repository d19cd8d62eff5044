INSERT INTO units (sale, sku, unit, generation, epoch, shard, state, reservation)
SELECT new.sale, new.sku, new.unit, 1, new.epoch, new.shard, new.state, new.reservation
FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[])
  AS new (sale, sku, unit, epoch, shard, state, reservation)

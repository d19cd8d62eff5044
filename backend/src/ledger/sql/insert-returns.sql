INSERT INTO returns (sale, shard, epoch, sku, body, user_id, quantity, units, generations, expired)
SELECT new.sale, new.shard, new.epoch, new.sku, new.body, new.user_id, new.quantity, new.units::integer[], new.generations::integer[], new.expired
FROM unnest(
  $1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[], $10::boolean[]
) WITH ORDINALITY AS new (sale, shard, epoch, sku, body, user_id, quantity, units, generations, expired, place)
ORDER BY new.place

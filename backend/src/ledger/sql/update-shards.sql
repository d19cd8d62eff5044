UPDATE shards SET last_order = new.last_order
FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS new (sale, shard, last_order)
WHERE shards.sale = new.sale AND shards.shard = new.shard

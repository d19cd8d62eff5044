-- The sales against a rebuild, the shards against each other's settlement and endings, in one order for all.
SELECT sales.*, shards.shard, shards.last_order
FROM unnest($1::text[], $2::integer[]) AS wanted (sale, shard)
JOIN shards ON shards.sale = wanted.sale AND shards.shard = wanted.shard
JOIN sales ON sales.sale = wanted.sale
ORDER BY shards.sale, shards.shard
FOR SHARE OF sales FOR UPDATE OF shards

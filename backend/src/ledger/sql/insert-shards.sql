INSERT INTO shards (sale, shard, last_order) SELECT $1, shard, 0 FROM generate_series(0, $2::integer - 1) AS shard

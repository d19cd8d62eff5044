SELECT DISTINCT sale, shard FROM returns WHERE id = ANY ($1::bigint[])

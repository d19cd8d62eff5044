-- Of buyers who were looked for under their shard's lock and have no row: cheaper than add-to-buyers.sql.
INSERT INTO buyers (sale, user_id, sku, units, expired_holds)
SELECT new.sale, new.user_id, new.sku, new.units, 0
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS new (sale, user_id, sku, units)

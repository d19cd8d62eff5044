-- Of buyers who were looked for under their shard's lock and have no row: cheaper than add-to-buyers.sql.
INSERT INTO buyers (sale, user_id, sku, units, expired_holds)
SELECT coalesce(new.sale, ($1::text[])[1]), new.user_id, coalesce(new.sku, ($3::text[])[1]), coalesce(new.units, ($4::integer[])[1]), 0
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS new (sale, user_id, sku, units)

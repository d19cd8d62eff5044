INSERT INTO buyers (sale, user_id, sku, units, expired_holds)
SELECT new.sale, new.user_id, new.sku, new.units, 0
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS new (sale, user_id, sku, units)
ON CONFLICT (sale, user_id, sku) DO UPDATE SET units = buyers.units + excluded.units

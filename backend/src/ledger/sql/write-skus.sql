-- New SKUs, and grown totals and new price versions of known ones.
INSERT INTO skus (sale, sku, position, total, minted, price_version)
SELECT $1, new.sku, new.position, new.total, 0, new.price_version
FROM unnest($2::text[], $3::integer[], $4::integer[], $5::integer[]) AS new (sku, position, total, price_version)
ON CONFLICT (sale, sku) DO UPDATE SET total = excluded.total, price_version = excluded.price_version

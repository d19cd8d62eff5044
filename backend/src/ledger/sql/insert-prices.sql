INSERT INTO sku_prices (sale, sku, price_version, title, amount_minor, currency, user_max)
SELECT $1, new.*
FROM unnest($2::text[], $3::integer[], $4::text[], $5::bigint[], $6::text[], $7::integer[])
  AS new (sku, price_version, title, amount_minor, currency, user_max)
ON CONFLICT DO NOTHING

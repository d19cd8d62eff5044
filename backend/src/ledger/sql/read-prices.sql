SELECT * FROM sku_prices WHERE sale = ANY ($1::text[]) ORDER BY sale, sku, price_version

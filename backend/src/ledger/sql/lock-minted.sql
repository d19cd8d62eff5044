-- Unlimited SKUs count their units in one place for all shards.
SELECT skus.sale, skus.sku, skus.minted
FROM unnest($1::text[], $2::text[]) AS wanted (sale, sku)
JOIN skus ON skus.sale = wanted.sale AND skus.sku = wanted.sku
ORDER BY skus.sale, skus.sku
FOR UPDATE OF skus

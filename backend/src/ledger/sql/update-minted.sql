UPDATE skus SET minted = new.minted
FROM unnest($1::text[], $2::text[], $3::integer[]) AS new (sale, sku, minted)
WHERE skus.sale = new.sale AND skus.sku = new.sku

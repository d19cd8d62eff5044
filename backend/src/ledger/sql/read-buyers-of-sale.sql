SELECT * FROM buyers WHERE sale = $1 AND (units > 0 OR expired_holds > 0) ORDER BY sku, user_id

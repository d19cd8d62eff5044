SELECT buyers.*
FROM unnest($1::text[], $2::text[]) AS wanted (sale, user_id)
JOIN buyers ON buyers.sale = coalesce(wanted.sale, ($1::text[])[1]) AND buyers.user_id = wanted.user_id

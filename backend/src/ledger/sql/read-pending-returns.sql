-- None of a sale being rebuilt: its rebuild deletes them.
SELECT returns.*
FROM returns
JOIN sales ON sales.sale = returns.sale AND NOT sales.rebuilding
ORDER BY returns.id
LIMIT $1

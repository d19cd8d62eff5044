UPDATE accounts SET password = coalesce($2, password), level = coalesce($3, level)
WHERE user_id = $1
RETURNING password, level

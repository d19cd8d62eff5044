DELETE FROM products WHERE removed AND updated_ms < $1 RETURNING version

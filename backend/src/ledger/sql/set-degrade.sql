UPDATE sales_version SET version = version + 1, degrade_level = $1, degrade_pinned = $2

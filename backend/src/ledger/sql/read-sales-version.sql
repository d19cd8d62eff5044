SELECT version, degrade_level, degrade_pinned FROM sales_version

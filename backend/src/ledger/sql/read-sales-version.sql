SELECT version FROM sales_version

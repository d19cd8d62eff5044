SELECT version, products, forgotten, reindex_asked_ms, sql_built_ms FROM catalogue_version

-- First in every change of the catalogue: versions commit in their order.
SELECT version, products, forgotten, reindex_asked_ms, sql_built_ms FROM catalogue_version FOR UPDATE

UPDATE catalogue_version SET sql_built_ms = $1

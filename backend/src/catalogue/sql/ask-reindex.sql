UPDATE catalogue_version SET reindex_asked_ms = GREATEST($1, reindex_asked_ms + 1) RETURNING reindex_asked_ms

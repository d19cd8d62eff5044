UPDATE catalogue_version SET forgotten = GREATEST(forgotten, $1)

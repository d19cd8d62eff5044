UPDATE catalogue_version SET version = $1, products = products + $2

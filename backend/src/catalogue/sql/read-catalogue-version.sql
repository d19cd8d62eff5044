SELECT version, products, forgotten FROM catalogue_version

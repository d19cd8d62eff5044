UPDATE pins_version SET version = version + 1

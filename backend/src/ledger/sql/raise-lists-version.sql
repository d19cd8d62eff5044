UPDATE lists_version SET version = version + 1

SELECT count(*)::int AS pins FROM pins

SELECT count(*)::int AS entries FROM list_entries

SELECT version FROM lists_version

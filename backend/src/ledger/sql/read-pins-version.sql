SELECT version FROM pins_version

"""How values are written in files: YAML, JSON, TOML, INI, quotes and variables, with the place of every character."""

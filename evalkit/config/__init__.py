"""Configuration: the schema, the search path for conf/, and configs read back from output directories."""

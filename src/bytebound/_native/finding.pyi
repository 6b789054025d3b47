# Only other extensions use this one.

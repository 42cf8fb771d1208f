"""The checks of the audit: the bundle itself, one log by itself, logs against each other."""

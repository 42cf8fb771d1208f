"""A run told again with a lie in it, and what the audit says."""

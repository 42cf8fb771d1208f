"""Data of a region: the manifest that describes it, the table, the checks before it is used."""

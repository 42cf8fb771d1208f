"""What a region keeps on disk: its log, payloads, the vault, copies of other logs."""

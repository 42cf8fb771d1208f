"""What a data protection officer reads: what left, what would leave, and on what data."""

"""What a data protection officer reads: what left, and what would leave."""

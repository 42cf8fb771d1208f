"""From models to integers and back, and bounds on false values."""

"""Measures synthetic data against real rows: likeness, use, risk, and the release gate."""

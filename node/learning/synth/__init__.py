"""Synthetic data: generators that regions train together, and what measures them."""

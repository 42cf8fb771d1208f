"""Masked sums that open whole or not at all: one receiver, its members."""
